"""A send in which one call of a port fails, each call in its turn: nobody gets a text twice, nothing is left open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.tables_memory import MemoryTables
from shared.rules.errors import (
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    Conflict,
    SmsError,
    StorageUnavailable,
)
from shared.rules.states import State
from shared.services.idempotency import LEASE
from shared.services.sending import RecipientAnswer
from tests.unit.services.faults import Fault, FaultyCarrier, FaultyTables, Stall, When
from tests.unit.services.world import ANN, BOB, CAT, World

PEOPLE = (ANN, BOB, CAT)
NEVER = 10**9


def faulty(fault: Fault, *, tables: bool = True, carrier: bool = True) -> World:
    """Return a world whose tables, carrier or both stand behind the fault."""
    store, phones = MemoryTables(), MemoryCarrier()
    return World(
        tables=store,
        carrier=phones,
        on_tables=FaultyTables(store, fault) if tables else None,
        on_carrier=FaultyCarrier(phones, fault) if carrier else None,
    )


async def call_count() -> int:
    """Return how many calls of the ports a send without a fault takes."""
    fault = Fault(NEVER, "before", StorageUnavailable("never"))
    await faulty(fault).send(*PEOPLE, key="key")
    return fault.calls


def faults(when: When, error: BaseException, calls: int, *, kills: bool = False) -> Iterator[Fault]:
    """Yield the fault at each call."""
    return (Fault(at, when, error, kills) for at in range(calls))


async def until_done(world: World) -> tuple[RecipientAnswer, ...]:
    """Repeat the request as a patient caller does."""
    for _ in range(10):
        try:
            return await world.send(*PEOPLE, key="key")
        except Conflict:
            world.clock.advance(seconds=LEASE.total_seconds())
        except SmsError:
            world.clock.advance(seconds=1)
    raise AssertionError("the request never ends")


async def after(world: World) -> World:
    """Return a new worker over what the other has left."""
    await asyncio.sleep(0)
    return World(tables=world.tables, carrier=world.carrier, clock=world.clock)


def copies(world: World) -> list[int]:
    """Return how many texts each person got."""
    return [len(world.carrier.sent_to(one)) for one in PEOPLE]


def check_ends(world: World, answers: tuple[RecipientAnswer, ...]) -> None:
    """Nothing is left `sending`, and messages, activity and answers say the same."""
    stored = {one.key.row: one.state for one in world.messages()}
    assert State.SENDING not in stored.values()
    activity = {
        row: str(entity.values["state"])
        for rows in world.tables.table("Activity")._partitions.values()
        for row, entity in rows.items()
        if entity.values["kind"] == "outbound"
    }
    assert activity == stored
    assert {one.id.partition(".")[2]: one.state for one in answers if one.id} == stored


@pytest.mark.parametrize("when", ["before", "after"])
async def test_storage_that_fails_once_at_any_call_never_doubles_or_loses_a_text(when: When) -> None:
    calls = await call_count()
    assert calls >= 15
    for fault in faults(when, StorageUnavailable("down"), calls):
        world = faulty(fault, carrier=False)
        answers = await until_done(world)
        assert copies(world) == [1, 1, 1], fault
        assert [one.state for one in answers] == ["sent"] * 3, fault
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
        assert [one.state for one in answers] == ["sent"] * 3, fault
        check_ends(world, answers)


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
        pairs = zip(answers, copies(world), strict=True)
        assert all(got == 1 or one.state == "unknown" for one, got in pairs), fault
        check_ends(world, answers)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_opt_out_after_a_fault_at_any_call_is_honoured(when: When) -> None:
    calls = await call_count()
    for kills in (False, True):
        error = asyncio.CancelledError() if kills else StorageUnavailable("down")
        for fault in faults(when, error, calls, kills=kills):
            first = faulty(fault, carrier=kills)
            try:
                await first.send(*PEOPLE, key="key")
            except (SmsError, asyncio.CancelledError):
                await asyncio.sleep(0)
            had = copies(first)
            requests = len(first.carrier.requests)
            world = await after(first)
            await world.services.opt_out_lists.add(None, [BOB])
            answers = await until_done(world)
            later = [one.to for request in world.carrier.requests[requests:] for one in request.addressees]
            assert BOB not in later, fault
            assert copies(world) == [1, had[1], 1], fault
            assert answers[1].state in ({"sent", "unknown"} if had[1] else {"suppressed", "unknown"}), fault
            check_ends(world, answers)


@pytest.mark.parametrize("error", [CarrierThrottled("too fast"), CarrierUnavailable("down")])
async def test_two_faults_one_of_them_the_carriers_never_double_a_text(error: SmsError) -> None:
    calls = await call_count()
    for fault in faults("after", StorageUnavailable("down"), calls + 12):
        world = faulty(replace(fault), carrier=False)
        world.carrier.fail_next(error)
        await until_done(world)
        await asyncio.sleep(0)
        assert max(copies(world)) <= 1, fault
        assert State.SENDING not in {one.state for one in world.messages()}, fault


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_silent_carrier_leaves_unknown_what_it_may_have_taken(when: When) -> None:
    fault = Fault(0, when, CarrierSilent("no answer"))
    world = faulty(fault, tables=False)
    answers = await until_done(world)
    assert [one.state for one in answers] == ["unknown"] * 3
    assert copies(world) == ([0] * 3 if when == "before" else [1] * 3)
    assert await until_done(world) == answers
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
        second = World(tables=slow.tables, carrier=slow.carrier, clock=clock)
        answers = await until_done(second)
        stall.set()
        await asyncio.gather(first, return_exceptions=True)
        assert copies(second) == [1, 1, 1], at
        assert {one.state for one in second.messages()} == {State.SENT}, at
        check_ends(second, answers)
