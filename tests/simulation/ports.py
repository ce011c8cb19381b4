"""What stands between a worker and the shared fakes: time passes there, faults come, and the worker may die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.edges.queue_memory import MemoryQueue, MemoryQueues
from shared.edges.tables_memory import MemoryTable, MemoryTables
from shared.ports.relay import Notice
from shared.ports.tables import Entity, Page, Range, Write
from shared.rules.errors import RelayUnavailable, StorageUnavailable
from tests.simulation.loop import VirtualLoop
from tests.simulation.weather import Sky

_BUSY_S = 0.008
_SLOW_S = 4.0
_SLOWEST_S = 20.0
_LATE_S = 45.0


@dataclass(slots=True)
class Reads:
    """When the job at hand last began to read opt-outs: of one recipient, and who left of all. In virtual seconds."""

    of_each: dict[str, float] = field(default_factory=dict)
    of_all: float = -1.0

    def last_of(self, recipient_key: str) -> float:
        """Return when the last reading that concerns this recipient began, -1 if there was none."""
        return max(self.of_all, self.of_each.get(recipient_key, -1.0))


READS: ContextVar[Reads] = ContextVar("READS")


class WorldTime:
    """The true time of a world."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self.loop = loop
        self.start = start
        self._start_ms = int(start.timestamp() * 1000)

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self.start + timedelta(seconds=self.loop.time())

    def now_ms(self) -> int:
        """Return the time in ms since 1970."""
        return self._start_ms + int(self.loop.time() * 1000)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))


class WorkerClock:
    """A worker's clock, which is wrong by `skew_s` seconds."""

    def __init__(self, time: WorldTime, skew_s: float) -> None:
        self._time = time
        self._zero = (time.start + timedelta(seconds=skew_s)).astimezone(UTC)

    def now(self) -> datetime:
        """Return the time by this worker."""
        return self._zero + timedelta(seconds=self._time.loop.time())

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))


class Wire:
    """One worker's way to everything outside it. `die` ends the worker; from then on no call of it does anything."""

    def __init__(self, sky: Sky, die: Callable[[], None]) -> None:
        self.sky = sky
        self.alive = True
        self._die = die

    async def pass_by(self, port: str, fault: type[Exception] = StorageUnavailable) -> None:
        """Let time pass before or after the effect of a call to storage; it may fail, be slow, or be the last."""
        if not self.alive:
            raise asyncio.CancelledError
        weather = self.sky.now
        roll = self.sky.random.random()
        if roll < weather.busy:
            await asyncio.sleep(self.sky.little(_BUSY_S))
        elif roll > 1 - weather.storage_troubles():
            await self._trouble(port, fault)

    def kill(self, port: str) -> None:
        """Let the worker die in this call."""
        self.sky.counts[f"died at {port}"] += 1
        self._die()
        raise asyncio.CancelledError

    async def _trouble(self, port: str, fault: type[Exception]) -> None:
        weather = self.sky.now
        roll = self.sky.random.random() * weather.storage_troubles()
        if roll < weather.dies:
            self.kill(port)
        elif roll < weather.dies + weather.storage_slow:
            self.sky.counts[f"slow {port}"] += 1
            await asyncio.sleep(min(_SLOWEST_S, self.sky.little(_SLOW_S)))
        else:
            self.sky.counts[f"failed {port}"] += 1
            raise fault("The simulated store does not answer. Try again.")


class WorkerTable:
    """One table as a worker reaches it. Each call may fail before its effect or after it."""

    def __init__(self, wire: Wire, table: MemoryTable, name: str, loop: VirtualLoop) -> None:
        self._wire = wire
        self._table = table
        self._loop = loop
        self._note = {"OptOuts": self._note_one, "OptOutAnnouncements": self._note_all}.get(name)

    async def get(self, partition: str, row: str) -> Entity | None:
        """Return the entity, or None."""
        await self._wire.pass_by("tables")
        found = await self._table.get(partition, row)
        await self._wire.pass_by("tables")
        return found

    async def insert(self, entity: Entity) -> str:
        """Write a new entity."""
        await self._wire.pass_by("tables")
        etag = await self._table.insert(entity)
        await self._wire.pass_by("tables")
        return etag

    async def replace(self, entity: Entity) -> str:
        """Overwrite an entity."""
        await self._wire.pass_by("tables")
        etag = await self._table.replace(entity)
        await self._wire.pass_by("tables")
        return etag

    async def upsert(self, entity: Entity) -> str:
        """Write an entity."""
        await self._wire.pass_by("tables")
        etag = await self._table.upsert(entity)
        await self._wire.pass_by("tables")
        return etag

    async def delete(self, partition: str, row: str, etag: str | None = None) -> None:
        """Delete an entity."""
        await self._wire.pass_by("tables")
        await self._table.delete(partition, row, etag)
        await self._wire.pass_by("tables")

    async def query(
        self, within: Range, *, limit: int = 1000, cursor: str | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Return a page."""
        if self._note and cursor is None:
            self._note(within)
        await self._wire.pass_by("tables")
        page = await self._table.query(within, limit=limit, cursor=cursor, columns=columns)
        await self._wire.pass_by("tables")
        return page

    async def transact(self, writes: Sequence[Write]) -> tuple[str, ...]:
        """Do writes together."""
        await self._wire.pass_by("tables")
        etags = await self._table.transact(writes)
        await self._wire.pass_by("tables")
        return etags

    def _note_one(self, within: Range) -> None:
        if within.partition is not None:
            READS.get().of_each[within.partition] = self._loop.time()

    def _note_all(self, within: Range) -> None:
        READS.get().of_all = self._loop.time()


class WorkerTables:
    """The tables as a worker reaches them."""

    def __init__(self, wire: Wire, tables: MemoryTables, loop: VirtualLoop) -> None:
        self._wire = wire
        self._tables = tables
        self._loop = loop

    def table(self, name: str) -> WorkerTable:
        """Return the table of that name."""
        return WorkerTable(self._wire, self._tables.table(name), name, self._loop)


class WorkerQueue:
    """A queue as a worker reaches it: what is put in may be lost or late."""

    def __init__(self, wire: Wire, queue: MemoryQueue, on_put: Callable[[], None]) -> None:
        self._wire = wire
        self._queue = queue
        self._on_put = on_put

    async def put(self, body: str, *, delay_s: int = 0) -> None:
        """Put a message in."""
        await self._wire.pass_by("queues")
        sky = self._wire.sky
        if not sky.strikes(sky.now.work_lost, "lost in the queue"):
            late = sky.strikes(sky.now.work_late, "late in the queue")
            await self._queue.put(body, delay_s=delay_s + (int(sky.little(_LATE_S)) if late else 0))
            self._on_put()
        await self._wire.pass_by("queues")


class WorkerQueues:
    """The queues as a worker reaches them."""

    def __init__(self, wire: Wire, queues: MemoryQueues, on_put: Callable[[], None]) -> None:
        self._wire = wire
        self._queues = queues
        self._on_put = on_put

    def queue(self, name: str) -> WorkerQueue:
        """Return the queue of that name."""
        return WorkerQueue(self._wire, self._queues.queue(name), self._on_put)


class WorkerRelay:
    """The relay as a worker reaches it; what it took is only counted."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Take the notices."""
        await self._wire.pass_by("relay", RelayUnavailable)
        if self._wire.sky.strikes(self._wire.sky.now.relay_fails, "failed relay"):
            raise RelayUnavailable("The simulated topic does not answer. Try again.")
        self._wire.sky.counts["notices"] += len(notices)
