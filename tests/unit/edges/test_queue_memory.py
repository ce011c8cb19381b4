"""What the fake queue does as the Functions host would: locks, counts, retries, poison, and repeats on demand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.edges.queue_memory import HostRules, MemoryQueue, MemoryQueues, Taken
from shared.rules.errors import StorageUnavailable
from tests.integration.contracts.acs_server import StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    """Give a clock that the test moves."""
    return StoppedClock()


@pytest.fixture
def queues(clock: StoppedClock) -> MemoryQueues:
    """Give the queues."""
    return MemoryQueues(clock)


@pytest.fixture
def queue(queues: MemoryQueues) -> MemoryQueue:
    """Give one of them."""
    return queues.queue("work")


def _take(queue: MemoryQueue, clock: StoppedClock) -> Taken:
    taken = queue.take(clock.now())
    assert taken is not None
    return taken


async def test_messages_come_in_the_order_in_which_they_can_be_seen(queue: MemoryQueue, clock: StoppedClock) -> None:
    await queue.put("late", delay_s=60)
    await queue.put("first")
    await queue.put("second")
    assert queue.next_at() == clock.now()
    assert [_take(queue, clock).body for _ in range(2)] == ["first", "second"]
    assert queue.next_at() == clock.now() + timedelta(seconds=60)
    assert queue.take(clock.now() + timedelta(seconds=59.9)) is None

    clock.moment += timedelta(seconds=60)

    assert _take(queue, clock).body == "late"


async def test_a_message_that_is_done_is_gone(queue: MemoryQueue, clock: StoppedClock) -> None:
    await queue.put("a")
    queue.done(_take(queue, clock))

    assert len(queue) == 0
    assert queue.next_at() is None
    assert queue.take(clock.now() + timedelta(days=1)) is None


async def test_a_message_whose_taker_died_is_seen_again_when_the_lock_ends(
    queue: MemoryQueue, clock: StoppedClock
) -> None:
    await queue.put("a")
    assert _take(queue, clock).dequeue_count == 1
    clock.moment += timedelta(minutes=10, seconds=-1)
    assert queue.take(clock.now()) is None

    clock.moment += timedelta(seconds=1)

    assert _take(queue, clock) == Taken("a", 2, 1, 2)


@pytest.mark.parametrize("late", ["done", "fail"])
async def test_an_outcome_that_comes_after_another_took_the_message_changes_nothing(
    queue: MemoryQueue, clock: StoppedClock, late: str
) -> None:
    await queue.put("a")
    slow = _take(queue, clock)
    clock.moment += timedelta(minutes=10)
    quick = _take(queue, clock)

    getattr(queue, late)(slow)

    assert queue.bodies() == ["a"]
    assert queue.take(clock.now()) is None
    queue.done(quick)
    assert len(queue) == 0


async def test_an_outcome_that_comes_after_the_lock_counts_while_nobody_else_took_the_message(
    queue: MemoryQueue, clock: StoppedClock
) -> None:
    await queue.put("a")
    slow = _take(queue, clock)
    clock.moment += timedelta(hours=1)

    queue.done(slow)

    assert queue.take(clock.now()) is None


async def test_a_message_that_fails_five_times_goes_to_the_poison_queue(
    queues: MemoryQueues, clock: StoppedClock
) -> None:
    queue, poison = queues.queue("work"), queues.queue("work-poison")
    await queue.put("bad")
    for count in range(1, 6):
        assert len(poison) == 0
        taken = _take(queue, clock)
        assert taken.dequeue_count == count
        queue.fail(taken)

    assert len(queue) == 0
    assert poison.bodies() == ["bad"]
    assert _take(poison, clock).dequeue_count == 1


async def test_a_message_whose_takers_all_died_goes_to_the_poison_queue_unseen(
    queues: MemoryQueues, clock: StoppedClock
) -> None:
    queue = queues.queue("work")
    for number in range(2000):
        await queue.put(f"deadly {number}")
    for _ in range(5):
        for _ in range(2000):
            _take(queue, clock)
        clock.moment += timedelta(minutes=10)
    await queue.put("good")

    assert _take(queue, clock).body == "good"
    assert len(queues.queue("work-poison")) == 2000


async def test_a_failed_message_waits_as_long_as_the_host_is_told(clock: StoppedClock) -> None:
    queue = MemoryQueues(clock, HostRules(retry_after=timedelta(seconds=30), max_dequeue_count=2)).queue("work")
    await queue.put("a")
    queue.fail(_take(queue, clock))
    assert queue.take(clock.now()) is None
    clock.moment += timedelta(seconds=30)

    queue.fail(_take(queue, clock))

    assert len(queue) == 0


@pytest.mark.parametrize("name", ["work-poison", "w" * 57])
async def test_a_queue_without_a_poison_queue_keeps_what_fails_hidden(
    queues: MemoryQueues, clock: StoppedClock, name: str
) -> None:
    queue = queues.queue(name)
    await queue.put("a")
    for count in range(1, 8):
        taken = _take(queue, clock)
        assert taken.dequeue_count == count
        queue.fail(taken)
        assert queue.take(clock.now()) is None
        clock.moment += timedelta(minutes=10)


async def test_a_repeated_message_is_seen_by_two_at_once(queue: MemoryQueue, clock: StoppedClock) -> None:
    await queue.put("a")
    first = _take(queue, clock)
    queue.repeat(first)

    second = _take(queue, clock)

    assert (second.body, second.dequeue_count) == ("a", 2)
    queue.done(first)
    assert len(queue) == 1
    queue.done(second)
    assert len(queue) == 0


async def test_a_message_can_be_repeated_after_it_was_done(queue: MemoryQueue, clock: StoppedClock) -> None:
    await queue.put("a")
    first = _take(queue, clock)
    queue.done(first)

    queue.repeat(first)

    assert _take(queue, clock).body == "a"


@pytest.mark.parametrize(("lands", "bodies"), [(False, []), (True, ["a"])])
async def test_a_failed_put_may_have_landed_or_not(queue: MemoryQueue, lands: bool, bodies: list[str]) -> None:
    queue.fail_next(lands=lands)
    with pytest.raises(StorageUnavailable):
        await queue.put("a")
    assert queue.bodies() == bodies

    await queue.put("b")

    assert queue.bodies() == [*bodies, "b"]
