"""Event Grid of a world: events come late, in any order, several times, and again until a worker has taken them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from shared.rules.errors import SmsError
from tests.simulation.loop import VirtualLoop
from tests.simulation.weather import Sky
from tests.simulation.worker import Job, Worker

_SOON_S = 0.5
_LATE_S = 240.0
# Event Grid's ladder, and then every quarter of an hour: here no event is given up.
_LADDER_S = (10, 30, 60, 300, 600, 900)


class Events:
    """Delivers events to workers."""

    def __init__(self, loop: VirtualLoop, sky: Sky, a_worker: Callable[[], Worker | None]) -> None:
        self.pending = 0
        self._loop = loop
        self._sky = sky
        self._a_worker = a_worker

    def publish(self, job: Job[object], what: str) -> None:
        """Deliver an event, soon or late, once or more often."""
        self._sky.counts[what] += 1
        copies = 2 if self._sky.strikes(self._sky.now.event_twice, "event twice") else 1
        for _ in range(copies):
            late = self._sky.strikes(self._sky.now.event_late, "event late")
            self.pending += 1
            self._loop.call_later(self._sky.little(_LATE_S if late else _SOON_S), self._deliver, job, 0)

    def _deliver(self, job: Job[object], tries: int) -> None:
        worker = self._a_worker()
        if worker is None:
            self._again(job, tries)
        else:
            worker.run(job).add_done_callback(partial(self._delivered, job, tries))

    def _delivered(self, job: Job[object], tries: int, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, SmsError):
            raise error
        if task.cancelled() or error is not None:
            self._again(job, tries)
        else:
            self.pending -= 1

    def _again(self, job: Job[object], tries: int) -> None:
        self._sky.counts["event again"] += 1
        wait_s = _LADDER_S[min(tries, len(_LADDER_S) - 1)]
        self._loop.call_later(wait_s * (0.5 + self._sky.random.random()), self._deliver, job, tries + 1)
