"""A worker: one process of the app, with nothing of its own that outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.composition import Ports, build
from shared.edges.queue_memory import MemoryQueues
from shared.edges.settings import Settings
from shared.edges.tables_memory import MemoryTables
from shared.services.bundle import Services
from tests.simulation.application import Application, WorkerWebhook
from tests.simulation.carrier import Line, WorkerCarrier
from tests.simulation.loop import VirtualLoop
from tests.simulation.ports import (
    READS,
    Reads,
    Wire,
    WorkerClock,
    WorkerQueues,
    WorkerRelay,
    WorkerTables,
    WorldTime,
)
from tests.simulation.weather import Sky

T = TypeVar("T")
Job = Callable[[Services], Coroutine[Any, Any, T]]


@dataclass(slots=True)
class Outside:
    """What all workers of a world share; `on_put` is called when something was put into a queue."""

    loop: VirtualLoop
    sky: Sky
    settings: Settings
    time: WorldTime
    tables: MemoryTables
    line: Line
    queues: MemoryQueues
    on_put: Callable[[], None]
    application: Application | None


class Worker:
    """The services over ports of their own, and the jobs that run in them; `on_death` hears of its end."""

    def __init__(self, outside: Outside, skew_s: float, on_death: Callable[[], None]) -> None:
        self._loop = outside.loop
        self._on_death = on_death
        self._wire = Wire(outside.sky, self.die)
        self._jobs: dict[asyncio.Task[Any], None] = {}
        self.busy: dict[str, int] = {}
        clock = WorkerClock(outside.time, skew_s)
        self._services = build(
            outside.settings,
            Ports(
                WorkerTables(self._wire, outside.tables, outside.loop),
                WorkerCarrier(self._wire, outside.line, clock),
                WorkerRelay(self._wire),
                clock,
                WorkerQueues(self._wire, outside.queues, outside.on_put),
                WorkerWebhook(self._wire, outside.application) if outside.application else None,
            ),
        )

    @property
    def alive(self) -> bool:
        """Return whether it can be given work."""
        return self._wire.alive

    def run(self, job: Job[T]) -> asyncio.Task[T]:
        """Begin a job and return its task, which is canceled if the worker dies."""
        context = copy_context()
        context.run(READS.set, Reads())
        task: asyncio.Task[T] = self._loop.create_task(job(self._services), context=context)
        self._jobs[task] = None
        task.add_done_callback(self._jobs.pop)
        return task

    def die(self) -> None:
        """End now: no job goes any further, and nothing is put in order."""
        self._wire.alive = False
        for task in list(self._jobs):
            task.cancel()
        self._on_death()
