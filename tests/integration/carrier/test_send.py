"""`POST /sms`: what is accepted, item by item, and what is refused whole."""

from __future__ import annotations

import json
import re

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from tests.integration.carrier.harness import PERSON, SHORT_CODE, TOLL_FREE, Json, Stand, sms

PATH = "/sms?api-version=2021-03-07"


def numbers(count: int) -> list[str]:
    """Return so many ordinary numbers."""
    return [f"+1425555{index:04d}" for index in range(count)]


async def test_a_text_is_accepted_with_an_item_as_the_service_writes_it(stand: Stand) -> None:
    reply = await stand.post_sms(sms(PERSON))
    assert reply.status == 202
    (item,) = reply.body["value"]
    assert re.fullmatch(r"[0-9a-f-]{36}", item.pop("messageId"))
    assert item == {"to": PERSON, "httpStatusCode": 202, "repeatabilityResult": "accepted", "successful": True}


async def test_an_answer_has_the_headers_of_the_service(stand: Stand) -> None:
    reply = await stand.post_sms(sms(PERSON))
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}\.0", reply.headers["MS-CV"])
    assert reply.headers["api-supported-versions"] == "2020-07-20-preview1, 2020-08-20-preview, 2021-03-07"
    assert re.fullmatch(r"\d+ms", reply.headers["X-Processing-Time"])


async def test_100_recipients_are_answered_in_the_order_asked(stand: Stand) -> None:
    async with stand.sdk() as client:
        results = await client.send(TOLL_FREE, numbers(100), "Hello", enable_delivery_report=True, tag="t")
    assert [result.to for result in results] == numbers(100)
    assert all(result.successful for result in results)
    assert len({result.message_id for result in results}) == 100
    assert {message["tag"] for message in await stand.values("/messages")} == {"t"}


async def test_101_recipients_are_refused(stand: Stand) -> None:
    reply = await stand.post_sms(sms(*numbers(101)))
    assert (reply.status, reply.body) == (
        400,
        {"SmsRecipients": ["Max of 100 phone are allowed in the To field."]},
    )
    async with stand.sdk() as client:
        with pytest.raises(HttpResponseError):
            await client.send(TOLL_FREE, numbers(101), "Hello")
    assert await stand.values("/messages") == []


@pytest.mark.parametrize("to", ["+112345678901", "4255550123", "+0425555", "", "+1 425 555 0123", "+123", "abc"])
async def test_a_bad_recipient_is_refused_alone(stand: Stand, to: str) -> None:
    bad, good = await stand.send(to, PERSON)
    assert bad == {
        "to": to,
        "httpStatusCode": 400,
        "errorMessage": "Invalid To phone number format.",
        "successful": False,
    }
    assert good["successful"] is True


@pytest.mark.parametrize("sender", [TOLL_FREE, SHORT_CODE, "CONTOSO"])
async def test_each_sender_that_the_resource_owns_may_send(stand: Stand, sender: str) -> None:
    (item,) = await stand.send(PERSON, sender=sender)
    assert item["httpStatusCode"] == 202


async def test_a_sender_of_someone_else_is_refused_like_a_bad_key(stand: Stand) -> None:
    reply = await stand.post_sms(sms(PERSON, sender="+18005550199"))
    assert (reply.status, reply.body) == (401, {"error": {"code": "Unauthorized", "message": ""}})
    async with stand.sdk() as client:
        with pytest.raises(ClientAuthenticationError):
            await client.send("FABRIKAM", PERSON, "Hello")


@pytest.mark.parametrize("sender", ["", "+", "123", "+1800555010", "ABCDEFGHIJKL", "Conto$o", "1234567"])
async def test_a_badly_formed_sender_is_refused(stand: Stand, sender: str) -> None:
    reply = await stand.post_sms(sms(PERSON, sender=sender))
    assert (reply.status, reply.body) == (400, {"From": ["Invalid From phone number format"]})


def without(key: str) -> dict[str, Json]:
    """Return a valid body less one field."""
    return {name: value for name, value in sms(PERSON).items() if name != key}


def with_options(**options: object) -> dict[str, Json]:
    """Return a valid body with exactly these options."""
    return {**sms(PERSON), "smsSendOptions": options}


INVALID: list[tuple[str, object, str]] = [
    ("no sender", without("from"), "From"),
    ("no recipients", without("smsRecipients"), "SmsRecipients"),
    ("no text", without("message"), "Message"),
    ("a null text", {**sms(PERSON), "message": None}, "Message"),
    ("an empty list", {**sms(PERSON), "smsRecipients": []}, "SmsRecipients"),
    ("recipients as text", {**sms(PERSON), "smsRecipients": PERSON}, "SmsRecipients"),
    ("a recipient as text", {**sms(PERSON), "smsRecipients": [PERSON]}, "SmsRecipients"),
    ("a recipient without to", {**sms(PERSON), "smsRecipients": [{}]}, "To"),
    ("a number as sender", {**sms(PERSON), "from": 12345}, "From"),
    ("2049 characters", sms(PERSON, text="a" * 2049), "Message"),
    ("half a surrogate pair", sms(PERSON, text="\ud83d"), "Message"),
    ("options without a report flag", with_options(tag="t"), "EnableDeliveryReport"),
    ("a report flag as text", with_options(enableDeliveryReport="true"), "EnableDeliveryReport"),
    ("a tag that is no text", with_options(enableDeliveryReport=True, tag=1), "Tag"),
    ("a timeout of 59 s", sms(PERSON, deliveryReportTimeoutInSeconds=59), "DeliveryReportTimeoutInSeconds"),
    ("a timeout over 12 h", sms(PERSON, deliveryReportTimeoutInSeconds=43_201), "DeliveryReportTimeoutInSeconds"),
    ("a timeout as flag", sms(PERSON, deliveryReportTimeoutInSeconds=True), "DeliveryReportTimeoutInSeconds"),
    ("options as text", {**sms(PERSON), "smsSendOptions": "x"}, "SmsSendOptions"),
    ("a list as body", [], "Body"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
async def test_an_invalid_request_is_refused_whole_and_names_the_field(stand: Stand, body: object, field: str) -> None:
    reply = await stand.post_sms(body)
    assert (reply.status, list(reply.body)) == (400, [field])
    assert await stand.values("/messages") == []


async def test_2048_characters_and_an_empty_text_are_accepted(stand: Stand) -> None:
    await stand.send(PERSON, text="a" * 2048)
    await stand.send(PERSON, text="")
    assert [message["segments"] for message in await stand.values("/messages")] == [14, 1]


async def test_a_body_that_is_not_json_is_unprocessable(stand: Stand) -> None:
    reply = await stand.signed("POST", PATH, b"{not json")
    assert (reply.status, reply.body["error"]["code"]) == (422, "UnprocessableEntity")


async def test_the_problem_style_is_problem_details(stand: Stand) -> None:
    await stand.trouble(errorStyle="problem")
    reply = await stand.post_sms(sms(*numbers(101)))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", reply.body.pop("traceId"))
    assert (reply.status, reply.body) == (
        400,
        {
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "errors": {"SmsRecipients": ["Max of 100 phone are allowed in the To field."]},
        },
    )


async def test_the_error_style_is_an_error_object(stand: Stand) -> None:
    await stand.trouble(errorStyle="error")
    reply = await stand.post_sms(sms(PERSON, sender="?"))
    assert reply.body == {"error": {"code": "BadRequest", "message": "Invalid From phone number format"}}


@pytest.mark.parametrize("version", ["2021-03-07", "2024-12-10-preview", "2020-07-20-preview1", "2026-01-23"])
async def test_every_dated_api_version_is_taken(stand: Stand, version: str) -> None:
    assert (await stand.post_sms(sms(PERSON), version)).status == 202


@pytest.mark.parametrize(
    ("path", "code"),
    [("/sms", "MissingApiVersionParameter"), ("/sms?api-version=1", "UnsupportedApiVersionValue")],
)
async def test_a_request_needs_a_proper_api_version(stand: Stand, path: str, code: str) -> None:
    reply = await stand.signed("POST", path, json.dumps(sms(PERSON)).encode())
    assert (reply.status, reply.body["error"]["code"]) == (400, code)


async def test_the_same_recipient_twice_in_a_request_is_two_messages(stand: Stand) -> None:
    first, second = await stand.send(PERSON, PERSON)
    assert first["messageId"] != second["messageId"]


async def test_without_repeatability_fields_there_is_no_repeatability_result(stand: Stand) -> None:
    reply = await stand.post_sms({"from": TOLL_FREE, "smsRecipients": [{"to": PERSON}], "message": "Hello"})
    assert "repeatabilityResult" not in reply.body["value"][0]
    (message,) = await stand.values("/messages")
    assert (message["repeatabilityRequestId"], message["deliveryReport"]) == (None, False)


@pytest.mark.parametrize(
    ("style", "pattern"),
    [
        ("guid", r"[0-9a-f-]{36}"),
        ("prefixed", r"Outgoing_\d{14}[0-9a-f-]{36}"),
        ("prefixedRegion", r"Outgoing_\d{14}[0-9a-f-]{36}_noam"),
    ],
)
async def test_a_message_id_has_the_style_in_force(stand: Stand, style: str, pattern: str) -> None:
    await stand.trouble(messageIdStyle=style)
    (item,) = await stand.send(PERSON)
    assert re.fullmatch(pattern, item["messageId"])


async def test_the_client_request_id_is_given_back_when_asked_for(stand: Stand) -> None:
    body = json.dumps(sms(PERSON)).encode()
    asked = {"x_ms_client_request_id": "abc", "x_ms_return_client_request_id": "true"}
    reply = await stand.signed("POST", PATH, body, **asked)
    assert reply.headers["x-ms-client-request-id"] == "abc"
