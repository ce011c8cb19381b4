"""Waiting for a condition, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.25


@overload
async def eventually(probe: Callable[[], Awaitable[T | None]], within_seconds: float = 20.0) -> T: ...


@overload
async def eventually(probe: Callable[[], T | None], within_seconds: float = 20.0) -> T: ...


async def eventually(probe: Callable[[], T | Awaitable[T | None] | None], within_seconds: float = 20.0) -> T:
    """Call `probe` (plain or async) until it gives a true value, and give that value.

    An AssertionError in the probe counts as "not yet"; any other exception is passed on at once. When the
    time is over, the last AssertionError or the last value is in the AssertionError that is raised.
    """
    deadline = time.monotonic() + within_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        value, failure = await _try(probe)
        if failure is None and value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds:g} s; last value: {value!r}") from failure
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _try(probe: Callable[[], T | Awaitable[T | None] | None]) -> tuple[T | None, AssertionError | None]:
    try:
        value = probe()
        return (await value if inspect.isawaitable(value) else value), None
    except AssertionError as failure:
        return None, failure


def wait_until(probe: Callable[[], T], within_seconds: float = 20.0) -> T:
    """Call a plain `probe` until it gives a true value, and give that value: for fixtures outside a loop."""
    deadline = time.monotonic() + within_seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds:g} s; last value: {value!r}")
        time.sleep(_LONGEST_PAUSE_SECONDS / 5)
