"""Failures: what went to poison, kept and sent again."""

from __future__ import annotations

import json

import pytest

from shared.edges.queue_memory import POISON
from shared.rules.errors import NotFound
from shared.rules.states import State
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.unit.services.campaigning import copies, people, request, start
from tests.unit.services.world import ANN, World

QUEUES = (SENDS_QUEUE, CAMPAIGNS_QUEUE)


async def bury(world: World) -> None:
    """Keep what is in the poison queues, as their functions do."""
    for name in QUEUES:
        poison = world.queues.queue(name + POISON)
        while taken := poison.take(world.clock.now()):
            await world.services.failures.keep(name, taken.body)
            poison.done(taken)


async def bodies(world: World) -> list[str]:
    """Return the bodies of all failures, the newest first."""
    page, _ = await world.services.failures.page(100, None)
    return [one.body for one in page]


@pytest.mark.parametrize("name", QUEUES)
@pytest.mark.parametrize("body", ["", "{", "[]", "null", "{}", '{"campaign": "x"}', '{"campaign": "x", "chunk": "1"}'])
async def test_a_message_that_names_no_work_goes_to_poison_and_hurts_no_other(name: str, body: str) -> None:
    world = World()
    to = people(5)
    await start(world, request(world, to))
    queue = world.queues.queue(name)
    queue._add(body, world.clock.now())
    await world.pass_time(minutes=1)
    await bury(world)
    assert await bodies(world) == [body]
    assert copies(world, to) == [1] * 5
    assert len(queue) == 0


async def test_work_that_is_not_there_any_more_is_no_failure() -> None:
    world = World()
    await world.services.work.send_batch(json.dumps({"batchPartition": "1", "batchRow": "2"}))
    await world.services.work.send_chunk(json.dumps({"campaign": "gone", "chunk": 3}))
    assert world.carrier.requests == []


async def test_resend_brings_the_work_back_and_forgets_the_failure() -> None:
    world = World()
    await start(world, request(world, [ANN]))
    (body,) = world.queues.queue(CAMPAIGNS_QUEUE).bodies()
    taken = world.queues.queue(CAMPAIGNS_QUEUE).take(world.clock.now())
    assert taken
    world.queues.queue(CAMPAIGNS_QUEUE).done(taken)
    await world.services.failures.keep(CAMPAIGNS_QUEUE, body)
    ((failure,), _) = await world.services.failures.page(10, None)
    await world.services.failures.resend(failure.id)
    assert await bodies(world) == []
    await world.work_off()
    assert {one.state for one in world.messages()} == {State.SENT}
    with pytest.raises(NotFound):
        await world.services.failures.resend(failure.id)


async def test_all_are_sent_again_once_though_they_fail_again_meanwhile() -> None:
    world = World()
    for number in range(250):
        await world.services.failures.keep(SENDS_QUEUE, f"broken {number}")
        world.clock.advance(seconds=1)
    failing = _FailingAtOnce(world)
    world.services.failures._queues = failing
    assert await world.services.failures.resend_all() == 250
    assert sorted(failing.again) == sorted(f"broken {number}" for number in range(250))
    assert len(await bodies(world)) == 100


class _FailingAtOnce:
    """Queues whose work fails as soon as it is put in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.again: list[str] = []

    def queue(self, name: str) -> _FailingAtOnce:
        """Return the queue, which is all of them."""
        return self

    async def put(self, body: str, *, delay_s: int = 0) -> None:
        """Fail at once."""
        self.world.clock.advance(seconds=1)
        self.again.append(body)
        await self.world.services.failures.keep(SENDS_QUEUE, body)


@pytest.mark.parametrize("body", ["x" * 60_000, "😀" * 40_000, ""])
async def test_a_failure_of_any_size_can_be_sent_again(body: str) -> None:
    world = World()
    await world.services.failures.keep(SENDS_QUEUE, body)
    assert await world.services.failures.resend_all() == 1
    assert await bodies(world) == []
