"""Idempotency records: running, interrupted, released, answered, forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.edges.clock_manual import ManualClock
from shared.edges.tables_memory import MemoryTables
from shared.rules.errors import Conflict
from shared.services.idempotency import LEASE, Answered, Idempotency, Running


class Store:
    """Records over fakes."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.records = Idempotency(MemoryTables().table("Idempotency"), self.clock, timedelta(hours=24))

    async def run(self, key: str = "key", payload: str = "payload") -> Running:
        """Begin a request that must be this caller's to do."""
        begun = await self.records.begin(key, payload)
        assert isinstance(begun, Running)
        return begun


async def test_a_finished_request_is_answered() -> None:
    store = Store()
    await store.records.finish(await store.run(), "the answer")
    assert await store.records.begin("key", "payload") == Answered("the answer")


async def test_a_released_request_begins_anew_with_a_new_time() -> None:
    store = Store()
    first = await store.run()
    assert await store.records.knows("key")
    await store.records.release(first)
    assert not await store.records.knows("key")
    store.clock.advance(seconds=3)
    assert (await store.run()).accepted_ms == first.accepted_ms + 3000


async def test_an_interrupted_request_is_taken_over_at_once_with_its_time() -> None:
    store = Store()
    first = await store.run()
    await store.records.interrupt(first)
    store.clock.advance(seconds=3)
    assert (await store.run()).accepted_ms == first.accepted_ms


async def test_a_running_request_is_taken_over_only_after_its_lease() -> None:
    store = Store()
    first = await store.run()
    with pytest.raises(Conflict):
        await store.records.begin("key", "payload")
    store.clock.advance(seconds=LEASE.total_seconds())
    assert (await store.run()).accepted_ms == first.accepted_ms


@pytest.mark.parametrize("end", ["finish", "release", "interrupt"])
async def test_one_who_lost_the_lease_changes_nothing_any_more(end: str) -> None:
    store = Store()
    slow = await store.run()
    store.clock.advance(seconds=LEASE.total_seconds())
    await store.records.finish(await store.run(), "the answer")
    if end == "finish":
        await store.records.finish(slow, "another")
    else:
        await getattr(store.records, end)(slow)
    assert await store.records.begin("key", "payload") == Answered("the answer")


@pytest.mark.parametrize("is_done", [False, True])
async def test_another_payload_is_a_conflict_until_the_answer_is_forgotten(is_done: bool) -> None:
    store = Store()
    first = await store.run()
    if is_done:
        await store.records.finish(first, "the answer")
    with pytest.raises(Conflict) as raised:
        await store.records.begin("key", "other")
    assert raised.value.code == "IdempotencyKeyReused"
    store.clock.advance(hours=24)
    assert (await store.run(payload="other")).accepted_ms > first.accepted_ms


async def test_keys_do_not_mix() -> None:
    store = Store()
    await store.records.finish(await store.run("one"), "the answer")
    await store.run("two")


async def test_a_request_that_takes_long_is_leased_again_while_it_is_its_workers() -> None:
    store = Store()
    first = await store.run()
    store.clock.advance(seconds=LEASE.total_seconds() - 1)
    longer = await store.records.extend(first)
    store.clock.advance(seconds=LEASE.total_seconds() - 20)
    with pytest.raises(Conflict):
        await store.records.begin("key", "payload")
    await store.records.finish(longer, "the answer")
    assert await store.records.begin("key", "payload") == Answered("the answer")


async def test_a_request_that_was_taken_over_is_not_leased_again() -> None:
    store = Store()
    first = await store.run()
    store.clock.advance(seconds=LEASE.total_seconds() + 1)
    await store.run()
    with pytest.raises(Conflict) as raised:
        await store.records.extend(first)
    assert raised.value.code == "RequestInProgress"
