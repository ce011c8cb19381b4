"""No number, text or key of anybody is in a log record or an exception (invariant I6)."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import azure.functions as func
import pytest

from shared.edges.events import REPORT_RECEIVED, TEXT_RECEIVED
from shared.ports.carrier import Carrier, SendRequest, SendResult
from shared.ports.telemetry import Metric
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    RelayUnavailable,
    SmsError,
    StorageUnavailable,
)
from shared.rules.ids import conversation_id
from tests.unit.edges.calling import Caller, calling
from tests.unit.edges.telling import Told
from tests.unit.edges.test_events import cloud, event_grid
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import SHORT_CODE, TOLL_FREE, World

NUMBER = "+14255550177"
TEXT = "canary in the text"
KEY = "canary-key-7391"
TAG = "canary-tag"
MARKS = (NUMBER, NUMBER.removeprefix("+"), "canary", "4255550177")


class Watch:
    """What was logged and raised, as far as anybody might read it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self._raised: list[str] = []

    def saw(self, error: BaseException) -> None:
        """Keep what an exception tells: its own text and that of those which a host would print with it."""
        self._raised.append("".join(traceback.format_exception(error)))

    def texts(self) -> Iterator[str]:
        """Yield everything."""
        yield from self._raised
        for record in self._caplog.records:
            yield f"{record.getMessage()} {record.args!r}"
            if record.exc_info and record.exc_info[1]:
                yield "".join(traceback.format_exception(record.exc_info[1]))

    def check(self) -> None:
        """Fail if one of the marks was seen."""
        for text in self.texts():
            assert not any(mark in text for mark in MARKS), text


async def call_everything(caller: Caller, watch: Watch) -> None:
    """Call every function with the marks in whatever it takes."""
    key = {"Idempotency-Key": KEY, "x-functions-key": KEY}
    body = {"from": SHORT_CODE, "to": [NUMBER, TEXT], "text": TEXT, "tag": TAG}
    recipients = {"recipients": [NUMBER, TEXT]}
    await caller.post("send_message", f"messages?code={KEY}", body, headers=key)
    await caller.post("send_message", "messages", {**body, "text": f"{TEXT}!"}, headers=key)
    await caller.post("send_message", "messages", {**body, TEXT: TEXT, "to": TEXT * 99, "text": 7})
    await caller.post("send_message", "messages", raw=TEXT.encode())
    await caller.get("get_message", f"messages/{NUMBER}", route={"id": NUMBER})
    for action in ("check", "add", "remove"):
        await caller.post(f"{action}_opt_outs", f"opt-outs/{action}", recipients)
    csv = f"recipient\n{NUMBER}\n{TEXT}\n".encode()
    await caller.post("add_opt_outs", "opt-outs/add", raw=csv, headers={"Content-Type": "text/csv"})
    await caller.post("opt_out_history", "opt-outs/history", {"recipient": NUMBER})
    await caller.post("opt_out_history", "opt-outs/history", {"recipient": TEXT})
    await caller.get("list_opt_outs", f"opt-outs?skipToken={KEY}&x={TEXT}")
    await caller.get("list_opt_outs", "opt-outs?format=csv")
    await caller.get("list_conversations", "conversations")
    await caller.get("list_conversation_messages", "conversations/x/messages", route={"id": NUMBER})
    await caller.post("search_conversations", "conversations/search", {"recipient": NUMBER, "text": TEXT})
    await caller.post("search_conversations", "conversations/search", {"recipient": TEXT})
    one = {"id": conversation_id(SHORT_CODE, NUMBER)}
    await caller.get("get_conversation", "conversations/x", route=one)
    await caller.http("change_conversation", "PATCH", "conversations/x", body={"assignee": TEXT}, route=one)
    await caller.post("reply_to_conversation", "conversations/x/messages", {"text": TEXT}, route=one, headers=key)
    await caller.post("add_note", "conversations/x/notes", {"text": TEXT}, route=one, headers=key)
    await caller.get("list_notes", "conversations/x/notes", route=one)
    await caller.http("set_quick_replies", "PUT", "quick-replies", body={"value": [{"name": TEXT, "text": TEXT}]})
    await caller.get("get_quick_replies", "quick-replies")
    await caller.get("get_analytics", f"analytics?from={TEXT}&to=2026-03-03T00:00:00Z")
    await caller.get("get_analytics", "analytics?from=2026-03-01T00:00:00Z&to=2026-03-03T00:00:00Z&groupBy=tag")
    await caller.get("health", "health")
    await take_events(caller, watch)


async def take_events(caller: Caller, watch: Watch) -> None:
    """Take events with the marks in them: good ones, wrong ones, some of them twice."""
    received = {"messageId": TAG, "from": NUMBER, "to": SHORT_CODE, "message": "STOP"}
    report = {
        "messageId": TAG,
        "from": SHORT_CODE,
        "to": NUMBER,
        "deliveryStatus": "Failed",
        "deliveryStatusDetails": f"4007 {TEXT}",
        "tag": TAG,
    }
    texts: list[func.EventGridEvent | func.CloudEvent] = [
        event_grid(TEXT_RECEIVED, received),
        cloud(TEXT_RECEIVED, {**received, "message": TEXT}),
        event_grid(TEXT_RECEIVED, {**received, "from": None}),
        event_grid(TEXT, received),
        event_grid(TEXT_RECEIVED, TEXT),
    ]
    reports = [event_grid(REPORT_RECEIVED, report), cloud(REPORT_RECEIVED, TEXT)]
    for name, events in (("sms_received", texts), ("sms_delivery_report", reports)):
        for event in [*events, *events]:
            try:
                await caller.event(name, event)
            except Exception as error:  # noqa: BLE001 - whatever comes out is looked at
                watch.saw(error)


class BrokenCarrier:
    """A carrier with a defect, whose text quotes what it was given."""

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Fail, with the request in the message."""
        raise ValueError(f"{request}")

    async def probe(self) -> None:
        """Fail, with a key in the message."""
        raise ValueError(KEY)


async def run(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Call everything on this world and look at what was told."""
    caplog.set_level(logging.DEBUG)
    watch = Watch(caplog)
    with calling(world, monkeypatch) as caller:
        await call_everything(caller, watch)
    assert len(caplog.records) > 15
    watch.check()


async def test_nothing_private_is_told_when_all_goes_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await run(World(), monkeypatch, caplog)


@pytest.mark.parametrize("error", [None, CarrierSilent(f"{NUMBER} {TEXT}"), CarrierRefused("No.", target="recipients")])
async def test_nothing_private_is_in_a_span_or_a_metric(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: SmsError | None
) -> None:
    told = Told()
    world = told.world()
    if error:
        world.carrier.fail_next(*[error] * 3)
    await run(world, monkeypatch, caplog)
    exported = told.everything()
    assert "send to ACS" in exported
    assert Metric.PACE_USED.label in exported
    # Our own numbers are numbers too; those of a metric's points are no text.
    assert not any(mark in exported for mark in (*MARKS, f'"{SHORT_CODE}"', TOLL_FREE))


@pytest.mark.parametrize("at", range(0, 60, 3))
@pytest.mark.parametrize("kind", [StorageUnavailable, KeyError])
async def test_nothing_private_is_told_when_storage_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, at: int, kind: type[Exception]
) -> None:
    plain = World()
    error = kind("Storage is down." if kind is StorageUnavailable else f"{NUMBER} {TEXT} {KEY}")
    await run(World(on_tables=FaultyTables(plain.tables, Fault(at, "after", error))), monkeypatch, caplog)


@pytest.mark.parametrize(
    "error",
    [
        CarrierRefused("ACS says no.", target="sender"),
        CarrierThrottled("Too fast."),
        CarrierUnavailable("Not now."),
        CarrierSilent("No answer."),
    ],
)
async def test_nothing_private_is_told_when_the_carrier_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: CarrierRefused
) -> None:
    world = World()
    world.carrier.fail_next(*[error] * 10)
    world.carrier.answers_probe = False
    await run(world, monkeypatch, caplog)


async def test_nothing_private_is_told_of_a_defect_in_the_carrier(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Carrier = BrokenCarrier()
    await run(World(on_carrier=broken), monkeypatch, caplog)


async def test_nothing_private_is_told_when_the_relay_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.relay.fail_next(50)
    await run(world, monkeypatch, caplog)
    with pytest.raises(RelayUnavailable):
        await world.receive("hello")
