"""The one line that is logged of each invocation, whatever calls the function and however it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import re

import azure.functions as func
import pytest
from azure.functions.queue import QueueMessage

from devtools.paths import ROOT
from shared.edges.events import TEXT_RECEIVED
from shared.edges.invocations import MOST_TRIES, Invocation, Trigger, invoked, note
from shared.rules.errors import CarrierUnavailable, InternalError, StorageUnavailable
from tests.unit.edges.calling import Caller, calling
from tests.unit.edges.telling import Told
from tests.unit.edges.test_events import event_grid
from tests.unit.edges.test_traces import REQUEST, context
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, BOB, TOLL_FREE, World

LINE = re.compile(r"An invocation ended: function=\w+ trigger=(http|queue|timer|eventGrid) outcome=\w+( \w+=[\w-]+)*")
HIDDEN = "canary +14255550111"


class Lines:
    """The lines that were logged."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "sms.invocations")
        self._caplog = caplog

    def one(self) -> dict[str, str]:
        """Return the fields of the one line that there is, without those that change."""
        (line,) = [one.getMessage() for one in self._caplog.records if one.name == "sms.invocations"]
        assert LINE.fullmatch(line), line
        fields = dict(part.split("=") for part in line.partition(": ")[2].split(" "))
        assert int(fields.pop("ms")) >= 0
        return fields


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """Give the lines."""
    return Lines(caplog)


def broken(error: Exception) -> World:
    """Return a world whose storage fails at once."""
    return World(on_tables=FaultyTables(World().tables, Fault(at=0, when="before", error=error)))


async def test_a_request_is_told_with_its_status_its_counts_and_its_id(
    monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    with calling(Told().world(), monkeypatch) as caller:
        response = await caller.send({"to": [ANN, BOB, "x"], "text": "Hello"})

    told = lines.one()
    assert told.pop("request") == response.headers["x-ms-request-id"]
    assert told == {
        "function": "send_message",
        "trigger": "http",
        "outcome": "202",
        "recipients": "3",
        "sent": "2",
        "rejected": "1",
        "calls": "1",
        "taken": "2",
        "notTaken": "0",
    }


async def test_what_a_caller_did_wrong_is_told_by_its_code(caller: Caller, lines: Lines) -> None:
    await caller.send({"to": HIDDEN})
    told = lines.one()
    assert (told["outcome"], told["error"]) == ("400", "MissingField")


async def test_a_request_that_acs_does_not_take_now_is_told_as_queued(
    monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    world = Told().world()
    world.carrier.fail_next(CarrierUnavailable("Not now."))
    with calling(world, monkeypatch) as caller:
        await caller.send({"to": ANN, "text": "Hello"})
    told = lines.one()
    assert (told["outcome"], told["queued"], told["notTaken"]) == ("202", "1", "1")


async def test_a_defect_is_told_by_a_code_and_not_by_its_text(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    with calling(broken(RuntimeError(HIDDEN)), monkeypatch) as caller:
        response = await caller.send({"to": ANN, "text": "Hello"})
    told = lines.one()
    assert (told["outcome"], told["error"]) == ("500", "InternalError")
    assert told["request"] in json.loads(response.get_body())["error"]["message"]


async def test_a_page_is_told_like_any_other_request(caller: Caller, lines: Lines) -> None:
    await caller._functions["get_docs"](func.HttpRequest("GET", "https://app.example/api/docs", body=b""))
    told = lines.one()
    assert (told["function"], told["outcome"]) == ("get_docs", "200")


async def queue_message(caller: Caller, body: str, tries: int = 1) -> None:
    """Call a queue function at its n-th try."""
    message = QueueMessage(id="1", body=body, dequeue_count=tries)  # type: ignore[no-untyped-call]
    await caller._functions["send_batch"](message)


async def test_a_queue_message_is_told_as_done(caller: Caller, lines: Lines) -> None:
    await queue_message(caller, '{"batchPartition": "p", "batchRow": "r"}')
    assert lines.one() == {"function": "send_batch", "trigger": "queue", "outcome": "ok"}


@pytest.mark.parametrize(
    ("tries", "outcome"), [(1, "retried"), (MOST_TRIES - 1, "retried"), (MOST_TRIES, "poisoned"), (9, "poisoned")]
)
@pytest.mark.parametrize("error", [StorageUnavailable("Not now."), RuntimeError(HIDDEN)])
async def test_a_queue_message_that_fails_is_told_by_what_becomes_of_it(
    monkeypatch: pytest.MonkeyPatch, lines: Lines, tries: int, outcome: str, error: Exception
) -> None:
    with calling(broken(error), monkeypatch) as caller, pytest.raises((StorageUnavailable, InternalError)):
        await queue_message(caller, '{"batchPartition": "p", "batchRow": "r"}', tries)
    code = "StorageUnavailable" if isinstance(error, StorageUnavailable) else "InternalError"
    assert lines.one() == {"function": "send_batch", "trigger": "queue", "outcome": outcome, "error": code}


def test_a_message_is_poisoned_at_the_try_at_which_the_host_gives_it_up() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    assert host["extensions"]["queues"]["maxDequeueCount"] == MOST_TRIES


async def test_an_event_is_told(caller: Caller, lines: Lines) -> None:
    data = {"messageId": "m", "from": ANN, "to": TOLL_FREE, "message": "Hi"}
    await caller.event("sms_received", event_grid(TEXT_RECEIVED, data))
    assert lines.one() == {"function": "sms_received", "trigger": "eventGrid", "outcome": "ok"}


async def test_an_event_that_is_kept_is_counted(caller: Caller, lines: Lines) -> None:
    await caller.event("sms_received", event_grid(HIDDEN, {}))
    assert lines.one()["kept"] == "1"


async def test_an_event_that_comes_again_is_told_as_retried(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    data = {"messageId": "m", "from": ANN, "to": TOLL_FREE, "message": "Hi"}
    with calling(broken(StorageUnavailable("No.")), monkeypatch) as caller, pytest.raises(StorageUnavailable):
        await caller.event("sms_received", event_grid(TEXT_RECEIVED, data))
    told = lines.one()
    assert (told["outcome"], told["error"]) == ("retried", "StorageUnavailable")


async def test_a_timer_is_told(caller: Caller, lines: Lines) -> None:
    await caller._functions["settle_missing_reports"](object())
    assert lines.one() == {
        "function": "settle_missing_reports",
        "trigger": "timer",
        "outcome": "ok",
        "unknown": "0",
    }


async def test_a_timer_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    with calling(broken(RuntimeError(HIDDEN)), monkeypatch) as caller, pytest.raises(InternalError):
        await caller._functions["release_due"](object())
    told = lines.one()
    assert (told["outcome"], told["error"]) == ("failed", "InternalError")


async def test_an_invocation_is_in_the_trace_that_the_host_names(caller: Caller, lines: Lines) -> None:
    request = func.HttpRequest("GET", "https://app.example/api/docs", body=b"")
    await caller._functions["get_docs"](request, context(REQUEST))  # type: ignore[call-arg]
    assert lines.one()["trace"] == REQUEST


async def test_an_invocation_that_is_cut_off_is_told_as_failed(lines: Lines) -> None:
    async def work() -> None:
        with invoked(Invocation("release_due", Trigger.TIMER), None):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lines.one()["outcome"] == "failed"


async def test_invocations_at_once_count_each_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sms.invocations")

    async def work(count: int) -> None:
        with invoked(Invocation(f"f{count}", Trigger.TIMER), None):
            await asyncio.sleep(0)
            note(things=count)
            await asyncio.sleep(0)
            note(things=count)

    await asyncio.gather(*(work(count) for count in range(1, 9)))
    for count in range(1, 9):
        (line,) = [one.getMessage() for one in caplog.records if f"function=f{count} " in one.getMessage()]
        assert f"things={2 * count}" in line


def test_a_count_outside_of_an_invocation_is_dropped() -> None:
    note(things=1)
