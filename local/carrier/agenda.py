"""What the carrier does later: delayed actions in carrier time, which follow a change of the time scale."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable

from local.carrier.clock import ScaledClock

BATCH = 100
"""Actions run before other tasks get their turn."""


class Agenda:
    """A heap of actions by due time. `run` executes them until it is cancelled."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._woken = asyncio.Event()

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run the action after so many carrier seconds; equal times keep their order."""
        entry = (self._clock.now() + delay_s, next(self._order), action)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._woken.set()

    def wake(self) -> None:
        """Look at the clock again, after it was rescaled."""
        self._woken.set()

    def clear(self) -> None:
        """Forget everything that is due."""
        self._heap.clear()

    async def run(self) -> None:
        """Execute actions as they fall due, for ever."""
        while True:
            self._woken.clear()
            ran = self._run_due()
            wait = 0.0 if ran == BATCH else self._real_seconds_to_next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    def _run_due(self) -> int:
        ran = 0
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now and ran < BATCH:
            heapq.heappop(self._heap)[2]()
            ran += 1
        return ran

    def _real_seconds_to_next(self) -> float | None:
        if not self._heap:
            return None
        return max(0.0, self._clock.real_seconds(self._heap[0][0] - self._clock.now()))
