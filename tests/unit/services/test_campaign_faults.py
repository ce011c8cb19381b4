"""A campaign in which one call of a port fails, or its worker dies there, each call in its turn."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.tables_memory import MemoryTables
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, SmsError, StorageUnavailable
from shared.rules.states import State
from shared.services.campaigns import Campaign, Status
from tests.unit.services.campaigning import by_number, copies, counts, people, request, start, states
from tests.unit.services.faults import Fault, FaultyCarrier, FaultyQueues, FaultyTables, When
from tests.unit.services.world import SHORT_CODE, World

TO = people(7)
NEVER = 10**9
ANSWERS: dict[str, tuple[SmsError, ...]] = {
    "taken": (),
    "throttled": (CarrierThrottled("too fast", retry_after_s=20),),
    "silent": (CarrierSilent("no answer"),),
    "refused": (CarrierRefused("no", target="recipients"),),
}


async def started(*answers: SmsError) -> tuple[World, Campaign]:
    """Return a campaign that is stored and has not begun."""
    clock = ManualClock()
    world = World(tables=MemoryTables(), carrier=MemoryCarrier(), clock=clock, queues=MemoryQueues(clock))
    await world.services.opt_out_lists.add(None, TO[:1])
    campaign = await start(world, request(world, TO, sender=SHORT_CODE))
    world.carrier.fail_next(*answers)
    return world, campaign


def behind(world: World, fault: Fault, *, carrier: bool) -> World:
    """Return a worker over that world whose ports stand behind the fault."""
    return World(
        tables=world.tables,
        carrier=world.carrier,
        clock=world.clock,
        queues=world.queues,
        on_tables=FaultyTables(world.tables, fault),
        on_queues=FaultyQueues(world.queues, fault),
        on_carrier=FaultyCarrier(world.carrier, fault) if carrier else None,
    )


async def call_count(*answers: SmsError, carrier: bool = True) -> int:
    """Return how many calls of storage, and of the carrier, it takes to do what the queue has now."""
    fault = Fault(NEVER, "before", StorageUnavailable("never"))
    world, _ = await started(*answers)
    await behind(world, fault, carrier=carrier).work_off()
    return fault.calls


async def broken(fault: Fault, *answers: SmsError) -> tuple[World, Campaign]:
    """Return what a worker leaves whom the fault has struck."""
    world, campaign = await started(*answers)
    with contextlib.suppress(asyncio.CancelledError):
        await behind(world, fault, carrier=fault.kills).work_off()
    await asyncio.sleep(0)
    assert fault.has_struck
    return world, campaign


async def check_ends(world: World, campaign: Campaign) -> None:
    """Each recipient has one end, and messages, activity and progress say the same."""
    assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE
    stored = by_number(world)
    assert stored.keys() == set(TO)
    activity, _ = await world.services.conversations._activity.page(1000, None)
    traced = {one.row: one.step.state for one in activity if one.campaign}
    assert traced == {one.key.row: one.state for one in stored.values()}
    assert await counts(world, campaign) == {state.value: count for state, count in states(world).items()}


def check_ends_of_all_sent(world: World, fault: Fault) -> None:
    """All were sent to but the first, who had opted out: whom a dead worker had in hand is not known to be left out."""
    found = {one: message.state for one, message in by_number(world).items()}
    assert found.pop(TO[0]) in (State.SUPPRESSED, State.UNKNOWN), fault
    assert found == dict.fromkeys(TO[1:], State.SENT), fault


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
async def test_a_campaign_goes_once_after_a_fault_at_any_call(answer: str, when: When, kills: bool) -> None:
    calls = await call_count(*ANSWERS[answer], carrier=kills)
    assert calls >= 10
    for at in range(calls):
        error = asyncio.CancelledError() if kills else StorageUnavailable("down")
        fault = Fault(at, when, error, kills)
        world, campaign = await broken(fault, *ANSWERS[answer])
        await world.pass_time(minutes=5)
        assert copies(world, TO) == [0, *[1] * 6], fault
        check_ends_of_all_sent(world, fault)
        await check_ends(world, campaign)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_campaign_whose_worker_was_found_late_is_not_sent_twice(when: When) -> None:
    for at in range(await call_count()):
        fault = Fault(at, when, asyncio.CancelledError(), kills=True)
        world, campaign = await broken(fault)
        world.clock.advance(minutes=10)
        await world.pass_time(minutes=5)
        got = copies(world, TO)
        assert max(got) <= 1, fault
        for person, count in zip(TO[1:], got[1:], strict=True):
            assert by_number(world)[person].state in ({State.SENT, State.UNKNOWN} if count else {State.UNKNOWN}), fault
        await check_ends(world, campaign)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
async def test_an_opt_out_after_a_fault_at_any_call_of_a_campaign_is_honoured(when: When, kills: bool) -> None:
    for at in range(await call_count(carrier=kills)):
        error = asyncio.CancelledError() if kills else StorageUnavailable("down")
        fault = Fault(at, when, error, kills)
        world, campaign = await broken(fault)
        had, requests = copies(world, TO), len(world.carrier.requests)
        await world.services.opt_out_lists.add(None, [TO[-1]])
        await world.pass_time(minutes=5)
        later = [one.to for request in world.carrier.requests[requests:] for one in request.addressees]
        assert TO[-1] not in later, fault
        assert copies(world, TO) == [0, *[1] * 5, had[-1]], fault
        await check_ends(world, campaign)


@pytest.mark.parametrize("end", [Status.PAUSED, Status.CANCELED])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_a_dead_worker_had_in_hand_is_settled_though_the_campaign_stopped(end: Status, when: When) -> None:
    for at in range(await call_count()):
        fault = Fault(at, when, asyncio.CancelledError(), kills=True)
        world, campaign = await broken(fault)
        await world.services.campaigns.set_status(campaign.id, end)
        await world.pass_time(minutes=5)
        got = copies(world, TO)
        assert got in ([0, *[1] * 6], [0] * 7), fault
        found = states(world)
        if any(got):
            check_ends_of_all_sent(world, fault)
        elif end is Status.CANCELED:
            assert found == {State.CANCELED: 7}, fault
        else:
            assert not found, fault
