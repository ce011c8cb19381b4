"""Broken uploads: their rows are deleted after an hour, and never those of a campaign that is there or being stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.edges.tables_memory import MemoryTables
from shared.rules.errors import StorageUnavailable
from shared.services.broken_uploads import BrokenUploads
from shared.services.campaigns import Campaign
from tests.unit.services.campaigning import copies, people, request, start
from tests.unit.services.faults import Fault, FaultyTable, FaultyTables, Stall
from tests.unit.services.world import SHORT_CODE, World, settings

TO = people(250)
FASTER = '[{"sender":"12345","type":"shortCode","perMinute":10000}]'
# The call that stores the chunks.
STORED = 5


async def upload(world: World, to: Sequence[str] = TO) -> Campaign:
    """Start the campaign of these tests, or start it again."""
    return await world.services.campaign_plans.start(request(world, to, sender=SHORT_CODE), "key")


async def broken(at: int, to: Sequence[str] = TO) -> World | None:
    """Return a world in which the upload broke off after that call; None if it needed no such call."""
    tables = MemoryTables()
    fault = Fault(at, "after", asyncio.CancelledError(), kills=True)
    try:
        await upload(World(tables=tables, on_tables=FaultyTables(tables, fault)), to)
    except asyncio.CancelledError:
        return World(tables=tables)
    return None


async def test_whatever_call_an_upload_broke_off_at_nothing_of_it_is_left_after_an_hour() -> None:
    at, cleared = 0, 0
    while world := await broken(at):
        listed, _ = await world.services.campaigns.page(10, None)
        there = world.row_count("Campaigns")
        world.clock.advance(minutes=59)
        assert await world.services.broken_uploads.clear() == 0
        world.clock.advance(minutes=2)
        cleared += await world.services.broken_uploads.clear()
        assert world.row_count("Campaigns") == (there if listed else 0)
        await upload(world)
        await world.pass_time(minutes=1)
        assert copies(world, TO) == [1] * len(TO), at
        at += 1
    assert cleared == 3


async def test_a_campaign_that_is_there_is_left_alone_while_it_runs_and_later() -> None:
    world = World()
    await start(world, request(world, TO, sender=SHORT_CODE, send_at_ms=world.now_ms + 3 * 3_600_000))
    there = world.row_count("Campaigns")
    world.clock.advance(hours=2)
    assert await world.services.broken_uploads.clear() == 0
    assert world.row_count("Campaigns") == there
    await world.pass_time(minutes=70)
    assert await world.services.broken_uploads.clear() == 0
    assert copies(world, TO) == [1] * len(TO)


async def test_a_repeat_that_stores_the_campaign_meanwhile_loses_nothing() -> None:
    at, overtaken = 0, 0
    while True:
        world = await broken(STORED)
        assert world
        world.clock.advance(hours=2)
        stall = Stall(at, asyncio.Event())
        uploads = BrokenUploads(FaultyTable(world.tables.table("Campaigns"), stall), world.clock)
        clearing = asyncio.create_task(uploads.clear())
        for _ in range(50):
            await asyncio.sleep(0)
        if clearing.done():
            break
        await upload(world)
        stall.until.set()
        overtaken += await clearing == 0
        await world.pass_time(minutes=1)
        assert copies(world, TO) == [1] * len(TO), at
        at += 1
    assert overtaken >= 4


@pytest.mark.parametrize("kills", [True, False])
async def test_clearing_that_breaks_off_is_finished_by_the_next_timer(kills: bool) -> None:
    at, done = 0, False
    while not done:
        world = await broken(STORED)
        assert world
        world.clock.advance(hours=2)
        error = asyncio.CancelledError() if kills else StorageUnavailable("down")
        table = FaultyTable(world.tables.table("Campaigns"), Fault(at, "before", error, kills=kills))
        try:
            done = await BrokenUploads(table, world.clock).clear() == 1
        except (asyncio.CancelledError, StorageUnavailable):
            await world.services.broken_uploads.clear()
        assert world.row_count("Campaigns") == 0, at
        at += 1
    assert at >= 5


async def test_chunks_that_a_first_try_with_another_rate_left_are_not_sent() -> None:
    to = people(995)
    first = await broken(STORED, to)
    assert first
    assert first.row_count("Campaigns") == 1 + 2 * 11
    rate = settings(SMS_DEFAULT_SENDER=SHORT_CODE, SMS_SENDERS=FASTER)
    world = World(rate, tables=first.tables)
    world.clock.advance(seconds=130)
    campaign = await upload(world, to)
    assert (campaign.chunks, world.row_count("Campaigns")) == (10, 3 + 2 * 11)
    await world.pass_time(minutes=1)
    assert copies(world, to) == [1] * len(to)
    assert world.row_count("Messages") == len(to)
