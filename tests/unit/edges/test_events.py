"""Events in every schema and casing; what cannot be read is kept, never refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest

from shared.edges.events import REPORT_RECEIVED, TEXT_RECEIVED
from shared.rules.errors import CarrierUnavailable, InternalError, StorageUnavailable
from shared.rules.states import State
from tests.unit.edges.calling import Caller, calling
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, SHORT_CODE, TOLL_FREE, World, settings

TEXT = {
    "messageId": "in-1",
    "from": ANN,
    "to": TOLL_FREE,
    "message": "STOP",
    "receivedTimestamp": "2026-03-02T11:59:59.1234567+00:00",
}
AT = datetime(2026, 3, 2, 11, 59, 59, 123000, tzinfo=UTC)
SENT_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def event_grid(kind: str, data: object, **changes: Any) -> func.EventGridEvent:
    """Return an event in Event Grid's own schema."""
    fields = {
        "id": "e-1",
        "data": data,
        "topic": "t",
        "subject": "s",
        "event_type": kind,
        "event_time": SENT_AT,
        "data_version": "1.0",
    }
    return func.EventGridEvent(**{**fields, **changes})


def cloud(kind: str, data: object, **changes: Any) -> func.CloudEvent:
    """Return an event in the CloudEvents schema."""
    fields = {"id": "e-1", "source": "s", "type": kind, "specversion": "1.0", "data": data, "time": SENT_AT}
    return func.CloudEvent(**{**fields, **changes})


def cased(data: dict[str, Any], casing: str) -> dict[str, Any]:
    """Return the data with its names in another casing."""
    if casing == "pascal":
        return {name[0].upper() + name[1:]: value for name, value in data.items()}
    if casing == "mixed":
        return {name[0].upper() + name[1:] if name == "tag" else name: value for name, value in data.items()}
    return {name.lower(): value for name, value in data.items()} if casing == "lower" else data


@pytest.mark.parametrize("schema", [event_grid, cloud])
@pytest.mark.parametrize("casing", ["camel", "pascal", "lower"])
async def test_a_text_is_read_in_every_schema_and_casing(caller: Caller, schema: Any, casing: str) -> None:
    await caller.event("sms_received", schema(TEXT_RECEIVED, cased(TEXT, casing)))
    (message,) = caller.world.messages()
    assert (message.sender, message.recipient, message.text) == (TOLL_FREE, ANN, "STOP")
    assert message.key.at_ms == int(AT.timestamp() * 1000)
    assert await caller.world.blocked()


@pytest.mark.parametrize("schema", [event_grid, cloud])
@pytest.mark.parametrize("casing", ["camel", "pascal", "mixed", "lower"])
async def test_a_report_is_read_in_every_schema_and_casing(caller: Caller, schema: Any, casing: str) -> None:
    (answer,) = await caller.world.send(ANN)
    data = {
        "messageId": "out-1",
        "from": TOLL_FREE,
        "to": ANN,
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "No error.",
        "deliveryAttempts": [{"timestamp": "2026-03-02T12:00:00Z", "segmentsSucceeded": 1, "segmentsFailed": 0}],
        "receivedTimestamp": "2026-03-02T12:00:01Z",
        "tag": caller.world.carrier.sent[0].tag,
    }
    await caller.event("sms_delivery_report", schema(REPORT_RECEIVED, cased(data, casing)))
    assert (await caller.world.message(answer.id)).state is State.DELIVERED


@pytest.mark.parametrize("written", ["18005550100", "+1 800 555 0100", " +18005550100 "])
async def test_numbers_are_read_with_and_without_plus(caller: Caller, written: str) -> None:
    data = {**TEXT, "to": written, "from": ANN.removeprefix("+")}
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, data))
    (message,) = caller.world.messages()
    assert (message.sender, message.recipient) == (TOLL_FREE, ANN)


async def test_a_short_code_is_read_as_one(caller: Caller) -> None:
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, {**TEXT, "to": SHORT_CODE}))
    assert caller.world.messages()[0].sender == SHORT_CODE


async def test_data_that_is_a_string_of_json_is_read(caller: Caller) -> None:
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, json.dumps(TEXT)))
    assert len(caller.world.messages()) == 1


@pytest.mark.parametrize("schema", [event_grid, cloud])
@pytest.mark.parametrize(
    "written", [None, "", "yesterday", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 5]
)
async def test_without_a_time_of_its_own_a_text_has_that_of_its_event(
    caller: Caller, schema: Any, written: Any
) -> None:
    await caller.event("sms_received", schema(TEXT_RECEIVED, {**TEXT, "receivedTimestamp": written}))
    assert caller.world.messages()[0].key.at_ms == int(SENT_AT.timestamp() * 1000)


async def test_a_time_without_a_zone_is_utc(caller: Caller) -> None:
    await caller.event(
        "sms_received", event_grid(TEXT_RECEIVED, {**TEXT, "receivedTimestamp": "2026-03-02T11:59:59.123"})
    )
    assert caller.world.messages()[0].key.at_ms == int(AT.timestamp() * 1000)


async def test_a_text_without_words_is_a_text(caller: Caller) -> None:
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, {**TEXT, "message": None}))
    assert caller.world.messages()[0].text == ""


async def test_half_an_emoji_does_not_lose_the_text(caller: Caller) -> None:
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, {**TEXT, "message": "Hi \ud83d there 😀"}))
    assert caller.world.messages()[0].text == "Hi \ufffd there 😀"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (event_grid("Microsoft.Something.Else", TEXT), "an event that is not Microsoft.Communication.SMSReceived"),
        (cloud(REPORT_RECEIVED, TEXT), "an event that is not Microsoft.Communication.SMSReceived"),
        (event_grid(TEXT_RECEIVED, None), "an event without data"),
        (event_grid(TEXT_RECEIVED, "no json"), "an event without data"),
        (event_grid(TEXT_RECEIVED, [TEXT]), "an event without data"),
        (event_grid(TEXT_RECEIVED, {}), "an event without messageid"),
        (event_grid(TEXT_RECEIVED, {**TEXT, "from": ""}), "an event without from"),
        (event_grid(TEXT_RECEIVED, {**TEXT, "to": 5}), "an event without to"),
        (event_grid(TEXT_RECEIVED, {**TEXT, "message": "x" * 20_000}), "an event with a value that is too long"),
        (
            event_grid(TEXT_RECEIVED, {**TEXT, "receivedTimestamp": ""}, event_time=None),
            "an event without a time",
        ),
        (cloud(TEXT_RECEIVED, {**TEXT, "receivedTimestamp": ""}, time=None), "an event without a time"),
        (event_grid(None, TEXT, id=None), "an event that is not Microsoft.Communication.SMSReceived"),  # type: ignore[arg-type]  # as the worker decodes an event without them
    ],
)
async def test_an_event_that_cannot_be_read_is_kept_and_not_refused(caller: Caller, event: Any, why: str) -> None:
    await caller.event("sms_received", event)
    await caller.event("sms_received", event)
    assert caller.world.messages() == []
    (rows,) = caller.world.tables.table("KeptEvents")._partitions.values()
    (kept,) = rows.values()
    assert kept.values["why"] == why


@pytest.mark.parametrize("missing", ["messageId", "from", "to", "deliveryStatus"])
async def test_a_report_that_lacks_something_is_kept(caller: Caller, missing: str) -> None:
    data = {"messageId": "m", "from": TOLL_FREE, "to": ANN, "deliveryStatus": "Delivered"}
    del data[missing]
    await caller.event("sms_delivery_report", event_grid(REPORT_RECEIVED, data))
    assert caller.world.row_count("KeptEvents") == 1


async def test_a_failure_that_may_pass_is_raised_so_that_the_event_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    fault = Fault(3, "before", StorageUnavailable("down"))
    broken = World(
        tables=world.tables,
        carrier=world.carrier,
        clock=world.clock,
        queues=world.queues,
        on_tables=FaultyTables(world.tables, fault),
    )
    event = event_grid(TEXT_RECEIVED, {**TEXT, "to": SHORT_CODE})
    with calling(broken, monkeypatch) as caller, pytest.raises(StorageUnavailable):
        await caller.event("sms_received", event)
    with calling(world, monkeypatch) as caller:
        await caller.event("sms_received", event)
    await world.pass_time(minutes=5)
    assert len(world.carrier.sent) == 1


async def test_an_answer_that_the_carrier_does_not_take_now_goes_later(caller: Caller) -> None:
    caller.world.carrier.fail_next(CarrierUnavailable("Not now."))
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, {**TEXT, "to": SHORT_CODE}))
    await caller.world.pass_time(minutes=1)
    assert len(caller.world.carrier.sent) == 1


async def test_an_event_that_cannot_be_kept_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = World()
    world = World(on_tables=FaultyTables(plain.tables, Fault(0, "before", StorageUnavailable("down"))))
    with calling(world, monkeypatch) as caller, pytest.raises(StorageUnavailable):
        await caller.event("sms_received", event_grid(TEXT_RECEIVED, {}))


async def test_a_defect_is_raised_without_what_it_was_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain = World()
    world = World(on_tables=FaultyTables(plain.tables, Fault(0, "before", KeyError("canary"))))
    caplog.set_level(logging.DEBUG)
    with calling(world, monkeypatch) as caller, pytest.raises(InternalError) as raised:
        await caller.event("sms_received", event_grid(TEXT_RECEIVED, TEXT))
    assert "canary" not in str(raised.value) + caplog.text
    assert raised.value.__suppress_context__
    assert "KeyError at around" in caplog.text


TOPIC = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Communication/communicationServices/acs"
REPORT = {
    "messageId": "out-1",
    "from": TOLL_FREE,
    "to": ANN,
    "deliveryStatus": "Failed",
    "deliveryStatusDetails": "4007",
}


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Give a caller of an app that takes events of one topic."""
    with calling(World(settings=settings(SMS_EVENT_TOPIC=TOPIC)), monkeypatch) as made:
        yield made


async def listed(caller: Caller) -> list[str]:
    """Return why events are listed among the failures."""
    failures, _ = await caller.world.services.failures.page(100, None)
    return [json.loads(one.body)["why"] for one in failures if one.queue == "events"]


@pytest.mark.parametrize("written", [TOPIC, TOPIC.lower(), TOPIC.upper(), f"{TOPIC}/"])
async def test_an_event_of_the_topic_is_taken_however_its_id_is_written(guarded: Caller, written: str) -> None:
    await guarded.event("sms_received", event_grid(TEXT_RECEIVED, TEXT, topic=written))
    await guarded.event("sms_received", cloud(TEXT_RECEIVED, {**TEXT, "messageId": "in-2"}, source=written))
    assert len(guarded.world.messages()) == 2
    assert await listed(guarded) == []


@pytest.mark.parametrize("topic", ["", "t", f"{TOPIC}2", f"/x{TOPIC}", TOPIC.replace("/1/", "/2/")])
@pytest.mark.parametrize("schema", ["eventGrid", "cloud"])
async def test_an_event_of_another_topic_is_kept_listed_and_not_acted_upon(
    guarded: Caller, topic: str, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, kind, data in (("sms_received", TEXT_RECEIVED, TEXT), ("sms_delivery_report", REPORT_RECEIVED, REPORT)):
        event = event_grid(kind, data, topic=topic) if schema == "eventGrid" else cloud(kind, data, source=topic)
        await guarded.event(name, event)
    assert not guarded.world.messages()
    assert not await guarded.world.blocked()
    assert guarded.world.row_count("KeptEvents") == 2
    assert await listed(guarded) == ["an event of a topic that is not SMS_EVENT_TOPIC"] * 2
    assert ANN not in caplog.text


async def test_where_no_topic_is_set_every_topic_is_taken(caller: Caller) -> None:
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, TEXT, topic="anything"))
    assert await caller.world.blocked()


async def test_events_of_a_number_that_is_not_ours_are_kept_listed_and_not_acted_upon(caller: Caller) -> None:
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, {**TEXT, "to": "+18005550199"}))
    await caller.event("sms_delivery_report", event_grid(REPORT_RECEIVED, {**REPORT, "from": "+18005550199"}))
    assert not caller.world.messages()
    assert caller.world.row_count("OptOuts") == 0
    assert await listed(caller) == ["an event of a number that is none of SMS_SENDERS"] * 2


async def test_an_event_on_the_list_is_taken_off_by_hand_and_stays_when_all_work_is_done_again(caller: Caller) -> None:
    await caller.event("sms_received", event_grid("Some.Other", TEXT))
    assert await caller.world.services.failures.resend_all() == 0
    ((failure,), _) = await caller.world.services.failures.page(100, None)
    await caller.world.services.failures.resend(failure.id)
    assert await listed(caller) == []
    assert caller.world.row_count("KeptEvents") == 1


async def test_an_event_that_comes_again_is_listed_once(caller: Caller) -> None:
    for _ in range(3):
        await caller.event("sms_received", event_grid("Some.Other", TEXT))
    assert len(await listed(caller)) == 1
