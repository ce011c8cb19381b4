"""Roll-ups: hours that are added up, and what changes in them afterwards; a query says what the activity says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.ports.tables import Entity, Range, Table
from shared.rules.errors import StorageUnavailable
from shared.rules.ids import HOUR_MS, hour_of
from shared.services.activity import Activity, ActivityLog
from shared.services.analytics import Interval, Report
from shared.services.late_marks import LateMarks
from shared.services.tallies import GroupBy, Tally
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, World

DAY_MS = 24 * HOUR_MS


async def report(world: World, group_by: GroupBy | None = None, *, days: int = 3) -> Report:
    """Return the analytics of the last days."""
    end_ms = world.now_ms + 1
    return await world.services.analytics.report(end_ms - days * DAY_MS, end_ms, Interval.HOUR, group_by)


async def recount(world: World) -> Tally:
    """Return what all rows of the activity add up to."""
    tally = Tally()
    async for one in ActivityLog(
        world.tables.table("Activity"), LateMarks(world.tables.table("Rollups"), world.clock)
    ).between(0, world.now_ms + DAY_MS):
        tally.count(one)
    return tally


async def began(world: World) -> World:
    """Return a world whose roll-ups have begun, with texts in two hours that are closed by now."""
    await world.services.rollups.roll()
    await world.send(ANN, BOB, tag="news")
    world.clock.advance(hours=1)
    await world.send(CAT, sender=SHORT_CODE)
    await world.receive("hello", ANN, ago_s=0)
    world.clock.advance(hours=2)
    return world


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an entry for each row of the activity that is read."""
    seen: list[int] = []
    between = ActivityLog.between

    async def counted(self: ActivityLog, start_ms: int, end_ms: int) -> AsyncIterator[Activity]:
        async for one in between(self, start_ms, end_ms):
            seen.append(one.at_ms)
            yield one

    monkeypatch.setattr(ActivityLog, "between", counted)
    return seen


async def test_closed_hours_are_read_from_the_roll_ups_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await began(World())
    before = await report(world)
    assert len(await world.services.rollups.roll()) == 3
    seen = count_reads(monkeypatch)
    after = await report(world)
    assert seen == []
    assert after == before
    assert after.totals == await recount(world)


@pytest.mark.parametrize("group_by", list(GroupBy))
async def test_groups_are_the_same_rolled_up_or_counted(group_by: GroupBy) -> None:
    world = await began(World())
    before = await report(world, group_by)
    await world.services.rollups.roll()
    assert await report(world, group_by) == before


async def test_a_late_report_counts_at_once_and_after_the_next_roll_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await began(World())
    await world.services.rollups.roll()
    await world.services.delivery_reports.receive(world.report(ANN, "Failed", "4006"))
    late = await report(world, GroupBy.REASON)
    assert late.totals["failed"] == 1
    assert {one.group for one in late.buckets} == {"", "unreachable"}
    assert len(await world.services.rollups.roll()) == 0
    world.clock.advance(minutes=6)
    assert len(await world.services.rollups.roll()) == 1
    seen = count_reads(monkeypatch)
    assert await report(world, GroupBy.REASON) == late
    assert seen == []


async def test_a_group_that_lost_its_last_message_is_gone() -> None:
    world = await began(World())
    for person in (ANN, BOB):
        await world.services.delivery_reports.receive(world.report(person, "Failed", "5002"))
    world.clock.advance(minutes=6)
    await world.services.rollups.roll()
    first = await report(world, GroupBy.REASON)
    for person in (ANN, BOB):
        await world.services.delivery_reports.receive(world.report(person))
    world.clock.advance(minutes=6)
    await world.services.rollups.roll()
    second = await report(world, GroupBy.REASON)
    assert len({one.group for one in first.buckets}) == 2
    assert {one.group for one in second.buckets} == {""}
    assert second.totals == await recount(world)


async def test_a_change_while_its_hour_is_rolled_up_again_keeps_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await began(World())
    await world.services.rollups.roll()
    await world.services.delivery_reports.receive(world.report(ANN))
    world.clock.advance(minutes=6)
    between, reports = ActivityLog.between, [world.report(BOB)]

    async def change_after(self: ActivityLog, start_ms: int, end_ms: int) -> AsyncIterator[Activity]:
        async for one in between(self, start_ms, end_ms):
            yield one
        if reports:
            await world.services.delivery_reports.receive(reports.pop())

    monkeypatch.setattr(ActivityLog, "between", change_after)
    assert len(await world.services.rollups.roll()) == 0
    assert (await report(world)).totals["delivered"] == 2
    world.clock.advance(minutes=6)
    changed_ms = hour_of(world.now_ms) - 3 * HOUR_MS
    assert changed_ms in [one.hour_ms for one in await world.services.rollups.roll()]
    assert (await report(world)).totals == await recount(world)


async def test_a_roll_up_between_a_mark_and_its_change_does_not_hide_the_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await began(World())
    await world.services.rollups.roll()
    activity = world.tables.table("Activity")
    replace = type(activity).replace

    async def roll_first(self: Table, entity: Entity) -> str:
        if self is activity:
            await world.services.rollups.roll()
        return await replace(self, entity)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(activity), "replace", roll_first)
        await world.services.delivery_reports.receive(world.report(ANN))
    assert (await report(world)).totals["delivered"] == 1
    world.clock.advance(minutes=6)
    await world.services.rollups.roll()
    assert (await report(world)).totals["delivered"] == 1


async def test_a_change_that_takes_minutes_marks_its_hour_again() -> None:
    world = await began(World())
    await world.services.rollups.roll()
    marks = LateMarks(world.tables.table("Rollups"), world.clock)
    hour_ms = hour_of(world.now_ms) - 3 * HOUR_MS
    async with marks.around(hour_ms):
        world.clock.advance(minutes=6)
        assert [marks.is_settled(one) for one in await marks.between(hour_ms, hour_ms + 1)] == [True]
    assert [marks.is_settled(one) for one in await marks.between(hour_ms, hour_ms + 1)] == [False]


@pytest.mark.parametrize("closed", [True, False], ids=["an hour again", "an hour for the first time"])
async def test_a_roll_up_that_counted_earlier_writes_nothing_over_a_later_one(
    closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await began(World())
    if closed:
        await world.services.rollups.roll()
        await world.services.delivery_reports.receive(world.report(ANN))
        world.clock.advance(minutes=6)
    between, others = ActivityLog.between, [world.report(BOB)]

    async def others_meanwhile(self: ActivityLog, start_ms: int, end_ms: int) -> AsyncIterator[Activity]:
        async for one in between(self, start_ms, end_ms):
            yield one
        if others:
            await world.services.delivery_reports.receive(others.pop())
            world.clock.advance(minutes=6)
            await world.services.rollups.roll()
            await world.services.rollups.roll()

    monkeypatch.setattr(ActivityLog, "between", others_meanwhile)
    await world.services.rollups.roll()
    assert (await report(world)).totals == await recount(world)


async def test_two_roll_ups_at_once_end_in_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await began(World())
    between, others = ActivityLog.between, [1]

    async def roll_beside(self: ActivityLog, start_ms: int, end_ms: int) -> AsyncIterator[Activity]:
        async for one in between(self, start_ms, end_ms):
            yield one
        if others:
            others.pop()
            await world.services.rollups.roll()

    monkeypatch.setattr(ActivityLog, "between", roll_beside)
    await world.services.rollups.roll()
    await world.services.rollups.roll()
    assert (await report(world)).totals == await recount(world)


async def test_an_interrupted_roll_up_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await began(World())
    before = await report(world, GroupBy.TAG)
    table = world.tables.table("Rollups")
    transact, left = type(table).transact, [2]

    async def fail(self: object, writes: list[object]) -> tuple[str, ...]:
        if self is table or len(writes) < 3:
            left[0] -= 1
            if left[0] < 0:
                raise StorageUnavailable("gone")
        return await transact(self, writes)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(table), "transact", fail)
        with pytest.raises(StorageUnavailable):
            await world.services.rollups.roll()
    assert await report(world, GroupBy.TAG) == before
    await world.services.rollups.roll()
    assert await report(world, GroupBy.TAG) == before


async def test_hours_before_the_first_roll_up_are_counted_always() -> None:
    world = World()
    await world.send(ANN)
    world.clock.advance(hours=5)
    await world.services.rollups.roll()
    world.clock.advance(hours=5)
    await world.services.rollups.roll()
    await world.services.delivery_reports.receive(world.report(ANN))
    assert (await report(world)).totals["delivered"] == 1


async def test_a_part_of_an_hour_is_counted_exactly() -> None:
    world = await began(World())
    await world.services.rollups.roll()
    first = (await report(world)).buckets[0].start_ms
    found = await world.services.analytics.report(first, first + HOUR_MS // 2, Interval.HOUR, None)
    rest = await world.services.analytics.report(first + HOUR_MS // 2, first + 3 * HOUR_MS, Interval.HOUR, None)
    assert found.totals["accepted"] + rest.totals["accepted"] == 3


async def test_a_change_in_an_open_hour_costs_no_mark() -> None:
    world = World()
    await world.services.rollups.roll()
    await world.send(ANN)
    await world.services.delivery_reports.receive(world.report(ANN))
    page = await world.tables.table("Rollups").query(Range("late"))
    assert page.entities == ()
    assert isinstance(await world.tables.table("Rollups").get("state", "rolled"), Entity)
