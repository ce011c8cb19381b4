"""The clock that stands still until it is moved: the fake for tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# How often the others run before a sleeper wakes: enough for what waits for nothing but other tasks.
_TURNS = 20


@dataclass(slots=True)
class ManualClock:
    """A clock that only `advance` and `sleep` move; those who sleep at once wake at once."""

    time: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self.time

    def advance(self, **by: float) -> None:
        """Move the clock by what `timedelta` takes."""
        self.time += timedelta(**by)

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then wake at the time asked for, or later if it has passed."""
        wake_at = self.time + timedelta(seconds=seconds)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self.time = max(self.time, wake_at)
