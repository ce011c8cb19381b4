"""The fence: who has opted out, as it is at the moment of reading, however it is read."""

from __future__ import annotations

import asyncio

import pytest

from shared.services import fence
from shared.services.fence import Fences
from shared.services.opt_outs import OptOuts
from tests.unit.services.campaigning import people
from tests.unit.services.world import TOLL_FREE, World

TO = people(50)


def fences(world: World) -> Fences:
    """Return the fences of another worker over that world."""
    tables = world.tables
    return Fences(OptOuts(tables.table("OptOuts"), tables.table("OptOutAnnouncements"), world.clock), world.clock)


async def blocked(one: Fences) -> set[str]:
    """Return who is blocked."""
    return set((await one.read(TOLL_FREE, TO)).blocked)


async def test_changes_after_the_snapshot_are_seen_at_once() -> None:
    world = World()
    lists = world.services.opt_out_lists
    await lists.add(None, TO[:2])
    kept = fences(world)
    assert await blocked(kept) == set(TO[:2])
    await lists.add(TOLL_FREE, TO[5:6])
    assert await blocked(kept) == {*TO[:2], TO[5]}
    await lists.remove(None, TO[:1])
    assert await blocked(kept) == {TO[1], TO[5]}
    world.clock.advance(minutes=9, seconds=59)
    await lists.add(None, TO[7:8])
    assert await blocked(kept) == {TO[1], TO[5], TO[7]}
    world.clock.advance(minutes=1)
    assert await blocked(kept) == {TO[1], TO[5], TO[7]}


async def test_an_opt_out_by_a_worker_whose_clock_is_behind_is_seen() -> None:
    world = World()
    kept = fences(world)
    assert await blocked(kept) == set()
    world.clock.advance(seconds=-50)
    await world.services.opt_out_lists.add(None, TO[:1])
    world.clock.advance(seconds=50)
    assert await blocked(kept) == {TO[0]}


async def test_opt_outs_of_another_sender_do_not_block() -> None:
    world = World()
    await world.services.opt_out_lists.add("12345", TO[:3])
    assert await blocked(fences(world)) == set()


async def test_many_recipients_cost_few_readings() -> None:
    world = World()
    await world.services.opt_out_lists.add(None, TO[:2])
    kept = fences(world)
    await blocked(kept)
    table = world.tables.table("OptOuts")
    query, calls = table.query, 0

    async def count(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        return await query(*args, **options)  # type: ignore[arg-type]  # passed on as it came

    table.query = count  # type: ignore[method-assign,assignment]  # the fake counts
    assert await blocked(kept) == set(TO[:2])
    assert calls == 2


async def test_where_too_many_have_left_to_remember_each_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "_SNAPSHOT_LIMIT", 3)
    world = World()
    await world.services.opt_out_lists.add(None, TO[:10])
    kept = fences(world)
    assert await blocked(kept) == set(TO[:10])
    await world.services.opt_out_lists.remove(None, TO[:9])
    assert await blocked(kept) == {TO[9]}


async def test_an_opt_out_while_the_snapshot_is_taken_is_seen() -> None:
    world = World()
    kept = fences(world)
    table = world.tables.table("OptOuts")
    query = table.query

    async def slow(*args: object, **options: object) -> object:
        page = await query(*args, **options)  # type: ignore[arg-type]  # passed on as it came
        table.query = query  # type: ignore[method-assign]  # slow once
        await world.services.opt_out_lists.add(None, TO[3:4])
        world.clock.advance(seconds=30)
        return page

    table.query = slow  # type: ignore[method-assign,assignment]  # the fake is slow, and somebody leaves meanwhile
    assert await blocked(kept) == {TO[3]}


async def test_workers_of_one_process_share_one_snapshot() -> None:
    world = World()
    await world.services.opt_out_lists.add(None, TO[:1])
    kept = fences(world)
    found = await asyncio.gather(*(blocked(kept) for _ in range(5)))
    assert found == [{TO[0]}] * 5


async def test_a_fence_that_is_old_is_read_anew_and_keeps_who_left() -> None:
    world = World()
    kept = fences(world)
    first = await kept.read(TOLL_FREE, TO)
    assert await kept.fresh(first, TOLL_FREE, TO) == first
    await world.services.opt_out_lists.add(None, TO[:1])
    world.clock.advance(milliseconds=501)
    again = await kept.fresh(first, TOLL_FREE, TO)
    assert again.blocked == {TO[0]}
