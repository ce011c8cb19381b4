"""How fast a sender may send, as arithmetic on what is stored of it; whole milliseconds since 1970, UTC.

Two rules together. A ledger of what was reserved in the last window keeps every window within the limit
(invariant I4): GCRA alone cannot, for its bound is the burst plus the rate, so it keeps the limit with groups of
100 at 200 a minute only by using half of it. And GCRA (virtual scheduling, ITU-T I.371 annex A) spreads campaigns
evenly, so that room falls free about once a second, which single sends take first.

Who reserves for a campaign does three things. It asks for `group_size` at a time with its share. It stores the new
pace only if the time is at most CAMPAIGN_AHEAD_MS ahead; else nothing is reserved, and it asks again later. And at
once before the call it checks `may_send`.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate

# A send may leave this much later than its time, and no window is over the limit for it.
LATENESS_MS = 1_000
# What campaigns have reserved, single sends wait behind.
CAMPAIGN_AHEAD_MS = 1_000
# Of the units of a rate; the rest is free for single sends at any time.
CAMPAIGN_SHARE = 0.99
MOST_PER_REQUEST = 100

_MOST_CATCHING_UP_US = 1_000_000
# Clocks of workers may differ by this.
_CLOCK_STEP_MS = 10_000
_LEDGER_LINES_PER_WINDOW = 240

_WHOLE = 1_000
_LEAST = 125
_REGAINED_PER_WINDOW = 250


@dataclass(frozen=True, slots=True)
class Rate:
    """How many units (recipients or segments) a sender may send in any window of time."""

    units: int
    window_ms: int = 60_000

    def __post_init__(self) -> None:
        if self.units < 1 or self.window_ms < 1:
            raise ValueError("A rate has at least one unit and a window of at least a millisecond.")

    @property
    def span_ms(self) -> int:
        """Return how long a reservation counts: the window, and the most that a send may be late."""
        return self.window_ms + LATENESS_MS + 1


@dataclass(frozen=True, slots=True)
class Planned:
    """A line of the ledger: so many units between two moments."""

    first_ms: int
    last_ms: int
    units: int


@dataclass(frozen=True, slots=True)
class Pace:
    """What is stored of a sender's pace.

    `planned` is the ledger, oldest first. `campaigns_us` is the theoretical arrival time of campaigns, in
    microseconds so that division leaves no drift. After a 429 nothing goes before `slowed_until_ms`, and then
    `permille` of the rate, rising.
    """

    planned: tuple[Planned, ...] = ()
    campaigns_us: int = 0
    slowed_until_ms: int = 0
    permille: int = _WHOLE

    def to_json(self) -> str:
        """Return the pace as it is stored."""
        lines = [[line.first_ms, line.last_ms - line.first_ms, line.units] for line in self.planned]
        return json.dumps([self.campaigns_us, self.slowed_until_ms, self.permille, lines], separators=(",", ":"))

    @classmethod
    def from_json(cls, stored: str) -> Pace:
        """Return the pace that `to_json` wrote."""
        campaigns_us, slowed_until_ms, permille, lines = json.loads(stored)
        planned = tuple(Planned(first, first + length, units) for first, length, units in lines)
        return cls(planned, campaigns_us, slowed_until_ms, permille)


def reserve(pace: Pace, rate: Rate, units: int, now_ms: int, share: float = 1.0) -> tuple[Pace, int]:
    """Reserve units that go together; return what to store, and when they may go: now or later, in ms.

    With a share below 1, for campaigns, the units are spread evenly and leave the rest of the rate free. A share or
    a slowed rate too small for the units lets them go alone.

    Raises:
        ValueError: for units that no window has room for, and a share that is none.
    """
    if not 1 <= units <= rate.units or not 0 < share <= 1:
        raise ValueError("Reserve from one unit to the units of the rate, and from a share above 0 up to 1.")
    limit = max(units, _limit(pace, rate, now_ms, share))
    earliest = max(now_ms, pace.slowed_until_ms)
    if share == 1:
        at_ms = _first_room(pace.planned, earliest, units, limit, rate.span_ms)
        return replace(pace, planned=_with(pace.planned, at_ms, units, now_ms, rate)), at_ms
    # A worker with a wrong clock may hold up the others by a window, not for ever.
    due_us = min(pace.campaigns_us, (now_ms + rate.span_ms) * 1_000)
    at_ms = _first_room(pace.planned, max(earliest, -(-due_us // 1_000)), units, limit, rate.span_ms)
    next_us = max(due_us, at_ms * 1_000 - _MOST_CATCHING_UP_US) + units * rate.span_ms * 1_000 // limit
    planned = _with(pace.planned, at_ms, units, now_ms, rate)
    return replace(pace, planned=planned, campaigns_us=next_us), at_ms


def group_size(rate: Rate, share: float = CAMPAIGN_SHARE) -> int:
    """Return how many recipients of a campaign should go together: a second's worth, up to 100.

    Single sends that find no room wait about as long as a group takes. Among the larger half of such sizes, the
    one that fills a window best.
    """
    limit = _part(rate.units, _WHOLE, share)
    most = min(MOST_PER_REQUEST, max(1, limit * 1_000 // rate.window_ms))
    return min(range(most // 2 + 1, most + 1), key=lambda size: (limit % size, -size))


def slow_down(pace: Pace, now_ms: int, retry_after_ms: int, rate: Rate) -> Pace:
    """Return the pace after a 429: nothing goes before `retry_after_ms` from now, then half the rate, rising.

    Answers to calls that were under way together count as one. What was refused stays in the ledger: ACS counts
    refused requests too.
    """
    until_ms = max(pace.slowed_until_ms, now_ms + retry_after_ms)
    if now_ms < pace.slowed_until_ms:
        return replace(pace, slowed_until_ms=until_ms)
    halved = max(_LEAST, _permille(pace, rate, now_ms) // 2)
    return replace(pace, slowed_until_ms=until_ms, permille=halved)


def may_send(pace: Pace, at_ms: int, now_ms: int) -> bool:
    """Tell whether what was reserved for `at_ms` may go now: not early, not too late, no 429 in between.

    If it is too late or slowed, reserve again.
    """
    return at_ms <= now_ms <= at_ms + LATENESS_MS and pace.slowed_until_ms <= now_ms


def used(pace: Pace, rate: Rate, now_ms: int) -> float:
    """Return which share of the rate went, or was to go, in the window that ends now."""
    since_ms = now_ms - rate.window_ms
    return sum(line.units for line in pace.planned if line.last_ms > since_ms and line.first_ms <= now_ms) / rate.units


def campaign_duration_ms(units: int, rate: Rate, share: float = CAMPAIGN_SHARE) -> int:
    """Return how long a campaign of so many units takes from its first send to its last, if nothing else goes."""
    limit = _part(rate.units, _WHOLE, share)
    return max(0, units - group_size(rate, share)) * rate.span_ms // limit


def campaign_units(duration_ms: int, rate: Rate, share: float = CAMPAIGN_SHARE) -> int:
    """Return how many units of a campaign go in so long, if nothing else goes."""
    return duration_ms * _part(rate.units, _WHOLE, share) // rate.span_ms


def _permille(pace: Pace, rate: Rate, now_ms: int) -> int:
    regained = max(0, now_ms - pace.slowed_until_ms) * _REGAINED_PER_WINDOW // rate.window_ms
    return min(_WHOLE, pace.permille + regained)


def _limit(pace: Pace, rate: Rate, now_ms: int, share: float) -> int:
    return _part(rate.units, _permille(pace, rate, now_ms), share)


def _part(units: int, permille: int, share: float) -> int:
    return max(1, units * permille * round(share * 1_000) // 1_000_000)


def _first_room(planned: tuple[Planned, ...], earliest_ms: int, units: int, limit: int, span_ms: int) -> int:
    """Return the first moment at which the units leave every span that holds them within the limit."""
    firsts = [line.first_ms for line in planned]
    lasts = [line.last_ms for line in planned]
    sums = [0, *accumulate(line.units for line in planned)]

    def room_after(at_ms: int) -> int:
        """Return `at_ms` if there is room, else a later moment before which there is none."""
        later = at_ms
        for end in (at_ms, *firsts[bisect_right(firsts, at_ms) : bisect_left(firsts, at_ms + span_ms)]):
            start, stop = bisect_right(lasts, end - span_ms), bisect_right(firsts, end)
            excess = sums[stop] + units - limit
            if sums[start] < excess:
                leaving = bisect_left(sums, excess) - 1
                later = max(later, lasts[leaving] + span_ms)
        return later

    at_ms = earliest_ms
    while (later := room_after(at_ms)) > at_ms:
        at_ms = later
    return at_ms


def _with(planned: tuple[Planned, ...], at_ms: int, units: int, now_ms: int, rate: Rate) -> tuple[Planned, ...]:
    """Return the ledger with these units, without what no longer counts.

    Units at nearly the same time share a line, which counts as long as either of its ends does: the ledger stays
    short, and errs on the safe side.
    """
    forgotten_ms = now_ms - rate.span_ms - _CLOCK_STEP_MS
    lines = [line for line in planned if line.last_ms > forgotten_ms]
    place = bisect_right([line.first_ms for line in lines], at_ms)
    before = lines[place - 1] if place else None
    if before and at_ms - before.first_ms <= rate.window_ms // _LEDGER_LINES_PER_WINDOW:
        lines[place - 1] = Planned(before.first_ms, max(before.last_ms, at_ms), before.units + units)
    else:
        lines.insert(place, Planned(at_ms, at_ms, units))
    return tuple(lines)
