"""One suite for the queues, run against the fake and on Azurite, emptied as the Functions host does."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import TextBase64DecodePolicy
from azure.storage.queue.aio import QueueServiceClient

from shared.edges.queue_azure import API_VERSION, AzureQueues, open_queues
from shared.edges.queue_limits import MAX_BODY_BYTES, MAX_DELAY_S
from shared.edges.queue_memory import MemoryQueues
from shared.ports.queue import Queues
from shared.rules.errors import StorageUnavailable
from tests.integration.contracts.acs_server import StoppedClock
from tests.support.azurite import Azurite
from tests.support.waiting import eventually

AN_HOUR_S = 3600


class Bench(Protocol):
    """The queues, and the other end of them."""

    @property
    def queues(self) -> Queues:
        """Give the queues."""
        ...

    @property
    def unavailable(self) -> Queues:
        """Give queues of a store that does not answer."""
        ...

    async def take(self, name: str) -> str | None:
        """Take a message that can be seen and keep it for good; None when there is none."""
        ...

    async def take_after(self, name: str, seconds: int) -> str:
        """Take a message that can be seen after so many seconds."""
        ...


@dataclass(slots=True)
class MemoryBench:
    """The fake's other end."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    queues: MemoryQueues = field(init=False)

    def __post_init__(self) -> None:
        self.queues = MemoryQueues(self.clock)

    @property
    def unavailable(self) -> Queues:
        queues = MemoryQueues(self.clock)
        queues.queue("work").fail_next()
        return queues

    async def take(self, name: str) -> str | None:
        taken = self.queues.queue(name).take(self.clock.now())
        return None if taken is None else taken.body

    async def take_after(self, name: str, seconds: int) -> str:
        self.clock.moment += timedelta(seconds=seconds)
        body = await self.take(name)
        assert body is not None
        return body


@dataclass(slots=True)
class AzuriteBench:
    """The emulator's other end: the SDK's own receiver, set as the host sets it."""

    queues: AzureQueues
    unavailable: AzureQueues
    service: QueueServiceClient
    prefix: str

    async def take(self, name: str) -> str | None:
        queue = self.service.get_queue_client(self.prefix + name, message_decode_policy=TextBase64DecodePolicy())
        try:
            message = await queue.receive_message(visibility_timeout=600)
        except ResourceNotFoundError:
            return None
        return None if message is None else str(message.content)

    async def take_after(self, name: str, seconds: int) -> str:
        return await eventually(lambda: self.take(name))


@pytest.fixture(params=["memory", "azurite"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Give queues whose names no other test has."""
    if request.param == "memory":
        yield MemoryBench()
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    prefix = f"t{uuid.uuid4().hex}-"
    address = azurite.connection_string
    dead = address.replace(f":{azurite.ports.queue}/", ":1/")
    async with QueueServiceClient.from_connection_string(address, api_version=API_VERSION) as service:
        running = AzuriteBench(open_queues(address, prefix=prefix), open_queues(dead), service, prefix)
        yield running
        await running.queues.close()
        await running.unavailable.close()
        async for queue in service.list_queues(name_starts_with=prefix):
            await service.delete_queue(queue.name)


async def test_a_queue_nobody_put_anything_in_is_empty(bench: Bench) -> None:
    assert await bench.take("work") is None


@pytest.mark.parametrize(
    "body",
    [
        "a",
        '{"chunk": "0001", "id": "x"}',
        "naïve ☃ 😀 مرحبا 'quoted' \"too\" <&> \\",
        " two\r\nlines\ttab\x00\x1f\ufeff ",
        "aGVsbG8=",
        "x" * MAX_BODY_BYTES,
        "😀" * (MAX_BODY_BYTES // 4),
    ],
    ids=lambda body: ascii(body[:12]),
)
async def test_a_message_comes_out_once_as_it_went_in(bench: Bench, body: str) -> None:
    await bench.queues.queue("work").put(body)

    assert await bench.take("work") == body
    assert await bench.take("work") is None


async def test_every_message_comes_out(bench: Bench) -> None:
    queue = bench.queues.queue("work")
    await asyncio.gather(*(queue.put(f"chunk {number}") for number in range(20)))

    taken = [await bench.take("work") for _ in range(20)]

    assert set(taken) == {f"chunk {number}" for number in range(20)}
    assert await bench.take("work") is None


async def test_a_delayed_message_is_seen_when_its_time_has_come_and_not_before(bench: Bench) -> None:
    queue = bench.queues.queue("work")
    await queue.put("much later", delay_s=AN_HOUR_S)
    await queue.put("after all others", delay_s=MAX_DELAY_S)
    assert await bench.take("work") is None

    await queue.put("soon", delay_s=1)

    assert await bench.take_after("work", 1) == "soon"
    assert await bench.take("work") is None


async def test_queues_do_not_see_each_others_messages(bench: Bench) -> None:
    await bench.queues.queue("work").put("for work")
    await bench.queues.queue("other-work").put("for other work")

    assert await bench.take("other-work") == "for other work"
    assert await bench.take("work") == "for work"


async def test_a_name_is_always_the_same_queue(bench: Bench) -> None:
    assert bench.queues.queue("work") is bench.queues.queue("work")


@pytest.mark.parametrize("body", ["", "x" * (MAX_BODY_BYTES + 1), "é" * (MAX_BODY_BYTES // 2) + "x"])
async def test_a_message_of_a_wrong_size_is_refused_and_not_put(bench: Bench, body: str) -> None:
    with pytest.raises(ValueError, match="48 KiB"):
        await bench.queues.queue("work").put(body)

    assert await bench.take("work") is None


@pytest.mark.parametrize("delay_s", [-1, MAX_DELAY_S + 1])
async def test_a_delay_out_of_range_is_refused(bench: Bench, delay_s: int) -> None:
    with pytest.raises(ValueError, match="7 days"):
        await bench.queues.queue("work").put("a", delay_s=delay_s)


@pytest.mark.parametrize("name", ["", "Work", "work_1", "work--1", "-work", "work-", "wörk", "w" * 64, "work\n"])
def test_a_name_that_no_queue_can_have_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(ValueError, match="queue name"):
        bench.queues.queue(name)


async def test_a_store_that_does_not_answer_is_unavailable(bench: Bench) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        await bench.unavailable.queue("work").put("private words")

    assert not caught.value.permanent
    assert "private" not in caught.value.message
