"""Ports that fail at one call of the tester's choice: before it has an effect, or after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from shared.ports.carrier import Carrier, SendRequest, SendResult
from shared.ports.queue import Queue, Queues
from shared.ports.tables import Entity, Page, Range, Table, Tables, Write

T = TypeVar("T")
When = Literal["before", "after"]


@dataclass
class Fault:
    """Raises at the call with this number, counted from 0 over all ports; `kills` lets nothing work after it."""

    at: int
    when: When
    error: BaseException
    kills: bool = False
    calls: int = 0

    @property
    def has_struck(self) -> bool:
        """Tell whether the call was reached."""
        return self.calls > self.at

    async def around(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do one call of a port, and fail if it is the one."""
        if self.kills and self.has_struck:
            raise asyncio.CancelledError
        number, self.calls = self.calls, self.calls + 1
        if number == self.at and self.when == "before":
            raise self.error
        result = await work()
        if number == self.at:
            raise self.error
        return result


@dataclass
class Stall:
    """Lets the call with this number, and those after it, wait until the event is set."""

    at: int
    until: asyncio.Event
    calls: int = 0

    async def around(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do one call of a port, in its time."""
        number, self.calls = self.calls, self.calls + 1
        if number >= self.at:
            await self.until.wait()
        return await work()


@dataclass
class FaultyTable:
    """A table behind a fault."""

    table: Table
    fault: Fault | Stall

    async def get(self, partition: str, row: str) -> Entity | None:
        """Pass on."""
        return await self.fault.around(lambda: self.table.get(partition, row))

    async def insert(self, entity: Entity) -> str:
        """Pass on."""
        return await self.fault.around(lambda: self.table.insert(entity))

    async def replace(self, entity: Entity) -> str:
        """Pass on."""
        return await self.fault.around(lambda: self.table.replace(entity))

    async def upsert(self, entity: Entity) -> str:
        """Pass on."""
        return await self.fault.around(lambda: self.table.upsert(entity))

    async def delete(self, partition: str, row: str, etag: str | None = None) -> None:
        """Pass on."""
        await self.fault.around(lambda: self.table.delete(partition, row, etag))

    async def query(
        self, within: Range, *, limit: int = 1000, cursor: str | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Pass on."""
        return await self.fault.around(lambda: self.table.query(within, limit=limit, cursor=cursor, columns=columns))

    async def transact(self, writes: Sequence[Write]) -> tuple[str, ...]:
        """Pass on."""
        return await self.fault.around(lambda: self.table.transact(writes))


@dataclass
class FaultyTables:
    """Tables behind a fault."""

    tables: Tables
    fault: Fault | Stall

    def table(self, name: str) -> Table:
        """Return the table of that name, behind the fault."""
        return FaultyTable(self.tables.table(name), self.fault)


@dataclass
class FaultyCarrier:
    """A carrier behind a fault."""

    carrier: Carrier
    fault: Fault | Stall

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Pass on."""
        return await self.fault.around(lambda: self.carrier.send(request))

    async def probe(self) -> None:
        """Pass on."""
        await self.fault.around(self.carrier.probe)


@dataclass
class FaultyQueue:
    """A queue behind a fault."""

    inner: Queue
    fault: Fault | Stall

    async def put(self, body: str, *, delay_s: int = 0) -> None:
        """Pass on."""
        await self.fault.around(lambda: self.inner.put(body, delay_s=delay_s))


@dataclass
class FaultyQueues:
    """Queues behind a fault."""

    queues: Queues
    fault: Fault | Stall

    def queue(self, name: str) -> Queue:
        """Return the queue of that name, behind the fault."""
        return FaultyQueue(self.queues.queue(name), self.fault)
