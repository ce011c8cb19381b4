"""The host of a world: it hands the messages of one queue to workers, and puts back or buries what fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from shared.edges.queue_memory import MemoryQueue, Taken
from shared.rules.errors import SmsError
from tests.simulation.loop import VirtualLoop
from tests.simulation.ports import WorldTime
from tests.simulation.weather import Sky
from tests.simulation.worker import Job, Worker

_AT_ONCE = 16


class Host:
    """The trigger of one queue, in all workers. `job_of` gives what is done with a message's body."""

    def __init__(
        self,
        name: str,
        queue: MemoryQueue,
        job_of: Callable[[str], Job[object]],
        *,
        time: WorldTime,
        sky: Sky,
        workers: Callable[[], list[Worker]],
    ) -> None:
        self.queue = queue
        self._name = name
        self._job_of = job_of
        self._time = time
        self._sky = sky
        self._workers = workers
        self._loop: VirtualLoop = time.loop
        self._looks_at = float("inf")

    def nudge(self) -> None:
        """Look into the queue at once."""
        self._look_at(self._loop.time())

    def _look_at(self, moment: float) -> None:
        if moment < self._looks_at:
            self._looks_at = moment
            self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._looks_at = float("inf")
        while worker := self._free_worker():
            taken = self.queue.take(self._time.now())
            if taken is None:
                break
            self._begin(worker, taken)
        following = self.queue.next_at()
        if following is not None:
            wait_s = (following - self._time.now()).total_seconds()
            self._look_at(self._loop.time() + max(1.0, wait_s))

    def _free_worker(self) -> Worker | None:
        free = [worker for worker in self._workers() if worker.busy.get(self._name, 0) < _AT_ONCE]
        return self._sky.random.choice(free) if free else None

    def _begin(self, worker: Worker, taken: Taken) -> None:
        worker.busy[self._name] = worker.busy.get(self._name, 0) + 1
        self._sky.counts[f"work of {self._name}"] += 1
        task = worker.run(self._job_of(taken.body))
        if self._sky.strikes(self._sky.now.work_twice / 2, "work twice at once"):
            self._loop.call_later(self._sky.little(1.0), self._repeat, taken)
        task.add_done_callback(partial(self._done, worker, taken))

    def _repeat(self, taken: Taken) -> None:
        self.queue.repeat(taken)
        self.nudge()

    def _done(self, worker: Worker, taken: Taken, task: asyncio.Task[Any]) -> None:
        worker.busy[self._name] -= 1
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, SmsError):
            self._sky.counts[f"work failed: {error.code}"] += 1
            self.queue.fail(taken)
        elif error is not None:
            raise error
        elif self._sky.strikes(self._sky.now.work_twice / 2, "work twice"):
            self.queue.repeat(taken)
        else:
            self.queue.done(taken)
        self.nudge()
