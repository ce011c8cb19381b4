"""How a list of requests fills the time: arithmetic on what the carrier has seen. Windows are half-open, (t, t + w]."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was taken: when, in seconds, and for how many recipients."""

    at_s: float
    units: int


def most_in_window(requests: Sequence[Sent], window_s: float) -> int:
    """Return the most units in any window of that length. The requests are in the order of their times."""
    return max((_units(requests, one.at_s - window_s, one.at_s) for one in requests), default=0)


def least_in_window(requests: Sequence[Sent], window_s: float) -> int | None:
    """Return the least units in any window of that length between the first and the last request; None if none fits."""
    last = requests[-1].at_s if requests else 0.0
    starts = [one.at_s for one in requests if one.at_s + window_s <= last]
    return min((_units(requests, start, start + window_s) for start in starts), default=None)


def share_used(requests: Sequence[Sent], per_minute: int) -> float:
    """Return which share of the units that the rate allows was used from the first request to the last.

    The first request's own units are left out: they belong to the time before it.
    """
    span_s = requests[-1].at_s - requests[0].at_s if requests else 0.0
    if span_s <= 0:
        return 0.0
    return sum(one.units for one in requests[1:]) / (per_minute * span_s / 60)


def _units(requests: Sequence[Sent], after_s: float, until_s: float) -> int:
    times = [one.at_s for one in requests]
    sums = [0, *accumulate(one.units for one in requests)]
    return sums[bisect_right(times, until_s)] - sums[bisect_right(times, after_s)]
