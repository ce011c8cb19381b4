"""What is particular to the ACS client: ids, signatures, tries, and what each answer means."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential

from shared.edges.acs import AcsCarrier, open_carrier
from shared.ports.carrier import Addressee, SendRequest, SendResult
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    SmsError,
)
from tests.integration.contracts.acs_server import (
    ACCESS_KEY,
    AcsServer,
    Step,
    StoppedClock,
    acs_server,
    cut_short,
    dropped,
    garbage,
    never_answered,
    signature,
    status,
    taken,
)

ADA = "+14255550101"
BEN = "+14255550102"
ID_A = "6f1c1f0e-0000-5000-8000-00000000000a"
ID_B = "6f1c1f0e-0000-5000-8000-00000000000b"
REQUEST = SendRequest(
    sender="+18005550100",
    text="Your code is 482911",
    addressees=(Addressee(ADA, ID_A), Addressee(BEN, ID_B)),
    first_sent=datetime(2026, 3, 14, 9, 5, 7, 999_999, tzinfo=UTC),
    tag="tag-1",
)


@pytest.fixture
async def server() -> AsyncIterator[AcsServer]:
    """Give the test's ACS."""
    async with acs_server() as running:
        yield running


@pytest.fixture
def clock() -> StoppedClock:
    """Give a clock that stands still."""
    return StoppedClock()


@pytest.fixture
async def carrier(server: AcsServer, clock: StoppedClock) -> AsyncIterator[AcsCarrier]:
    """Give the client of the test's ACS."""
    opened = open_carrier(server.connection_string, clock=clock, read_timeout_s=0.3)
    yield opened
    await opened.close()


async def _error(carrier: AcsCarrier) -> SmsError:
    with pytest.raises(SmsError) as caught:
        await carrier.send(REQUEST)
    return caught.value


async def test_the_body_is_what_the_rest_api_documents(carrier: AcsCarrier, server: AcsServer) -> None:
    await carrier.send(REQUEST)

    first_sent = "Sat, 14 Mar 2026 09:05:07 GMT"
    assert server.seen[0].body == {
        "from": "+18005550100",
        "smsRecipients": [
            {"to": ADA, "repeatabilityRequestId": ID_A, "repeatabilityFirstSent": first_sent},
            {"to": BEN, "repeatabilityRequestId": ID_B, "repeatabilityFirstSent": first_sent},
        ],
        "message": "Your code is 482911",
        "smsSendOptions": {"enableDeliveryReport": True, "tag": "tag-1"},
    }
    assert int(server.seen[0].headers["Content-Length"]) == len(server.seen[0].raw)


async def test_a_repeat_has_the_same_ids_and_first_sent_and_is_signed_anew(
    carrier: AcsCarrier, server: AcsServer
) -> None:
    server.script.extend([status(503), dropped(takes=True)])

    assert isinstance(await _error(carrier), CarrierUnavailable)
    assert isinstance(await _error(carrier), CarrierSilent)
    results = await carrier.send(REQUEST)

    assert [result.accepted for result in results] == [True, True]
    assert len({seen.raw for seen in server.seen}) == 1
    assert [(seen.is_signed, seen.ids) for seen in server.seen] == [(True, [ID_A, ID_B])] * 3
    assert len(server.sent) == 2


async def test_the_signature_matches_a_known_one() -> None:
    raw = (
        b'{"from":"+18005551234","smsRecipients":[{"to":"+14255550123"}],"message":"hi",'
        b'"smsSendOptions":{"enableDeliveryReport":true}}'
    )

    signed = signature(
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "POST",
        "/sms?api-version=2021-03-07",
        "Thu, 10 Aug 2023 12:39:55 GMT",
        "127.0.0.1:7311",
        raw,
    )

    assert signed == "fJJogKPvC7VxXmzVhgH8KS+dZjriXXpAWujXeS4gkEM="


async def test_a_wrong_key_is_refused_as_credentials(server: AcsServer, clock: StoppedClock) -> None:
    wrong = AcsCarrier(server.endpoint, AzureKeyCredential("d3Jvbmc="), clock=clock)

    error = await _error(wrong)
    await wrong.close()

    assert isinstance(error, CarrierRefused)
    assert error.target == "credentials"
    assert len(server.seen) == 1


BARE_FROM: dict[str, Any] = {"From": ["Invalid From phone number format"]}
PROBLEM: dict[str, Any] = {"title": "…", "status": 400, "errors": {"SmsRecipients": ["Max of 100"]}}


@pytest.mark.parametrize(
    ("step", "target"),
    [
        (status(400, BARE_FROM), "sender"),
        (status(400, PROBLEM), "recipients"),
        (status(400, {"errors": {"Message": ["too long"]}}), "text"),
        (status(400, {"error": {"code": "BadRequest", "message": "no"}}), "request"),
        (status(400, ["no"]), "request"),
        (status(400), "request"),
        (status(401, {"error": {"code": "Unauthorized", "message": ""}}), "credentials"),
        (status(403), "credentials"),
        (status(404), "endpoint"),
        (status(302, Location="/elsewhere"), "endpoint"),
        (status(422), "request"),
    ],
    ids=["from", "problem", "text", "error", "list", "null", "401", "403", "404", "302", "422"],
)
async def test_a_refusal_names_what_is_wrong_and_is_not_repeated(
    carrier: AcsCarrier, server: AcsServer, step: Step, target: str
) -> None:
    server.script.append(step)

    error = await _error(carrier)

    assert isinstance(error, CarrierRefused)
    assert error.target == target
    assert error.permanent
    assert len(server.seen) == 1
    assert server.sent == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "30"}, 30),
        ({"Retry_After": "Sat, 14 Mar 2026 15:09:56 GMT"}, 30),
        ({"Retry_After": "Sat, 14 Mar 2026 15:00:00 GMT"}, 0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-1"}, None),
        ({"x_ms_retry_after_ms": "1500"}, 2),
        ({"retry_after_ms": "200"}, 1),
    ],
    ids=["none", "seconds", "date", "past date", "nonsense", "negative", "ms", "other ms"],
)
async def test_throttling_is_passed_on_at_once_with_the_wait_it_names(
    carrier: AcsCarrier, server: AcsServer, clock: StoppedClock, headers: dict[str, str], seconds: int | None
) -> None:
    server.script.append(status(429, **headers))

    error = await _error(carrier)

    assert isinstance(error, CarrierThrottled)
    assert error.retry_after_s == seconds
    assert len(server.seen) == 1


@pytest.mark.parametrize("code", [503, 408])
async def test_what_acs_did_not_take_is_passed_on_at_once(carrier: AcsCarrier, server: AcsServer, code: int) -> None:
    server.script.append(status(code))

    error = await _error(carrier)

    assert isinstance(error, CarrierUnavailable)
    assert len(server.seen) == 1
    assert server.sent == []


async def test_a_503_is_passed_on_with_the_pause_that_it_asks_for(carrier: AcsCarrier, server: AcsServer) -> None:
    server.script.append(status(503, Retry_After="60"))

    error = await _error(carrier)

    assert isinstance(error, CarrierUnavailable)
    assert error.retry_after_s == 60


AMBIGUOUS = {
    "500": status(500),
    "502": status(502),
    "504": status(504),
    "200 instead of 202": status(200, {"value": []}),
    "reset before": dropped(takes=False),
    "reset after": dropped(takes=True),
    "cut short": cut_short(),
    "never": never_answered(),
    "not JSON": garbage("{"),
    "HTML": garbage("<p>ok</p>", "text/html"),
    "empty": garbage(""),
    "no value": taken(lambda _: {}),
    "null value": taken(lambda _: {"value": None}),
    "a list": taken(lambda items: items),
    "one missing": taken(lambda items: {"value": items[:1]}),
    "one too many": taken(lambda items: {"value": [*items, items[0]]}),
    "one twice": taken(lambda items: {"value": [items[0], items[0]]}),
    "without status": taken(lambda _: {"value": [{"to": ADA}, {"to": BEN}]}),
    "status in words": taken(lambda items: {"value": [item | {"httpStatusCode": "ok"} for item in items]}),
    "items of nothing": taken(lambda _: {"value": [None, None]}),
}


@pytest.mark.parametrize("step", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_an_answer_that_says_nothing_certain_is_silence_and_a_repeat_can_tell(
    carrier: AcsCarrier, server: AcsServer, step: Step
) -> None:
    server.script.append(step)

    error = await _error(carrier)
    assert isinstance(error, CarrierSilent)
    assert [seen.ids for seen in server.seen] == [[ID_A, ID_B]]

    results = await carrier.send(REQUEST)
    assert [result.accepted for result in results] == [True, True]
    assert len(server.sent) == 2


async def test_results_in_another_order_are_matched_by_recipient(carrier: AcsCarrier, server: AcsServer) -> None:
    server.script.append(taken(lambda items: {"value": list(reversed(items))}))

    results = await carrier.send(REQUEST)

    assert results == (
        SendResult(ADA, accepted=True, http_status=202, message_id="Outgoing_1_noam"),
        SendResult(BEN, accepted=True, http_status=202, message_id="Outgoing_2_noam"),
    )


async def test_results_are_matched_when_acs_leaves_out_the_plus(carrier: AcsCarrier, server: AcsServer) -> None:
    server.script.append(taken(lambda items: {"value": [item | {"to": item["to"].lstrip("+")} for item in items]}))

    assert [result.to for result in await carrier.send(REQUEST)] == [ADA, BEN]


async def test_a_port_that_nobody_serves_is_unavailable(clock: StoppedClock) -> None:
    async with acs_server() as gone:
        connection_string = gone.connection_string
    carrier = open_carrier(connection_string, clock=clock)

    error = await _error(carrier)
    with pytest.raises(CarrierUnavailable):
        await carrier.probe()
    await carrier.close()

    assert isinstance(error, CarrierUnavailable)


@pytest.mark.parametrize("step", [*AMBIGUOUS.values(), status(400, BARE_FROM), status(429)])
async def test_no_log_and_no_error_shows_a_number_a_text_or_the_key(
    carrier: AcsCarrier, server: AcsServer, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.append(step)

    with caplog.at_level(logging.DEBUG):
        error = await _error(carrier)

    shown = f"{error} {error.__cause__} {error.__context__} {caplog.text}"
    for secret in (ADA[1:], BEN[1:], REQUEST.sender[1:], "482911", ACCESS_KEY):
        assert secret not in shown


async def test_a_first_sent_of_another_zone_goes_out_in_gmt(server: AcsServer, carrier: AcsCarrier) -> None:
    paris = timezone(timedelta(hours=1))
    local = datetime(2026, 3, 14, 10, 5, 7, tzinfo=paris)

    await carrier.send(SendRequest("12345", "Hi", (Addressee(ADA, ID_A),), local, "t", delivery_report=False))

    body = server.seen[0].body
    assert body["smsRecipients"][0]["repeatabilityFirstSent"] == "Sat, 14 Mar 2026 09:05:07 GMT"
    assert body["smsSendOptions"]["enableDeliveryReport"] is False


@pytest.mark.parametrize("answer", [200, 401, 404])
async def test_a_probe_is_content_with_any_answer_that_is_not_a_failure(
    carrier: AcsCarrier, server: AcsServer, answer: int
) -> None:
    server.root_status = answer

    await carrier.probe()
