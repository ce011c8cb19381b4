"""Analytics: what was sent, what became of it, who answered and who left, by hour or day.

Counted from the activity, which has one row per message with its state as it is now; so totals equal the states of
the messages, whatever was delivered twice (invariant I8). A message counts in the hour in which it was accepted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from shared.rules.keywords import OPT_OUT_WORDS
from shared.rules.states import State
from shared.services.activity import Activity, ActivityLog, Kind


class Interval(StrEnum):
    """How long one bucket is; buckets begin on the hour or at midnight, UTC."""

    HOUR = "hour"
    DAY = "day"

    @property
    def ms(self) -> int:
        """Return the length in milliseconds."""
        return 3_600_000 if self is Interval.HOUR else 86_400_000


class GroupBy(StrEnum):
    """By what the counts are split."""

    TAG = "tag"
    SENDER = "sender"
    REASON = "reason"


@dataclass(slots=True)
class Tally:
    """The counts of one bucket and group; rates are None where there is nothing to divide by.

    `leaks` are sent texts whose recipient's opt-out had been recorded when the request left.
    """

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    inbound: int = 0
    opt_outs: int = 0
    opt_ins: int = 0
    segments: int = 0
    leaks: int = 0
    texted: set[str] = field(default_factory=set)
    responded: set[str] = field(default_factory=set)

    @property
    def delivery_rate(self) -> float | None:
        """Return delivered messages per sent message."""
        return _rate(self.delivered, self.sent)

    @property
    def response_rate(self) -> float | None:
        """Return the share of the people texted who texted back in time, opt-outs not counted."""
        return _rate(len(self.responded), len(self.texted))

    @property
    def opt_out_rate(self) -> float | None:
        """Return opt-outs per person texted."""
        return _rate(self.opt_outs, len(self.texted))

    def include(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in (
            "sent",
            "delivered",
            "failed",
            "unknown",
            "suppressed",
            "inbound",
            "opt_outs",
            "opt_ins",
            "segments",
            "leaks",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.texted |= other.texted
        self.responded |= other.responded


@dataclass(frozen=True, slots=True)
class Bucket:
    """One row of the answer."""

    start_ms: int
    group: str | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class Report:
    """The answer: buckets that are not empty, by time and group, and the totals."""

    buckets: tuple[Bucket, ...]
    totals: Tally


class Analytics:
    """Counts the activity of a time range."""

    def __init__(self, activity: ActivityLog, response_window: timedelta) -> None:
        self._activity = activity
        self._response_ms = int(response_window.total_seconds() * 1000)

    async def report(self, start_ms: int, end_ms: int, interval: Interval, group_by: GroupBy | None) -> Report:
        """Return the counts from `start_ms` up to but without `end_ms`."""
        tallies: dict[tuple[int, str], Tally] = defaultdict(Tally)
        answers: dict[str, list[int]] = defaultdict(list)
        texted: list[tuple[Tally, Activity]] = []
        async for one in self._activity.between(start_ms, end_ms + self._response_ms):
            if _is_answer(one):
                answers[one.conversation].append(one.at_ms)
            if one.at_ms >= end_ms:
                continue
            tally = tallies[_bucket(one.at_ms, interval), _group(one, group_by)]
            _count(tally, one)
            if _was_sent(one):
                texted.append((tally, one))
        self._match(texted, answers)
        return _report(tallies, grouped=group_by is not None)

    def _match(self, texted: Iterable[tuple[Tally, Activity]], answers: dict[str, list[int]]) -> None:
        for times in answers.values():
            times.sort()
        for tally, one in texted:
            tally.texted.add(one.conversation)
            times = answers.get(one.conversation, [])
            following = bisect_right(times, one.at_ms)
            if following < len(times) and times[following] <= one.at_ms + self._response_ms:
                tally.responded.add(one.conversation)


def _report(tallies: dict[tuple[int, str], Tally], *, grouped: bool) -> Report:
    totals = Tally()
    for tally in tallies.values():
        totals.include(tally)
    buckets = (
        Bucket(start, group if grouped else None, tally) for (start, group), tally in sorted(tallies.items(), key=_key)
    )
    return Report(tuple(buckets), totals)


def _key(item: tuple[tuple[int, str], Tally]) -> tuple[int, str]:
    return item[0]


def _bucket(at_ms: int, interval: Interval) -> int:
    return at_ms - at_ms % interval.ms


def _group(one: Activity, group_by: GroupBy | None) -> str:
    if group_by is GroupBy.TAG:
        return one.tag
    if group_by is GroupBy.SENDER:
        return one.sender
    if group_by is GroupBy.REASON and one.kind is Kind.OUTBOUND:
        return one.step.reason
    return ""


def _was_sent(one: Activity) -> bool:
    # A delivery code means that the carrier had it, whatever became of it there.
    return one.kind is Kind.OUTBOUND and (one.step.state is State.SENT or bool(one.step.code))


def _is_answer(one: Activity) -> bool:
    return one.kind is Kind.INBOUND and one.keyword not in OPT_OUT_WORDS


def _count(tally: Tally, one: Activity) -> None:
    match one.kind:
        case Kind.INBOUND:
            tally.inbound += 1
        case Kind.OPT_OUT:
            tally.opt_outs += 1
        case Kind.OPT_IN:
            tally.opt_ins += 1
        case Kind.OUTBOUND:
            _count_outbound(tally, one)


def _count_outbound(tally: Tally, one: Activity) -> None:
    state = one.step.state
    tally.delivered += state is State.DELIVERED
    tally.failed += state is State.FAILED
    tally.unknown += state is State.UNKNOWN
    tally.suppressed += state is State.SUPPRESSED
    if _was_sent(one):
        tally.sent += 1
        tally.segments += one.segments
        tally.leaks += one.leaked


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
