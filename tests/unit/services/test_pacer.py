"""The pacer: one schedule per sender, whoever reserves on it."""

from __future__ import annotations

import asyncio

import pytest

from shared.edges.clock_manual import ManualClock
from shared.edges.tables_memory import MemoryTable
from shared.ports.tables import Entity
from shared.ports.telemetry import NoTelemetry
from shared.services.pacer import Pacer
from tests.unit.services.world import ALPHANUMERIC, SHORT_CODE, TOLL_FREE, settings


class YieldingTable(MemoryTable):
    """A table that lets the others run before each write, so that writes collide."""

    refused = 0

    async def replace(self, entity: Entity) -> str:
        """Overwrite."""
        await asyncio.sleep(0)
        try:
            return await super().replace(entity)
        except Exception:
            self.refused += 1
            raise

    async def insert(self, entity: Entity) -> str:
        """Insert."""
        await asyncio.sleep(0)
        return await super().insert(entity)


def pacers(count: int = 1) -> tuple[YieldingTable, ManualClock, list[Pacer]]:
    """Return the pacers of so many workers over one table."""
    table, clock = YieldingTable(), ManualClock()
    return table, clock, [Pacer(table, settings().known_senders, clock, NoTelemetry()) for _ in range(count)]


def now_ms(clock: ManualClock) -> int:
    """Return the time."""
    return int(clock.now().timestamp() * 1000)


async def test_workers_that_reserve_at_once_keep_the_limit_together() -> None:
    table, _, workers = pacers(8)
    moments = await asyncio.gather(*(one.reserve(TOLL_FREE, 10) for one in workers for _ in range(10)))
    assert table.refused > 0
    assert len(moments) == 80
    for at in moments:
        assert sum(10 for other in moments if at <= other < at + 60_000) <= 200


async def test_each_sender_has_a_schedule_of_its_own_and_alphanumeric_ones_share_one() -> None:
    _, clock, (pacer,) = pacers()
    await pacer.reserve(TOLL_FREE, 100)
    await pacer.reserve(TOLL_FREE, 100)
    assert await pacer.reserve(TOLL_FREE, 1) >= now_ms(clock) + 60_000
    assert await pacer.reserve(SHORT_CODE, 100) == now_ms(clock)
    assert await pacer.reserve(ALPHANUMERIC, 100) == now_ms(clock)


async def test_what_was_reserved_may_go_at_its_moment_and_not_before_or_long_after() -> None:
    _, clock, (pacer,) = pacers()
    at_ms = await pacer.reserve(TOLL_FREE, 1)
    assert await pacer.may_go(TOLL_FREE, at_ms)
    assert not await pacer.may_go(TOLL_FREE, at_ms + 1)
    clock.advance(seconds=1.5)
    assert not await pacer.may_go(TOLL_FREE, at_ms)
    assert not await pacer.may_go(SHORT_CODE, at_ms)


async def test_after_a_429_nothing_goes_until_the_time_that_it_named() -> None:
    _, clock, (one, other) = pacers(2)
    at_ms = await one.reserve(TOLL_FREE, 1)
    await other.slow_down(TOLL_FREE, 30)
    assert not await one.may_go(TOLL_FREE, at_ms)
    assert await one.reserve(TOLL_FREE, 1) >= now_ms(clock) + 30_000
    assert await one.reserve(SHORT_CODE, 1) == now_ms(clock)


async def test_a_429_holds_the_worker_that_heard_it_before_it_is_stored() -> None:
    _, _, (pacer,) = pacers()
    at_ms = await pacer.reserve(TOLL_FREE, 1)
    assert await pacer.may_go(TOLL_FREE, at_ms)
    telling = asyncio.create_task(pacer.slow_down(TOLL_FREE, 30))
    await asyncio.sleep(0)
    assert not telling.done()
    assert pacer.is_slowed(TOLL_FREE)
    assert not pacer.is_slowed(SHORT_CODE)
    await telling
    assert not await pacer.may_go(TOLL_FREE, at_ms)


async def test_a_429_is_stored_before_the_reservations_that_wait_in_the_same_worker() -> None:
    _, clock, (pacer,) = pacers()
    waiting = [asyncio.create_task(pacer.reserve(TOLL_FREE, 1)) for _ in range(50)]
    await asyncio.sleep(0)
    begun_ms = now_ms(clock)
    await pacer.slow_down(TOLL_FREE, 30)
    late = [await one for one in waiting if not one.done()]
    assert late
    assert min(late[1:]) >= begun_ms + 30_000


async def test_a_campaign_reserves_nothing_that_is_far_ahead() -> None:
    _, clock, (pacer,) = pacers()
    size = pacer.group_size(TOLL_FREE)
    rooms = [await pacer.reserve_for_campaign(TOLL_FREE, size) for _ in range(10)]
    assert rooms[0].reserved
    assert rooms[0].at_ms == now_ms(clock)
    late = [room for room in rooms if not room.reserved]
    assert late
    assert all(room.at_ms > now_ms(clock) + 1_000 for room in late)
    assert len({room.at_ms for room in late}) == 1
    assert await pacer.reserve(TOLL_FREE, 1) <= now_ms(clock) + 1_000


@pytest.mark.parametrize("units", [0, 201])
async def test_units_that_no_minute_has_room_for_are_a_defect(units: int) -> None:
    _, _, (pacer,) = pacers()
    with pytest.raises(ValueError, match="unit"):
        await pacer.reserve(TOLL_FREE, units)
