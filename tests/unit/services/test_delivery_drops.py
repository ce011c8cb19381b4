"""Warnings of delivery rates that drop: once, of what drops alone, and again after it had come back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.ports.relay import Notice
from shared.ports.tables import Entity, Range
from shared.rules.errors import RelayUnavailable
from shared.rules.states import State
from shared.services.activity import ActivityLog
from shared.services.late_marks import LateMarks
from shared.services.tallies import GroupBy
from tests.unit.services.arrivals import arrivals
from tests.unit.services.world import SHORT_CODE, TOLL_FREE, World

pytestmark = pytest.mark.filterwarnings("error")


class Days:
    """A world in which hours pass, each with its texts."""

    def __init__(self) -> None:
        self.world = World()
        self.log = ActivityLog(
            self.world.tables.table("Activity"), LateMarks(self.world.tables.table("Rollups"), self.world.clock)
        )

    async def hour(self, delivered: int, failed: int, sender: str = TOLL_FREE, country: str = "US") -> None:
        """Let an hour pass with texts that arrive and others that do not."""
        at_ms = self.world.now_ms
        await self.log.record(
            [
                *arrivals(at_ms, delivered, sender=sender, country=country),
                *arrivals(at_ms, failed, State.FAILED, sender=sender, country=country),
            ]
        )
        self.world.clock.advance(hours=1)

    async def watch(self) -> list[Notice]:
        """Let the hours close, roll up, look at the rates, and return the warnings so far."""
        await self.world.services.rollups.roll()
        await self.world.services.delivery_drops.watch()
        return [one for one in self.world.relay.notices if one.type == "Sms.DeliveryRateDropped"]


async def good_days() -> Days:
    """Return days in which 19 of 20 arrived, from both senders."""
    days = Days()
    await days.watch()
    for _ in range(12):
        await days.hour(38, 2)
        await days.hour(38, 2, SHORT_CODE, "GB")
    return days


async def test_a_drop_of_a_sender_and_its_country_is_told_once() -> None:
    days = await good_days()
    assert await days.watch() == []
    for _ in range(7):
        await days.hour(25, 15)
    told = await days.watch()
    assert {(one.data["sender"], one.data["country"]) for one in told} == {(TOLL_FREE, None), (None, "US")}
    assert await days.watch() == told
    await days.hour(20, 20)
    assert await days.watch() == told


async def test_what_others_lose_is_not_told_of_a_sender_that_goes_well() -> None:
    days = await good_days()
    for _ in range(7):
        await days.hour(25, 15)
        await days.hour(38, 2, SHORT_CODE, "GB")
    told = await days.watch()
    assert SHORT_CODE not in {one.data["sender"] for one in told}


async def test_a_drop_after_the_rate_had_come_back_is_told_again() -> None:
    days = await good_days()
    for _ in range(7):
        await days.hour(25, 15)
    first = await days.watch()
    for _ in range(20):
        await days.hour(38, 2)
    assert await days.watch() == first
    for _ in range(7):
        await days.hour(5, 35)
    assert len(await days.watch()) == 2 * len(first)


async def test_few_texts_are_no_reason_to_warn() -> None:
    days = await good_days()
    for _ in range(7):
        await days.hour(1, 6)
    assert await days.watch() == []


async def test_hours_that_are_not_rolled_up_as_a_whole_do_not_count() -> None:
    days = await good_days()
    await days.watch()
    table = days.world.tables.table("Rollups")
    day = (await table.query(Range(GroupBy.SENDER.value))).entities[0]
    later = {"hour22": '{"delivered":0,"failed":500}', "hour23": '{"delivered":0,"failed":500}'}
    await table.replace(replace(day, values={**day.values, **later}))
    assert await days.watch() == []


async def test_a_warning_that_the_relay_did_not_take_is_told_by_the_next_look() -> None:
    days = await good_days()
    for _ in range(7):
        await days.hour(25, 15)
    days.world.relay.fail_next()
    with pytest.raises(RelayUnavailable):
        await days.watch()
    told = await days.watch()
    assert {(one.data["sender"], one.data["country"]) for one in told} == {(TOLL_FREE, None), (None, "US")}
    assert await days.watch() == told


async def test_two_looks_at_once_tell_of_the_same_drop() -> None:
    days = await good_days()
    for _ in range(7):
        await days.hour(25, 15)
    await days.world.services.rollups.roll()
    await asyncio.gather(*(days.world.services.delivery_drops.watch() for _ in range(2)))
    told = await days.watch()
    assert len({one.id for one in told}) == 2
    rows = (await days.world.tables.table("Rollups").query(Range("drop"))).entities
    assert all(isinstance(row, Entity) and row.values["told"] for row in rows)
