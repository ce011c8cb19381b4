"""Daily caps when a call of a port fails, or its worker dies there: nothing is counted twice, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, SmsError, StorageUnavailable
from shared.services.campaigns import Campaign, Status
from shared.services.pacer import Pacer
from tests.unit.services.campaigning import people, request, start
from tests.unit.services.capping import capped, counted, gone
from tests.unit.services.faults import Fault, When
from tests.unit.services.world import SHORT_CODE, World

TO = people(7)
NEVER = 10**9
ANSWERS: dict[str, tuple[SmsError, ...]] = {
    "taken": (),
    "throttled": (CarrierThrottled("too fast", retry_after_s=20),),
    "silent": (CarrierSilent("no answer"),),
    "refused": (CarrierRefused("no", target="recipients"),),
    "refused for good": (CarrierRefused("no"),),
}


async def prepared(cap: int, *answers: SmsError) -> World:
    """Return a world in which the first recipient has opted out and the carrier refuses the second."""
    world = capped(cap)
    await world.services.opt_out_lists.add(None, TO[:1])
    world.carrier.reject_next(TO[1], 400)
    world.carrier.fail_next(*answers)
    return world


async def send(world: World, fault: Fault) -> None:
    """Send one text to all of them, behind the fault."""
    worker = capped(world.settings.daily_segments, over=world, fault=fault)
    with contextlib.suppress(SmsError, asyncio.CancelledError):
        await worker.send(*TO, key="key")
    await asyncio.sleep(0)


async def work_off(world: World, fault: Fault) -> None:
    """Do what is in the queue, behind the fault."""
    with contextlib.suppress(asyncio.CancelledError):
        await capped(world.settings.daily_segments, over=world, fault=fault).work_off()
    await asyncio.sleep(0)


def check_counted(world: World, fault: Fault) -> None:
    """Exactly what went or may have is counted, and no more was sent than that."""
    assert counted(world) == gone(world), fault
    assert len(world.carrier.sent) <= counted(world) <= world.settings.daily_segments, fault


def fault_at(at: int, when: When, kills: bool) -> Fault:
    return Fault(at, when, asyncio.CancelledError() if kills else StorageUnavailable("down"), kills)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
async def test_a_text_is_counted_once_after_a_fault_at_any_call(answer: str, when: When, kills: bool) -> None:
    nothing = Fault(NEVER, when, StorageUnavailable("never"))
    await send(await prepared(7, *ANSWERS[answer]), nothing)
    for at in range(nothing.calls):
        world, fault = await prepared(7, *ANSWERS[answer]), fault_at(at, when, kills)
        await send(world, fault)
        await world.pass_time(minutes=6)
        assert world.row_count("Batches") == 0, fault
        check_counted(world, fault)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
async def test_a_campaign_is_counted_once_after_a_fault_at_any_call(answer: str, when: When, kills: bool) -> None:
    nothing = Fault(NEVER, when, StorageUnavailable("never"))
    world = await prepared(7, *ANSWERS[answer])
    await start(world, request(world, TO, sender=SHORT_CODE))
    await work_off(world, nothing)
    for at in range(nothing.calls):
        world, fault = await prepared(7, *ANSWERS[answer]), fault_at(at, when, kills)
        campaign = await start(world, request(world, TO, sender=SHORT_CODE))
        await work_off(world, fault)
        await world.pass_time(minutes=6)
        assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE
        check_counted(world, fault)


@pytest.mark.parametrize("end", [Status.PAUSED, Status.CANCELED])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_a_dead_worker_held_is_given_back_though_the_campaign_stopped(end: Status, when: When) -> None:
    nothing = Fault(NEVER, when, StorageUnavailable("never"))
    await work_off((await started())[0], nothing)
    for at in range(nothing.calls):
        (world, campaign), fault = await started(), fault_at(at, when, kills=True)
        await work_off(world, fault)
        await world.services.campaigns.set_status(campaign.id, end)
        await world.pass_time(minutes=6)
        check_counted(world, fault)


async def started(**later: float) -> tuple[World, Campaign]:
    world = await prepared(7)
    world.clock.advance(**later)
    return world, await start(world, request(world, TO, sender=SHORT_CODE))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_no_day_is_over_its_cap_when_a_worker_dies_right_before_midnight(when: When) -> None:
    nothing = Fault(NEVER, when, StorageUnavailable("never"))
    await send(await prepared(7), nothing)
    for at in range(nothing.calls):
        world, fault = await prepared(7), fault_at(at, when, kills=True)
        world.clock.advance(hours=11, minutes=59, seconds=59, milliseconds=900)
        await send(world, fault)
        before = len(world.carrier.sent)
        await world.pass_time(minutes=10)
        assert before <= counted(world, days_ago=1) <= 7, fault
        assert len(world.carrier.sent) - before <= counted(world) <= 7, fault
        if world.row_count("Batches"):
            await world.pass_time(hours=25)
        assert world.row_count("Batches") == 0, fault


@pytest.mark.parametrize("when", ["before", "after"])
async def test_no_day_is_over_its_cap_when_the_worker_of_a_campaign_dies_before_midnight(when: When) -> None:
    nothing = Fault(NEVER, when, StorageUnavailable("never"))
    await work_off((await started())[0], nothing)
    for at in range(nothing.calls):
        world, campaign = await started(hours=11, minutes=59, seconds=59, milliseconds=900)
        fault = fault_at(at, when, kills=True)
        await work_off(world, fault)
        before = len(world.carrier.sent)
        await world.pass_time(minutes=10)
        assert before <= counted(world, days_ago=1) <= 7, fault
        assert len(world.carrier.sent) - before <= counted(world) <= 7, fault
        assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_a_dead_worker_held_is_given_back_when_its_text_expires(when: When) -> None:
    nothing = Fault(NEVER, when, StorageUnavailable("never"))
    await send(await prepared(7), nothing)
    for at in range(nothing.calls):
        world, fault = await prepared(7), fault_at(at, when, kills=True)
        worker = capped(7, over=world, fault=fault)
        brief = replace(world.text(*TO), not_after_ms=world.now_ms + 30_000)
        with contextlib.suppress(SmsError, asyncio.CancelledError):
            await worker.services.sending.send(brief, "key")
        await world.pass_time(minutes=6)
        assert world.row_count("Batches") == 0, fault
        check_counted(world, fault)


async def test_what_was_counted_before_midnight_and_comes_after_it_is_counted_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = capped(7)
    world.clock.advance(hours=11, minutes=59, seconds=59, milliseconds=500)
    reserve = Pacer.reserve

    async def slow(self: Pacer, sender: str, units: int) -> int:
        world.clock.advance(seconds=1)
        return await reserve(self, sender, units)

    monkeypatch.setattr(Pacer, "reserve", slow)
    await world.send(*TO)
    assert not world.carrier.sent
    await world.pass_time(minutes=2)
    assert len(world.carrier.sent) == counted(world) == 7
    assert counted(world, days_ago=1) == 0
