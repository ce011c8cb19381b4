"""An event loop in virtual time: nothing waits, and the same program runs in the same order each time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

_Callback = Callable[..., object]


class VirtualLoop(asyncio.AbstractEventLoop):
    """What asyncio needs of a loop to run tasks, futures, locks and sleeps; it has no network and no threads."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers = itertools.count()
        self.error: BaseException | None = None

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._now

    def run_until(self, end: float, until: Callable[[], bool] = lambda: False) -> None:
        """Run all that is due up to a time, or until the condition holds, which is asked as time moves on.

        Raises:
            BaseException: the first error that nothing else took.
        """
        asyncio._set_running_loop(self)
        try:
            while not until():
                self._run_ready()
                if not self._timers or self._timers[0][0] > end:
                    self._now = max(self._now, end)
                    return
                self._now, _, first = heapq.heappop(self._timers)
                self._ready.append(first)
        finally:
            asyncio._set_running_loop(None)

    def _run_ready(self) -> None:
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()
            if self.error is not None:
                raise self.error

    def call_soon(  # type: ignore[override]  # what the arguments are does not matter here, nor below
        self, callback: _Callback, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call it after what is ready now."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: _Callback, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call it at a time; what is for the same time keeps its order."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: _Callback, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call it after some seconds."""
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """Return a new future."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # typeshed's signature differs from version to version
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Return a new task, which begins after what is ready now."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep the error, which ends the run."""
        self.error = context.get("exception") or RuntimeError(str(context.get("message")))

    def get_debug(self) -> bool:
        """Return False: asyncio asks."""
        return False

    def is_closed(self) -> bool:
        """Return False: asyncio asks."""
        return False

    def is_running(self) -> bool:
        """Return whether this loop runs now."""
        return asyncio._get_running_loop() is self

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a canceled timer is passed over when its time comes."""
