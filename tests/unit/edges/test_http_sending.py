"""POST and GET /api/messages: what goes in and out, and every way to get it wrong."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from shared.rules.errors import CarrierRefused, CarrierThrottled, CarrierUnavailable, SmsError, StorageUnavailable
from tests.unit.edges.calling import Caller, calling, error_of, read
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, BOB, SHORT_CODE, World

GOOD = {"to": ANN, "text": "Hello"}


async def test_a_send_is_answered_with_202_and_a_result_per_recipient(caller: Caller) -> None:
    response = await caller.send({"from": SHORT_CODE, "to": [ANN, "x", BOB], "text": "Hello", "tag": "t"})
    assert response.status_code == 202
    value = read(response)["value"]
    assert [(one["to"], one["state"], one.get("reason"), one["segments"]) for one in value] == [
        (ANN, "sent", None, 1),
        ("x", "rejected", "invalidNumber", 1),
        (BOB, "sent", None, 1),
    ]
    assert ["id" in one for one in value] == [True, False, True]


async def test_one_recipient_may_be_written_without_a_list(caller: Caller) -> None:
    assert [one["to"] for one in read(await caller.send(GOOD))["value"]] == [ANN]


async def test_a_report_is_asked_for_unless_it_is_not_wanted(caller: Caller) -> None:
    await caller.send(GOOD)
    await caller.send({**GOOD, "deliveryReport": False})
    assert [one.delivery_report for one in caller.world.carrier.requests] == [True, False]


@pytest.mark.parametrize(
    ("body", "code", "target"),
    [
        ({"text": "x"}, "MissingField", "to"),
        ({"to": ANN}, "MissingField", "text"),
        ({**GOOD, "texts": "x"}, "UnknownField", "texts"),
        ({**GOOD, "sender": "x"}, "UnknownField", "sender"),
        ({**GOOD, "to": []}, "TooFew", "to"),
        ({**GOOD, "to": [ANN] * 101}, "TooMany", "to"),
        ({**GOOD, "to": 1}, "InvalidValue", "to"),
        ({**GOOD, "to": [1]}, "InvalidValue", "to[0]"),
        ({**GOOD, "text": ""}, "TooShort", "text"),
        ({**GOOD, "text": "x" * 2049}, "TooLong", "text"),
        ({**GOOD, "text": "😀" * 1025}, "TooLong", "text"),
        ({**GOOD, "text": None}, "InvalidValue", "text"),
        ({**GOOD, "tag": "x" * 129}, "TooLong", "tag"),
        ({**GOOD, "deliveryReport": "yes"}, "InvalidValue", "deliveryReport"),
        ({**GOOD, "from": ""}, "TooShort", "from"),
        ({**GOOD, "from": "+18005550199"}, "UnknownSender", "from"),
        ([GOOD], "InvalidValue", None),
        ({}, "InvalidRequest", None),
    ],
)
async def test_a_wrong_body_is_refused_by_name(caller: Caller, body: object, code: str, target: str | None) -> None:
    assert error_of(await caller.send(body)) == (400, code, target)
    assert caller.world.carrier.requests == []


async def test_several_things_wrong_are_named_in_the_details(caller: Caller) -> None:
    response = await caller.send({"to": [], "text": "", "oops": 1})
    assert error_of(response) == (400, "InvalidRequest", None)
    details = read(response)["error"]["details"]
    assert [(one["code"], one["target"]) for one in details] == [
        ("TooFew", "to"),
        ("TooShort", "text"),
        ("UnknownField", "oops"),
    ]


async def test_no_more_than_twenty_details_are_given(caller: Caller) -> None:
    response = await caller.send({**GOOD, **{f"x{number}": 1 for number in range(50)}})
    error = read(response)["error"]
    assert error["message"].startswith("50 things")
    assert len(error["details"]) == 20


@pytest.mark.parametrize("recipient", ["", "x" * 65, "\x00", "😀", "+", "911"])
async def test_one_bad_recipient_never_sinks_the_others(caller: Caller, recipient: str) -> None:
    response = await caller.send({**GOOD, "to": [recipient, ANN]})
    assert response.status_code == 202
    assert [one["state"] for one in read(response)["value"]] == ["rejected", "sent"]


@pytest.mark.parametrize("text", ["x" * 2048, "😀" * 1024, " ", "\x00"])
async def test_the_longest_and_the_oddest_texts_are_taken(caller: Caller, text: str) -> None:
    assert (await caller.send({**GOOD, "text": text})).status_code == 202


@pytest.mark.parametrize(
    ("raw", "headers", "expected"),
    [
        (b"{", {}, (400, "InvalidJson", None)),
        (b'{"text": "\\ud83d"}', {}, (400, "InvalidJson", None)),
        (b"", {}, (400, "EmptyBody", None)),
        (b"\xff\xfe", {}, (400, "InvalidEncoding", None)),
        (b"{}", {"Content-Type": "text/plain"}, (415, "UnsupportedMediaType", "Content-Type")),
        (b"{}", {"Content-Type": "text/csv"}, (415, "UnsupportedMediaType", "Content-Type")),
        (b"{}", {"Content-Type": ""}, (415, "UnsupportedMediaType", "Content-Type")),
        (b" " * (1024 * 1024 + 1), {}, (413, "PayloadTooLarge", None)),
        (b"[" * 100_000, {}, (400, "InvalidJson", None)),
    ],
)
async def test_a_body_that_is_no_json_of_ours_is_refused(
    caller: Caller, raw: bytes, headers: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    assert error_of(await caller.post("send_message", "messages", raw=raw, headers=headers)) == expected


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json "])
async def test_json_is_json_however_it_is_spelled(caller: Caller, content_type: str) -> None:
    response = await caller.post("send_message", "messages", GOOD, headers={"content-type": content_type})
    assert response.status_code == 202


async def test_a_byte_order_mark_is_no_harm(caller: Caller) -> None:
    raw = b'\xef\xbb\xbf{"to": "+14255550111", "text": "Hello"}'
    assert (await caller.post("send_message", "messages", raw=raw)).status_code == 202


@pytest.mark.parametrize("header", ["Idempotency-Key", "Repeatability-Request-ID", "IDEMPOTENCY-KEY"])
async def test_a_repeat_with_either_header_sends_nothing(caller: Caller, header: str) -> None:
    first = await caller.send(GOOD, **{header: "key"})
    again = await caller.send(GOOD, **{header: "key"})
    assert (first.status_code, first.get_body()) == (again.status_code, again.get_body())
    assert len(caller.world.carrier.requests) == 1


async def test_both_headers_name_the_same_key(caller: Caller) -> None:
    first = await caller.send(GOOD, Idempotency_Key="key")
    again = await caller.send(GOOD, Idempotency_Key="key", Repeatability_Request_ID="key")
    assert read(first) == read(again)


async def test_the_same_key_with_another_body_is_409(caller: Caller) -> None:
    await caller.send(GOOD, Idempotency_Key="key")
    response = await caller.send({**GOOD, "text": "Bye"}, Idempotency_Key="key")
    assert error_of(response) == (409, "IdempotencyKeyReused", "Idempotency-Key")


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ({"Idempotency-Key": ""}, "idempotency-key"),
        ({"Idempotency-Key": "x" * 257}, "idempotency-key"),
        ({"Repeatability-Request-ID": " "}, "repeatability-request-id"),
        ({"Repeatability-First-Sent": "yesterday"}, "Repeatability-First-Sent"),
        ({"Repeatability-First-Sent": "Mon, 1 Jan 99999999999999999999 00:00:00 GMT"}, "Repeatability-First-Sent"),
        ({"Repeatability-First-Sent": ""}, "Repeatability-First-Sent"),
    ],
)
async def test_wrong_repeatability_headers_are_refused(
    caller: Caller, headers: dict[str, str], target: str | None
) -> None:
    assert error_of(await caller.send(GOOD, **headers)) == (400, "InvalidRequest", target)


async def test_two_keys_that_differ_are_refused(caller: Caller) -> None:
    headers = {"Idempotency-Key": "a", "Repeatability-Request-ID": "b"}
    assert error_of(await caller.send(GOOD, **headers)) == (400, "IdempotencyKeysDiffer", None)


async def test_a_first_sent_time_is_taken_along(caller: Caller) -> None:
    headers = {"Repeatability-Request-ID": "k", "Repeatability-First-Sent": "Tue, 26 Mar 2019 16:06:51 GMT"}
    assert (await caller.send(GOOD, **headers)).status_code == 202


async def test_a_carrier_that_refuses_it_for_good_is_an_error(caller: Caller) -> None:
    caller.world.carrier.fail_next(CarrierRefused("ACS says no.", target="sender"))
    assert error_of(await caller.send(GOOD)) == (502, "CarrierRefused", "sender")


@pytest.mark.parametrize("error", [CarrierThrottled("Too fast.", retry_after_s=7), CarrierUnavailable("Not now.")])
async def test_what_the_carrier_does_not_take_now_is_queued_and_goes_later(caller: Caller, error: SmsError) -> None:
    caller.world.carrier.fail_next(error)
    (result,) = read(await caller.send(GOOD))["value"]
    assert result["state"] == "queued"
    await caller.world.pass_time(minutes=1)
    assert len(caller.world.carrier.sent_to(ANN)) == 1


async def test_storage_that_is_down_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = World()
    world = World(on_tables=FaultyTables(plain.tables, Fault(0, "before", StorageUnavailable("Storage is down."))))
    with calling(world, monkeypatch) as caller:
        assert error_of(await caller.send(GOOD))[:2] == (503, "StorageUnavailable")


async def test_a_defect_is_a_500_that_says_nothing_but_its_id(
    caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    plain = World()
    world = World(on_tables=FaultyTables(plain.tables, Fault(0, "before", KeyError("canary"))))
    with calling(world, monkeypatch) as caller, caplog.at_level(logging.DEBUG):
        response = await caller.send(GOOD)
    assert error_of(response) == (500, "InternalError", None)
    assert "canary" not in response.get_body().decode() + caplog.text
    assert response.headers["x-ms-request-id"] in read(response)["error"]["message"]
    assert "send_message: KeyError at around" in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


async def test_the_callers_own_request_id_comes_back(caller: Caller) -> None:
    response = await caller.send(GOOD, x_ms_client_request_id="mine")
    assert response.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in (await caller.send(GOOD)).headers


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("api-version=2026-11-01", 202),
        ("code=secret&clientId=default", 202),
        ("api-version=2020-01-01", (400, "UnsupportedApiVersionValue", "api-version")),
        ("verbose=1", (400, "UnknownField", "verbose")),
    ],
)
async def test_the_query_of_an_endpoint_without_one(caller: Caller, query: str, expected: Any) -> None:
    response = await caller.post("send_message", f"messages?{query}", GOOD)
    assert (response.status_code if expected == 202 else error_of(response)) == expected


async def test_a_message_is_shown_whole(caller: Caller) -> None:
    (sent,) = read(await caller.send({**GOOD, "tag": "t"}))["value"]
    await caller.world.services.delivery_reports.receive(caller.world.report(ANN, "Failed", "4006"))
    response = await caller.get("get_message", f"messages/{sent['id']}", route={"id": sent["id"]})
    shown = read(response)
    assert response.status_code == 200
    assert {name: shown[name] for name in ("id", "direction", "from", "to", "text", "tag", "state")} == {
        "id": sent["id"],
        "direction": "outbound",
        "from": "+18005550100",
        "to": ANN,
        "text": "Hello",
        "tag": "t",
        "state": "failed",
    }
    assert (shown["segments"], shown["encoding"], shown["at"]) == (1, "GSM-7", "2026-03-02T12:00:00.000Z")
    assert shown["reason"]["code"] == "unreachable"
    assert shown["reason"]["meaning"]
    assert shown["reason"]["advice"]
    assert [(step["state"], step.get("deliveryCode")) for step in shown["history"]] == [
        ("sending", None),
        ("sent", None),
        ("failed", "4006"),
    ]


async def test_a_text_that_came_in_is_shown_from_the_person_to_us(caller: Caller) -> None:
    await caller.world.receive("STOP", ANN)
    (message,) = caller.world.messages()
    shown = read(await caller.get("get_message", "messages/x", route={"id": message.key.id}))
    assert (shown["direction"], shown["from"], shown["to"], shown["keyword"]) == (
        "inbound",
        ANN,
        "+18005550100",
        "STOP",
    )
    assert "reason" not in shown
    assert "tag" not in shown


async def test_an_etag_that_still_holds_is_answered_with_304(caller: Caller) -> None:
    (sent,) = read(await caller.send(GOOD))["value"]

    async def get(**headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await caller.get("get_message", "messages/x", route={"id": sent["id"]}, headers=named)

    first = await get()
    etag = first.headers["ETag"]
    again = await get(If_None_Match=f'"other", {etag}')
    assert (again.status_code, again.get_body(), again.headers["ETag"]) == (304, b"", etag)
    assert (await get(If_None_Match='"other"')).status_code == 200
    await caller.world.services.delivery_reports.receive(caller.world.report(ANN))
    changed = await get(If_None_Match=etag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize("id", ["", "x", "../..", f"{'0' * 32}.98227547199999-x", "0" * 5000])
async def test_an_unknown_id_is_not_found(caller: Caller, id: str) -> None:  # noqa: A002 - the route's own name
    assert error_of(await caller.get("get_message", "messages/x", route={"id": id})) == (404, "MessageNotFound", "id")
