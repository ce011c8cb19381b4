"""Late marks: which closed hours of the activity have changed since they were rolled up.

Whoever changes the activity of an hour that may have been rolled up marks the hour first. So at no time does a roll-up
that lacks a change look complete. A mark is one row per hour, and each marking gives it another ETag: a roll-up takes
away the mark that it saw before it counted, and no later one. The change itself lands a little after its mark, so a
roll-up leaves young marks alone: their hours are counted from the activity until the change must have landed.
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
# A change has landed so long after its mark, by any worker's clock; one that takes half of it marks again at its end.
SETTLED_AFTER_MS = 5 * 60_000
_PARTITION = "late"


@dataclass(frozen=True, slots=True)
class LateMark:
    """An hour that has changed, when it was last marked, and what its mark was when it was read."""

    hour_ms: int
    at_ms: int
    etag: str


class LateMarks:
    """The marks in the table of roll-ups."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    @asynccontextmanager
    async def around(self, hour_ms: int) -> AsyncIterator[None]:
        """Mark the hour, if it may have been rolled up, before a change; and after it, if that has taken long."""
        began_ms = to_ms(self._clock.now())
        marked = self._is_closed(hour_ms)
        if marked:
            await self._mark(hour_ms)
        yield
        slow = to_ms(self._clock.now()) - began_ms >= SETTLED_AFTER_MS // 2
        if self._is_closed(hour_ms) and (slow or not marked):
            await self._mark(hour_ms)

    async def between(self, start_ms: int, end_ms: int) -> list[LateMark]:
        """Return the marked hours that begin from `start_ms` up to but without `end_ms`, the newest first."""
        hours = Range(_PARTITION, row_from=newest_first(end_ms - 1), row_to=newest_first(start_ms) + "~")
        return [_from_entity(entity) async for entity in scan(self._table, hours)]

    def is_settled(self, mark: LateMark) -> bool:
        """Tell whether the changes that a mark was made for have landed by now, so that counting sees them."""
        return mark.at_ms + SETTLED_AFTER_MS <= to_ms(self._clock.now())

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
        await self._table.upsert(Entity(_PARTITION, newest_first(hour_ms), {"atMs": to_ms(self._clock.now())}))


def _from_entity(entity: Entity) -> LateMark:
    # Marks of an earlier version have no time.
    return LateMark(ms_of(entity.row), int(entity.values.get("atMs", 0)), entity.etag)
