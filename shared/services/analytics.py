"""Analytics: what was accepted and sent, what became of it, who answered and who left, by hour or day.

Counted from the activity, which has one row per message with its state as it is now, or from the roll-ups of its
closed hours; so totals equal the states of the messages, whatever was delivered twice (invariant I8). A message counts
in the hour in which it was accepted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from shared.rules.ids import DAY_MS, HOUR_MS, hour_of
from shared.services.activity import ActivityLog
from shared.services.rollups import Rolled, Rollups
from shared.services.tallies import GroupBy, Tally


class Interval(StrEnum):
    """How long one bucket is; buckets begin on the hour or at midnight, UTC."""

    HOUR = "hour"
    DAY = "day"

    @property
    def ms(self) -> int:
        """Return the length in milliseconds."""
        return HOUR_MS if self is Interval.HOUR else DAY_MS


@dataclass(frozen=True, slots=True)
class Bucket:
    """One row of the answer."""

    start_ms: int
    group: str | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class Report:
    """The answer: buckets that are not empty, by time and group, the totals, and those by the hour of the day (UTC)."""

    buckets: tuple[Bucket, ...]
    totals: Tally
    hours_of_day: tuple[Tally, ...]


Hours = defaultdict[tuple[int, str], Tally]


class Analytics:
    """Counts what happened in a time range."""

    def __init__(self, activity: ActivityLog, rollups: Rollups) -> None:
        self._activity = activity
        self._rollups = rollups

    async def report(self, start_ms: int, end_ms: int, interval: Interval, group_by: GroupBy | None) -> Report:
        """Return the counts from `start_ms` up to but without `end_ms`."""
        hours: Hours = defaultdict(Tally)
        whole = await self._whole(start_ms, end_ms)
        async for hour_ms, group, tally in self._rollups.read(group_by, start_ms, end_ms):
            if hour_ms in whole:
                hours[hour_ms, group].include(tally)
        for begin_ms, until_ms in _open(whole, start_ms, end_ms):
            async for one in self._activity.between(begin_ms, until_ms):
                hours[one.hour_ms, group_by.of(one) if group_by else ""].count(one)
        return _report(hours, interval, grouped=group_by is not None)

    async def _whole(self, start_ms: int, end_ms: int) -> Rolled:
        """Return the hours that need not be counted: rolled up, not changed since, and in the range as a whole."""
        rolled = await self._rollups.rolled(start_ms, end_ms)
        first_ms = max(rolled.start_ms, -(-start_ms // HOUR_MS) * HOUR_MS)
        return Rolled(first_ms, min(rolled.end_ms, hour_of(end_ms)), rolled.marked)


def _report(hours: Hours, interval: Interval, *, grouped: bool) -> Report:
    buckets: Hours = defaultdict(Tally)
    totals, by_hour = Tally(), tuple(Tally() for _ in range(24))
    for (hour_ms, group), tally in hours.items():
        buckets[hour_ms - hour_ms % interval.ms, group].include(tally)
        by_hour[hour_ms % DAY_MS // HOUR_MS].include(tally)
        totals.include(tally)
    shown = (Bucket(start, group if grouped else None, buckets[start, group]) for start, group in sorted(buckets))
    return Report(tuple(shown), totals, by_hour)


def _open(whole: Rolled, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Return the parts of a range that must be counted."""
    if whole.start_ms >= whole.end_ms:
        return [(start_ms, end_ms)]
    changed = [(one, one + HOUR_MS) for one in sorted(whole.marked) if whole.start_ms <= one < whole.end_ms]
    parts = [(start_ms, whole.start_ms), *changed, (whole.end_ms, end_ms)]
    return [(begin_ms, until_ms) for begin_ms, until_ms in parts if begin_ms < until_ms]
