"""Batches: what is open, found when its time has come, and leased to one worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

from shared.edges.clock_manual import ManualClock
from shared.edges.tables_memory import MemoryTable
from shared.rules.ids import Send, to_ms
from shared.services.batches import LEASE, Batch, Batches
from tests.unit.services.world import ANN, BOB, TOLL_FREE

_MINUTE_MS = 60_000


def batch(clock: ManualClock, number: int = 1, **changes: int) -> Batch:
    """Return a batch that is due now."""
    now_ms = to_ms(clock.now())
    plain = Batch(
        send=Send(UUID(int=number), now_ms),
        sender=TOLL_FREE,
        recipients=(ANN, BOB),
        text="Hello",
        tag="t",
        delivery_report=True,
        confirms_opt_out=False,
        due_ms=now_ms,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # times only


def store() -> tuple[Batches, ManualClock]:
    """Return an empty store."""
    clock = ManualClock()
    return Batches(MemoryTable(), clock), clock


async def due(batches: Batches) -> list[int]:
    """Return the numbers of the batches that are to be looked at."""
    return [one.send.id.int async for one in batches.until_soon() if one.is_to_wake(to_ms(batches._clock.now()))]


async def test_a_batch_is_read_back_as_it_was_written() -> None:
    batches, clock = store()
    now_ms = to_ms(clock.now())
    whole = batch(clock, not_after_ms=now_ms + 5, not_before_ms=now_ms + 2, go_ms=now_ms + 3, round=4)
    whole = replace(whole, traceparent="of a request")
    opened = await batches.open(whole)
    assert opened
    kept = await batches.keep(replace(opened, lease_ms=0))
    assert kept
    read = await batches.claim(whole.partition, whole.row)
    assert read
    assert replace(read, lease_ms=0, wake_ms=0, etag="") == replace(whole, lease_ms=0, wake_ms=0)


async def test_one_of_many_workers_gets_the_batch() -> None:
    batches, clock = store()
    opened = await asyncio.gather(*(batches.open(batch(clock)) for _ in range(5)))
    assert sum(one is not None for one in opened) == 1
    assert await batches.claim(batch(clock).partition, batch(clock).row) is None
    clock.advance(seconds=LEASE.total_seconds() + 1)
    earlier = batch(clock, due_ms=to_ms(clock.now() - LEASE) - 1_000)
    claimed = await asyncio.gather(*(batches.claim(earlier.partition, earlier.row) for _ in range(5)))
    assert sum(one is not None for one in claimed) == 1


async def test_a_worker_that_lost_its_lease_writes_nothing() -> None:
    batches, clock = store()
    first = await batches.open(batch(clock))
    assert first
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert await batches.claim(first.partition, first.row)
    assert await batches.keep(replace(first, round=9)) is None


async def test_a_closed_batch_is_gone() -> None:
    batches, clock = store()
    opened = await batches.open(batch(clock))
    assert opened
    await batches.close(opened)
    await batches.close(opened)
    assert await batches.claim(opened.partition, opened.row) is None
    assert await due(batches) == []


async def test_batches_are_looked_at_when_their_time_has_come_and_no_worker_is_at_them() -> None:
    batches, clock = store()
    now_ms = to_ms(clock.now())
    for number, minutes in ((1, 5), (2, 90), (3, 0)):
        opened = await batches.open(batch(clock, number, due_ms=now_ms + minutes * _MINUTE_MS))
        assert opened
        if minutes:
            await batches.keep(replace(opened, lease_ms=0, wake_ms=opened.due_ms))
    assert await due(batches) == []
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert await due(batches) == [3]
    clock.advance(minutes=4)
    assert await due(batches) == [1, 3]
    clock.advance(minutes=85)
    assert await due(batches) == [1, 3, 2]


async def test_a_batch_of_the_next_hour_is_found_a_little_before_it() -> None:
    batches, clock = store()
    clock.advance(minutes=58, seconds=59)
    opened = await batches.open(batch(clock, due_ms=to_ms(clock.now()) + 61_000))
    assert opened
    await batches.keep(replace(opened, lease_ms=0, wake_ms=to_ms(clock.now())))
    assert await due(batches) == [1]
