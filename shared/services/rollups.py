"""Roll-ups: the tallies of closed hours, so that a query reads rows by the day and not by the message (invariant I8).

A row holds the hours of one day and one group. `Rolled` says which hours are complete in these rows: those from the
first roll-up on that no late change has marked. All others are counted from the activity, so what a query says is
always what the activity says.

Each group-by has a fence: a row in its partition that every transaction of a roll-up replaces by the ETag that it read
before it counted. So of two roll-ups at once, the one that counted earlier writes nothing over the later one's rows.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, Write, scan
from shared.rules.ids import DAY_MS, HOUR_MS, digest, hour_of, ms_of, newest_first, to_ms
from shared.services.activity import ActivityLog
from shared.services.late_marks import ROLLED_AFTER_MS, LateMark, LateMarks
from shared.services.tallies import GroupBy, Tally

ALL = "all"
_STATE = ("state", "rolled")
_FENCE = "fence"
_TRANSACTION_LIMIT = 50
Groups = dict[tuple[str, str], Tally]


@dataclass(frozen=True, slots=True)
class Rolled:
    """The hours that are complete in the roll-ups: from `start_ms` up to but without `end_ms`, less the marked ones."""

    start_ms: int
    end_ms: int
    marked: frozenset[int] = frozenset()
    etag: str = ""

    def __contains__(self, hour_ms: int) -> bool:
        return self.start_ms <= hour_ms < self.end_ms and hour_ms not in self.marked


@dataclass(frozen=True, slots=True)
class RolledHour:
    """An hour that was rolled up: when it begins, and all its counts."""

    hour_ms: int
    totals: Tally


class Rollups:
    """The roll-ups in their table."""

    def __init__(self, table: Table, activity: ActivityLog, marks: LateMarks, clock: Clock) -> None:
        self._table = table
        self._activity = activity
        self._marks = marks
        self._clock = clock

    async def roll(self) -> Sequence[RolledHour]:
        """Roll up the hours that have closed, and again those that have changed since; return them with their counts.

        It may run twice at a time, or be interrupted: an hour counts as rolled up only when all its rows are.
        """
        rolled = await self._state()
        marks = await self._marks.between(rolled.start_ms, rolled.end_ms)
        settled = [mark for mark in marks if self._marks.is_settled(mark)]
        hours = [hour for mark in settled if (hour := await self._roll_again(mark))]
        closed_ms = hour_of(to_ms(self._clock.now()) - ROLLED_AFTER_MS)
        # Where another roll-up is faster, it does the rest.
        with contextlib.suppress(EntityChanged):
            while rolled.end_ms < closed_ms and (hour := await self._write(rolled.end_ms)):
                rolled = await self._keep(Rolled(rolled.start_ms, rolled.end_ms + HOUR_MS, etag=rolled.etag))
                hours.append(hour)
        return hours

    async def rolled(self, start_ms: int, end_ms: int) -> Rolled:
        """Return which hours that begin in this range are complete."""
        state = await self._stored()
        if state is None:
            return Rolled(0, 0)
        marks = await self._marks.between(max(start_ms, state.start_ms), max(end_ms, state.start_ms))
        return Rolled(state.start_ms, state.end_ms, frozenset(mark.hour_ms for mark in marks))

    async def read(self, group_by: GroupBy | None, start_ms: int, end_ms: int) -> AsyncIterator[tuple[int, str, Tally]]:
        """Yield the hours of the days of this range: when each begins, its group and its tally."""
        days = Range(group_by or ALL, row_from=newest_first(end_ms - 1), row_to=newest_first(_day_of(start_ms)) + "~")
        async for entity in scan(self._table, days):
            for hour_ms, tally in _hours_of(entity):
                yield hour_ms, str(entity.values["group"]), tally

    async def _roll_again(self, mark: LateMark) -> RolledHour | None:
        hour = await self._write(mark.hour_ms)
        return hour if hour and await self._marks.remove(mark) else None

    async def _write(self, hour_ms: int) -> RolledHour | None:
        """Write the tallies of an hour; None if another roll-up was at it, whose counts may be newer."""
        fences = {dimension: await self._table.get(dimension, _FENCE) for dimension in (ALL, *GroupBy)}
        groups = await self._count(hour_ms)
        try:
            for dimension, fence in fences.items():
                tallies = {group: tally for (of, group), tally in groups.items() if of == dimension}
                await self._write_dimension(dimension, hour_ms, tallies, fence)
        except (EntityChanged, EntityExists):
            return None
        return RolledHour(hour_ms, groups[ALL, ""])

    async def _count(self, hour_ms: int) -> Groups:
        groups: Groups = defaultdict(Tally)
        async for one in self._activity.between(hour_ms, hour_ms + HOUR_MS):
            groups[ALL, ""].count(one)
            for dimension in GroupBy:
                groups[dimension, dimension.of(one)].count(one)
        return groups

    async def _write_dimension(
        self, dimension: str, hour_ms: int, tallies: Mapping[str, Tally], fence: Entity | None
    ) -> None:
        day_ms = _day_of(hour_ms)
        day = Range(dimension, row_from=newest_first(day_ms), row_to=newest_first(day_ms) + "~")
        stored = {str(entity.values["group"]): entity async for entity in scan(self._table, day)}
        writes = [
            write
            for group in sorted({*stored, *tallies})
            if (write := _write_of(dimension, hour_ms, group, stored.get(group), tallies.get(group)))
        ]
        etag = fence.etag if fence else ""
        # The fence is replaced even where no row changes: what counted earlier must find it changed.
        for start in range(0, len(writes) or 1, _TRANSACTION_LIMIT):
            passed = Write("replace" if etag else "insert", Entity(dimension, _FENCE, {}, etag))
            etag, *_ = await self._table.transact([passed, *writes[start : start + _TRANSACTION_LIMIT]])

    async def _state(self) -> Rolled:
        stored = await self._stored()
        if stored:
            return stored
        now_ms = hour_of(to_ms(self._clock.now()) - ROLLED_AFTER_MS)
        try:
            return await self._keep(Rolled(now_ms, now_ms))
        except EntityExists:
            return await self._stored() or Rolled(now_ms, now_ms)

    async def _stored(self) -> Rolled | None:
        entity = await self._table.get(*_STATE)
        if entity is None:
            return None
        return Rolled(int(entity.values["startMs"]), int(entity.values["endMs"]), etag=entity.etag)

    async def _keep(self, rolled: Rolled) -> Rolled:
        values: dict[str, Value] = {"startMs": rolled.start_ms, "endMs": rolled.end_ms}
        entity = Entity(*_STATE, values, rolled.etag)
        etag = await (self._table.replace(entity) if rolled.etag else self._table.insert(entity))
        return Rolled(rolled.start_ms, rolled.end_ms, etag=etag)


def _day_of(ms: int) -> int:
    return ms - ms % DAY_MS


def _column(hour_ms: int) -> str:
    return f"hour{hour_ms % DAY_MS // HOUR_MS:02d}"


def _write_of(dimension: str, hour_ms: int, group: str, stored: Entity | None, tally: Tally | None) -> Write | None:
    """Return what puts an hour into the row of its day, None if the row says it already."""
    before = dict(stored.values) if stored else {"group": group}
    column = _column(hour_ms)
    after = {name: value for name, value in before.items() if name != column}
    if tally:
        after[column] = json.dumps(+tally.counts, sort_keys=True, separators=(",", ":"))
    if after == (stored.values if stored else None):
        return None
    row = f"{newest_first(_day_of(hour_ms))}-{digest('group', group)}"
    return Write("replace" if stored else "insert", Entity(dimension, row, after, stored.etag if stored else ""))


def _hours_of(entity: Entity) -> Sequence[tuple[int, Tally]]:
    from_ms = ms_of(entity.row)
    return [
        (from_ms + int(name.removeprefix("hour")) * HOUR_MS, Tally(json.loads(str(value))))
        for name, value in entity.values.items()
        if name.startswith("hour")
    ]
