"""Late marks: which closed hours of the activity have changed since they were rolled up.

Whoever changes the activity of an hour that may have been rolled up marks the hour first. So at no time does a roll-up
that lacks a change look complete. A mark is one row per hour, and each marking gives it another ETag: a roll-up takes
away the mark that it saw before it counted, and no later one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, Range, Table, scan
from shared.rules.ids import HOUR_MS, ms_of, newest_first, to_ms

# An hour is rolled up so long after its end at the earliest, and marked by changes from a little earlier on: the
# clocks of two workers may differ, and a write may take a while.
ROLLED_AFTER_MS = 10 * 60_000
_MARKED_AFTER_MS = 5 * 60_000
_PARTITION = "late"


@dataclass(frozen=True, slots=True)
class LateMark:
    """An hour that has changed, and what its mark was when it was read."""

    hour_ms: int
    etag: str


class LateMarks:
    """The marks in the table of roll-ups."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    @asynccontextmanager
    async def around(self, hour_ms: int) -> AsyncIterator[None]:
        """Mark the hour, if it may have been rolled up, before a change; or after it, if that has taken so long."""
        marked = self._is_closed(hour_ms)
        if marked:
            await self._mark(hour_ms)
        yield
        if not marked and self._is_closed(hour_ms):
            await self._mark(hour_ms)

    async def between(self, start_ms: int, end_ms: int) -> list[LateMark]:
        """Return the marked hours that begin from `start_ms` up to but without `end_ms`, the newest first."""
        hours = Range(_PARTITION, row_from=newest_first(end_ms - 1), row_to=newest_first(start_ms) + "~")
        return [LateMark(ms_of(entity.row), entity.etag) async for entity in scan(self._table, hours)]

    async def remove(self, mark: LateMark) -> bool:
        """Take a mark away; False if the hour has been marked again since it was read."""
        try:
            await self._table.delete(_PARTITION, newest_first(mark.hour_ms), mark.etag)
        except EntityChanged:
            return False
        return True

    def _is_closed(self, hour_ms: int) -> bool:
        return hour_ms + HOUR_MS + _MARKED_AFTER_MS <= to_ms(self._clock.now())

    async def _mark(self, hour_ms: int) -> None:
        await self._table.upsert(Entity(_PARTITION, newest_first(hour_ms)))
