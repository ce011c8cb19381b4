"""Queue messages, poison queues and timers, as the worker hands them over; and failures, as callers see them."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import azure.functions as func
import pytest

from shared.rules.errors import InternalError, InvalidRequest, StorageUnavailable
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.unit.edges.calling import Caller, calling, error_of, read
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, World

FUNCTIONS = {SENDS_QUEUE: "send_batch", CAMPAIGNS_QUEUE: "send_chunk"}
POISON = {SENDS_QUEUE: "keep_failed_batch", CAMPAIGNS_QUEUE: "keep_failed_chunk"}
TIMER = object()
SECRET = "canary +14255550111"


async def trigger(caller: Caller, name: str, body: bytes | str) -> None:
    """Call a function with a queue message."""
    await caller._functions[name](func.QueueMessage(id="1", body=body))


async def failures(caller: Caller, query: str = "") -> list[dict[str, str]]:
    """Return the failures that are listed."""
    listed: list[dict[str, str]] = read(await caller.get("list_failures", f"failures{query}"))["value"]
    return listed


async def test_a_message_of_the_queue_sends_what_was_scheduled(world: World, caller: Caller) -> None:
    await caller.send({"to": ANN, "text": "Hello", "sendAt": (world.clock.now() + timedelta(minutes=1)).isoformat()})
    world.clock.time += timedelta(minutes=1)
    (body,) = world.queues.queue(SENDS_QUEUE).bodies()

    await trigger(caller, "send_batch", body)
    await trigger(caller, "send_batch", body.encode())

    assert len(world.carrier.sent_to(ANN)) == 1


async def test_a_message_of_the_queue_sends_a_chunk(world: World, caller: Caller) -> None:
    body = {"name": "N", "text": "Hi", "quietHours": False, "recipients": [{"to": ANN}]}
    await caller.post("start_campaign", "campaigns", body)
    (message,) = world.queues.queue(CAMPAIGNS_QUEUE).bodies()

    await trigger(caller, "send_chunk", message)

    assert len(world.carrier.sent_to(ANN)) == 1


async def test_the_timer_wakes_what_the_queue_lost(world: World, caller: Caller) -> None:
    await caller.send({"to": ANN, "text": "Hello", "sendAt": (world.clock.now() + timedelta(minutes=1)).isoformat()})
    queue = world.queues.queue(SENDS_QUEUE)
    world.clock.time += timedelta(minutes=10)
    lost = queue.take(world.clock.now())
    assert lost
    queue.done(lost)

    await caller._functions["release_due"](TIMER)
    await world.work_off()

    assert len(world.carrier.sent_to(ANN)) == 1


async def test_the_timer_settles_what_no_report_came_for(world: World, caller: Caller) -> None:
    (result,) = read(await caller.send({"to": ANN, "text": "Hello"}))["value"]
    world.clock.time += timedelta(hours=25)

    await caller._functions["settle_missing_reports"](TIMER)

    assert (await world.message(result["id"])).reason == "reportMissing"


@pytest.mark.parametrize("queue", FUNCTIONS)
@pytest.mark.parametrize("body", ["", "x", "[]", '{"campaign": "c"}', '{"campaign":"c","chunk":"1"}', b"\xff"])
async def test_a_message_that_names_no_work_fails_and_says_no_more(
    caller: Caller, queue: str, body: bytes | str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await trigger(caller, FUNCTIONS[queue], body)
    assert raised.value.code == "InvalidQueueMessage"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("send_batch", json.dumps({"batchPartition": "p", "batchRow": "r"})),
        ("send_chunk", json.dumps({"campaign": "c", "chunk": 1})),
        ("keep_failed_batch", "x"),
        ("keep_failed_chunk", "x"),
    ],
)
@pytest.mark.parametrize("error", [StorageUnavailable("Not now."), RuntimeError(SECRET)])
async def test_what_goes_wrong_is_raised_without_content(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, body: str, error: Exception
) -> None:
    world = World()
    broken = World(on_tables=FaultyTables(world.tables, Fault(at=0, when="before", error=error)))
    with calling(broken, monkeypatch) as caller, pytest.raises((StorageUnavailable, InternalError)) as raised:
        await trigger(caller, name, body)
    assert SECRET not in f"{raised.value}{caplog.text}"
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("name", ["release_due", "settle_missing_reports", "clear_broken_uploads"])
async def test_a_timer_that_fails_says_nothing_of_content(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    world = World()
    fault = Fault(at=0, when="before", error=RuntimeError(SECRET))
    broken = World(on_tables=FaultyTables(world.tables, fault))
    with calling(broken, monkeypatch) as caller, pytest.raises(InternalError):
        await caller._functions[name](TIMER)
    assert SECRET not in caplog.text
    assert "A defect while doing" in caplog.text


@pytest.mark.parametrize("queue", POISON)
async def test_what_comes_out_of_a_poison_queue_is_listed_and_logged(
    caller: Caller, world: World, caplog: pytest.LogCaptureFixture, queue: str
) -> None:
    with caplog.at_level(logging.ERROR):
        await trigger(caller, POISON[queue], b"canary \xff")

    (failure,) = await failures(caller)
    assert (failure["queue"], failure["body"]) == (queue, "canary �")
    assert failure["failedAt"] == world.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert queue in caplog.text
    assert "canary" not in caplog.text


async def test_a_failure_goes_back_into_its_queue_once(caller: Caller, world: World) -> None:
    await trigger(caller, "keep_failed_batch", "first")
    await trigger(caller, "keep_failed_chunk", "second")
    first = next(one for one in await failures(caller) if one["body"] == "first")

    response = await caller.post("resend_failure", f"failures/{first['id']}/resend", route={"id": first["id"]})
    again = await caller.post("resend_failure", f"failures/{first['id']}/resend", route={"id": first["id"]})

    assert (response.status_code, read(response)) == (200, {"resent": 1})
    assert error_of(again) == (404, "FailureNotFound", "id")
    assert world.queues.queue(SENDS_QUEUE).bodies() == ["first"]
    assert [one["body"] for one in await failures(caller)] == ["second"]


async def test_all_failures_go_back_at_once(caller: Caller, world: World) -> None:
    for number in range(120):
        await trigger(caller, "keep_failed_chunk", str(number))
    await trigger(caller, "keep_failed_batch", "")

    response = await caller.post("resend_failures", "failures/resend")

    assert read(response) == {"resent": 121}
    assert sorted(map(int, world.queues.queue(CAMPAIGNS_QUEUE).bodies())) == list(range(120))
    assert world.queues.queue(SENDS_QUEUE).bodies() == []
    assert await failures(caller) == []


async def test_failures_come_in_pages_the_newest_first(caller: Caller, world: World) -> None:
    for number in range(3):
        await trigger(caller, "keep_failed_chunk", str(number))
        world.clock.time += timedelta(seconds=1)

    page = read(await caller.get("list_failures", "failures?maxpagesize=2"))
    rest = read(await caller.get("list_failures", page["nextLink"].partition("/api/")[2]))

    assert [one["body"] for one in page["value"] + rest["value"]] == ["2", "1", "0"]


@pytest.mark.parametrize("failure_id", ["x", "a/b", f"{'0' * 14}-{'0' * 32}"])
async def test_an_unknown_failure_cannot_be_sent_again(caller: Caller, failure_id: str) -> None:
    response = await caller.post("resend_failure", "failures/x/resend", route={"id": failure_id})
    assert error_of(response) == (404, "FailureNotFound", "id")


async def test_each_hour_that_is_added_up_is_logged_with_its_counts(
    world: World, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    await caller._functions["roll_up"](TIMER)
    await caller.send({"to": ANN, "text": "Hello"})
    world.clock.advance(hours=2)
    with caplog.at_level(logging.INFO):
        await caller._functions["roll_up"](TIMER)
    lines = [one.getMessage() for one in caplog.records if one.getMessage().startswith("An hour was added up: ")]
    assert "accepted=1 sent=1 delivered=0 failed=0" in lines[-1]
    assert not [one for one in lines if ANN in one]
