"""A send in which one call of a port fails, each call in its turn: nobody gets a text twice, nothing is left open.

Two ways lead to the end: a caller who repeats the request, and the queue and the timer alone (invariant I7).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.tables_memory import MemoryTables
from shared.ports.carrier import SendRequest, SendResult
from shared.ports.tables import Range, Value
from shared.rules.errors import (
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    Conflict,
    SmsError,
    StorageUnavailable,
)
from shared.rules.states import State
from shared.services.departure import Departed, Departure
from shared.services.idempotency import LEASE
from shared.services.sending import RecipientAnswer
from tests.unit.services.faults import Fault, FaultyCarrier, FaultyQueues, FaultyTables, Stall, When
from tests.unit.services.world import ANN, BOB, CAT, World


@dataclass
class Silent:
    """A carrier that never answers, and takes the texts or does not."""

    carrier: MemoryCarrier
    when: When
    calls: int = 0

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Pass on, or not."""
        self.calls += 1
        if self.when == "after":
            await self.carrier.send(request)
        raise CarrierSilent("no answer")

    async def probe(self) -> None:
        """Be up."""


PEOPLE = (ANN, BOB, CAT)
NEVER = 10**9


def faulty(fault: Fault, *, tables: bool = True, carrier: bool = True) -> World:
    """Return a world whose storage (tables and queues), carrier or both stand behind the fault."""
    store, phones, clock = MemoryTables(), MemoryCarrier(), ManualClock()
    queues = MemoryQueues(clock)
    return World(
        tables=store,
        carrier=phones,
        clock=clock,
        queues=queues,
        on_tables=FaultyTables(store, fault) if tables else None,
        on_queues=FaultyQueues(queues, fault) if tables else None,
        on_carrier=FaultyCarrier(phones, fault) if carrier else None,
    )


async def call_count(*first: SmsError) -> int:
    """Return how many calls of the ports a send takes, with these answers of the carrier and no other fault."""
    fault = Fault(NEVER, "before", StorageUnavailable("never"))
    world = faulty(fault)
    world.carrier.fail_next(*first)
    await world.send(*PEOPLE, key="key")
    return fault.calls


def faults(when: When, error: BaseException, calls: int, *, kills: bool = False) -> Iterator[Fault]:
    """Yield the fault at each call."""
    return (Fault(at, when, error, kills) for at in range(calls))


async def until_done(world: World) -> tuple[RecipientAnswer, ...]:
    """Repeat the request as a patient caller does, and let the queue do the rest."""
    for _ in range(10):
        try:
            answers = await world.send(*PEOPLE, key="key")
        except Conflict:
            world.clock.advance(seconds=LEASE.total_seconds())
        except SmsError:
            world.clock.advance(seconds=1)
        else:
            await finish(world)
            return answers
    raise AssertionError("the request never ends")


async def finish(world: World) -> None:
    """Let the queue and the timer do what is left, and be done soon after the longest lease."""
    await world.pass_time(minutes=4)
    assert world.row_count("Batches") == 0


async def after(world: World) -> World:
    """Return a new worker over what the other has left."""
    await asyncio.sleep(0)
    return World(tables=world.tables, carrier=world.carrier, clock=world.clock, queues=world.queues)


def copies(world: World) -> list[int]:
    """Return how many texts each person got."""
    return [len(world.carrier.sent_to(one)) for one in PEOPLE]


def check_ends(world: World, answers: tuple[RecipientAnswer, ...] = ()) -> None:
    """Nothing is left open, messages and activity say the same, and answers name the messages."""
    stored = {one.key.row: one.state for one in world.messages()}
    assert not {State.SENDING, State.QUEUED, State.SCHEDULED} & set(stored.values())
    activity = {
        row: str(entity.values["state"])
        for rows in world.tables.table("Activity")._partitions.values()
        for row, entity in rows.items()
        if entity.values["kind"] == "outbound"
    }
    assert activity == stored
    assert {one.id.partition(".")[2] for one in answers if one.id} <= stored.keys()


def states(world: World) -> list[State]:
    """Return the states of all messages."""
    return [one.state for one in world.messages()]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_storage_that_fails_once_at_any_call_never_doubles_or_loses_a_text(when: When) -> None:
    calls = await call_count()
    assert calls >= 15
    for fault in faults(when, StorageUnavailable("down"), calls):
        world = faulty(fault, carrier=False)
        answers = await until_done(world)
        assert copies(world) == [1, 1, 1], fault
        assert states(world) == [State.SENT] * 3, fault
        check_ends(world, answers)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_killed_at_any_call_never_doubles_or_loses_a_text(when: When) -> None:
    calls = await call_count()
    for fault in faults(when, asyncio.CancelledError(), calls, kills=True):
        dead = faulty(fault)
        with pytest.raises(asyncio.CancelledError):
            await dead.send(*PEOPLE, key="key")
        assert fault.has_struck
        world = await after(dead)
        answers = await until_done(world)
        assert copies(world) == [1, 1, 1], fault
        assert states(world) == [State.SENT] * 3, fault
        check_ends(world, answers)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
async def test_what_was_accepted_goes_once_without_the_caller_after_a_fault_at_any_call(
    when: When, kills: bool
) -> None:
    calls = await call_count()
    error = asyncio.CancelledError() if kills else StorageUnavailable("down")
    lost = 0
    for fault in faults(when, error, calls, kills=kills):
        dead = faulty(fault, carrier=kills)
        with contextlib.suppress(SmsError, asyncio.CancelledError):
            await dead.send(*PEOPLE, key="key")
        world = await after(dead)
        accepted = world.row_count("Batches") > 0 or bool(world.messages())
        lost += not accepted
        await finish(world)
        assert copies(world) == [1, 1, 1] if accepted else [0, 0, 0], fault
        assert states(world) == ([State.SENT] * 3 if accepted else []), fault
        check_ends(world)
    # Nothing is accepted before the idempotency record and the batch are stored: three calls.
    assert lost <= 3


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize(
    "answer", [CarrierThrottled("too fast", retry_after_s=20), CarrierUnavailable("down"), CarrierSilent("no answer")]
)
async def test_what_the_carrier_did_not_take_goes_once_after_a_fault_at_any_call(
    when: When, kills: bool, answer: SmsError
) -> None:
    calls = await call_count(answer)
    error = asyncio.CancelledError() if kills else StorageUnavailable("down")
    for fault in faults(when, error, calls, kills=kills):
        dead = faulty(fault, carrier=kills)
        dead.carrier.fail_next(answer)
        with contextlib.suppress(SmsError, asyncio.CancelledError):
            await dead.send(*PEOPLE, key="key")
        world = await after(dead)
        accepted = world.row_count("Batches") > 0
        await finish(world)
        assert copies(world) == ([1, 1, 1] if accepted else [0, 0, 0]), fault
        assert states(world) == ([State.SENT] * 3 if accepted else []), fault
        check_ends(world)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_killed_at_any_call_and_found_late_never_doubles_a_text(when: When) -> None:
    calls = await call_count()
    for fault in faults(when, asyncio.CancelledError(), calls, kills=True):
        dead = faulty(fault)
        with pytest.raises(asyncio.CancelledError):
            await dead.send(*PEOPLE, key="key")
        world = await after(dead)
        world.clock.advance(minutes=10)
        answers = await until_done(world)
        assert max(copies(world)) <= 1, fault
        # Who was not texted is told so, or it is left open; nobody is said to be sent who was not.
        found = {one.recipient: one.state for one in world.messages()}
        for person, got in zip(PEOPLE, copies(world), strict=True):
            assert got == 1 or found[person] is State.UNKNOWN, fault
        check_ends(world, answers)


@pytest.mark.parametrize("hours", [1 / 6, 48])
@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
async def test_the_activity_says_what_the_messages_say_though_a_worker_wrote_one_of_them_alone(
    when: When, kills: bool, status: int, hours: float
) -> None:
    calls = await call_count()
    error = asyncio.CancelledError() if kills else StorageUnavailable("down")
    for fault in faults(when, error, calls, kills=kills):
        dead = faulty(fault, carrier=False)
        dead.carrier.reject_next(ANN, status)
        with contextlib.suppress(SmsError, asyncio.CancelledError):
            await dead.send(*PEOPLE, key="key")
        world = await after(dead)
        # Past the repeat window what became of it is not asked for again; past its latest time it expires.
        world.clock.advance(hours=hours)
        await finish(world)
        rows = world.tables.table("Activity")._from(None, Range())
        traced = {one.row: (one.values["state"], one.values["reason"]) for one in rows}
        assert traced == {one.key.row: (one.state, one.reason) for one in world.messages()}, fault


async def written_alone() -> World:
    """Return a world in which the activity of a refused text was written, and the message was not."""
    for fault in faults("before", StorageUnavailable("down"), await call_count()):
        dead = faulty(fault, carrier=False)
        dead.carrier.reject_next(ANN, 400)
        with contextlib.suppress(SmsError):
            await dead.send(*PEOPLE, key="key")
        world = await after(dead)
        if traced(world).get("failed") and State.FAILED not in states(world):
            return world
    raise AssertionError("no fault does that")


def traced(world: World) -> Counter[str]:
    """Return how many rows of the activity are in each state."""
    return Counter(str(one.values["state"]) for one in world.tables.table("Activity")._from(None, Range()))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_activity_says_what_the_messages_say_though_the_next_worker_dies_too(when: When) -> None:
    never = Fault(NEVER, when, asyncio.CancelledError())
    await (await written_alone()).behind(never).pass_time(minutes=2)
    for at in range(never.calls):
        world = await written_alone()
        world.clock.advance(minutes=10)
        with contextlib.suppress(asyncio.CancelledError):
            await world.behind(Fault(at, when, asyncio.CancelledError(), kills=True)).pass_time(minutes=1)
        await finish(world)
        assert traced(world) == Counter(state.value for state in states(world)), at


async def test_the_activity_says_what_the_messages_say_though_another_worker_writes_it_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.carrier.fail_next(CarrierSilent("no answer"))
    await world.send(ANN)
    world.clock.advance(minutes=10)
    go: Any = Departure.go

    async def overtaken(self: Departure, *args: Any) -> Departed:
        [row] = world.tables.table("Activity")._from(None, Range())
        heard: dict[str, Value] = {"state": "failed", "reason": "recipientRefused", "stateMs": world.now_ms}
        await world.tables.table("Activity").upsert(replace(row, values={**row.values, **heard}))
        departed: Departed = await go(self, *args)
        return departed

    monkeypatch.setattr(Departure, "go", overtaken)
    await finish(world)
    assert traced(world) == Counter(state.value for state in states(world)) == Counter({"failed": 1})


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_opt_out_after_a_fault_at_any_call_is_honoured(when: When) -> None:
    calls = await call_count()
    for kills in (False, True):
        error = asyncio.CancelledError() if kills else StorageUnavailable("down")
        for fault in faults(when, error, calls, kills=kills):
            first = faulty(fault, carrier=kills)
            with contextlib.suppress(SmsError, asyncio.CancelledError):
                await first.send(*PEOPLE, key="key")
            had = copies(first)
            requests = len(first.carrier.requests)
            world = await after(first)
            await world.services.opt_out_lists.add(None, [BOB])
            answers = await until_done(world)
            later = [one.to for request in world.carrier.requests[requests:] for one in request.addressees]
            assert BOB not in later, fault
            assert copies(world) == [1, had[1], 1], fault
            bob = next(one.state for one in world.messages() if one.recipient == BOB)
            assert bob in ({State.SENT, State.UNKNOWN} if had[1] else {State.SUPPRESSED, State.UNKNOWN}), fault
            check_ends(world, answers)


@pytest.mark.parametrize("error", [CarrierThrottled("too fast"), CarrierUnavailable("down")])
async def test_two_faults_one_of_them_the_carriers_never_double_or_lose_a_text(error: SmsError) -> None:
    calls = await call_count(error)
    for fault in faults("after", StorageUnavailable("down"), calls + 12):
        world = faulty(replace(fault), carrier=False)
        world.carrier.fail_next(error)
        answers = await until_done(world)
        assert copies(world) == [1, 1, 1], fault
        assert states(world) == [State.SENT] * 3, fault
        check_ends(world, answers)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_carrier_that_stays_silent_leaves_unknown_what_it_may_have_taken(when: When) -> None:
    world = World()
    world.on_carrier = silent = Silent(world.carrier, when)
    world.__post_init__()
    answers = await world.send(*PEOPLE, key="key")
    assert [one.state for one in answers] == ["sending"] * 3
    await world.pass_time(minutes=10)
    assert silent.calls > 2
    assert states(world) == [State.UNKNOWN] * 3
    assert copies(world) == ([0] * 3 if when == "before" else [1] * 3)
    check_ends(world, answers)


async def test_two_workers_of_which_one_has_lost_its_lease_send_once() -> None:
    calls = await call_count()
    for at in range(calls):
        clock = ManualClock()
        stall = asyncio.Event()
        tables = MemoryTables()
        slow = World(tables=tables, clock=clock, on_tables=FaultyTables(tables, Stall(at, stall)))
        first = asyncio.create_task(slow.send(*PEOPLE, key="key"))
        for _ in range(50):
            await asyncio.sleep(0)
        clock.advance(seconds=LEASE.total_seconds() + 1)
        second = World(tables=slow.tables, carrier=slow.carrier, clock=clock, queues=slow.queues)
        answers = await until_done(second)
        stall.set()
        await asyncio.gather(first, return_exceptions=True)
        await finish(second)
        assert copies(second) == [1, 1, 1], at
        assert states(second) == [State.SENT] * 3, at
        check_ends(second, answers)
