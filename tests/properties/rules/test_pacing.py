"""The limits of a sender against windows counted by brute force, with workers that are late and clocks that step."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules.pacing import (
    CAMPAIGN_AHEAD_MS,
    CAMPAIGN_SHARE,
    LATENESS_MS,
    Pace,
    Rate,
    group_size,
    may_send,
    reserve,
    slow_down,
)

NOW = 1_760_000_000_000

rates = st.builds(Rate, st.sampled_from([1, 7, 100, 200, 600, 6_000]), st.sampled_from([60_000, 5_000]))
steps = st.lists(
    st.tuples(
        st.one_of(st.integers(-2_000, 3_000), st.integers(0, 90_000)),  # ms since the last step, by the worker's clock
        st.integers(1, 100),
        st.sampled_from([1.0, 1.0, 0.99, 0.9, 0.5]),
        st.integers(0, LATENESS_MS),
        st.sampled_from([None] * 9 + [0, 5_000, 60_000]),  # Retry-After of a 429
    ),
    min_size=1,
    max_size=80,
)


def fullest_window(sent: list[tuple[int, int]], window_ms: int) -> int:
    """Return the most units between any two moments a window apart, both included."""
    ordered = sorted(sent)
    times = [at_ms for at_ms, _ in ordered]
    sums = [0, *accumulate(units for _, units in ordered)]
    ends = [bisect_right(times, at_ms + window_ms) for at_ms in times]
    return max(sums[end] - sums[start] for start, end in enumerate(ends))


@given(rate=rates, taken=steps)
@settings(max_examples=300, deadline=None)
def test_no_window_is_over_the_limit_however_late_the_sends_and_whatever_the_clocks(
    rate: Rate, taken: list[tuple[int, int, float, int, int | None]]
) -> None:
    pace, now_ms, sent = Pace(), NOW, []
    for passed, wanted, share, lateness, retry_after in taken:
        now_ms, units = now_ms + passed, min(wanted, rate.units)
        pace, at_ms = reserve(Pace.from_json(pace.to_json()), rate, units, now_ms, share)
        assert at_ms >= max(now_ms, pace.slowed_until_ms)
        sent.append((at_ms + lateness, units))
        if retry_after is not None:
            pace = slow_down(pace, now_ms, retry_after, rate)
    assert fullest_window(sent, rate.window_ms) <= rate.units


@given(rate=rates, taken=steps)
@settings(max_examples=150, deadline=None)
def test_a_single_send_goes_at_the_first_moment_that_has_room(
    rate: Rate, taken: list[tuple[int, int, float, int, int | None]]
) -> None:
    """Against a search of every line's end, with windows counted by brute force."""
    pace, now_ms = Pace(), NOW
    for passed, wanted, share, _, _ in taken[:20]:
        now_ms, units = now_ms + passed, min(wanted, rate.units)
        lines = pace.planned
        reserved, at_ms = reserve(pace, rate, units, now_ms, share)
        if share == 1:
            moments = sorted({now_ms, *(max(now_ms, line.last_ms + rate.span_ms) for line in lines)})
            assert at_ms == next(moment for moment in moments if _fits(pace, rate, units, moment))
        pace = reserved


def _fits(pace: Pace, rate: Rate, units: int, at_ms: int) -> bool:
    ends = [at_ms, *(line.first_ms for line in pace.planned if at_ms < line.first_ms < at_ms + rate.span_ms)]
    return all(
        units + sum(line.units for line in pace.planned if line.last_ms > end - rate.span_ms and line.first_ms <= end)
        <= rate.units
        for end in ends
    )


@dataclass(slots=True)
class Work:
    """Three workers on one sender in virtual time: a campaign that never ends, and single sends between."""

    rate: Rate
    share: float
    seed: int
    most_late_ms: int = 300
    pace: Pace = field(default_factory=Pace)
    campaign: list[tuple[int, int]] = field(default_factory=list)
    singles: list[tuple[int, int]] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)

    def run(self, minutes: int, single_sends: list[int]) -> None:
        """Work for some minutes; single sends come at the times given, ms after the start."""
        rng = random.Random(self.seed)
        turns: list[tuple[int, bool]] = [(NOW + worker * 7, True) for worker in range(3)]
        turns += [(NOW + ms, False) for ms in single_sends]
        heapq.heapify(turns)
        while turns and turns[0][0] < NOW + minutes * 60_000:
            now_ms, for_campaign = heapq.heappop(turns)
            if for_campaign:
                heapq.heappush(turns, (self._send_group(rng, now_ms), True))
            else:
                self.pace, at_ms = reserve(self.pace, self.rate, 1, now_ms)
                self.waits.append(at_ms - now_ms)
                self.singles.append((at_ms + rng.randint(0, self.most_late_ms), 1))

    def _send_group(self, rng: random.Random, now_ms: int) -> int:
        """Do one turn of a worker and return when its next one is."""
        group = group_size(self.rate, self.share)
        reserved, at_ms = reserve(self.pace, self.rate, group, now_ms, self.share)
        if at_ms > now_ms + CAMPAIGN_AHEAD_MS:
            return at_ms - rng.randint(CAMPAIGN_AHEAD_MS // 4, CAMPAIGN_AHEAD_MS)
        self.pace = reserved
        sent_ms = at_ms + rng.randint(5, self.most_late_ms)
        assert may_send(self.pace, at_ms, sent_ms)
        self.campaign.append((sent_ms, group))
        return sent_ms + rng.randint(10, self.most_late_ms)

    def used(self) -> float:
        """Return the part of the limit that was used after the first window, the last send left out."""
        sent = sorted(self.campaign + self.singles)
        start, end = NOW + self.rate.span_ms, sent[-1][0]
        units = sum(count for at_ms, count in sent if start <= at_ms < end)
        return units * self.rate.window_ms / (end - start) / self.rate.units


@pytest.mark.parametrize("units", [200, 600, 6_000])
@pytest.mark.parametrize("seed", range(3))
def test_a_campaign_of_three_workers_uses_97_percent_of_the_limit(units: int, seed: int) -> None:
    work = Work(Rate(units), CAMPAIGN_SHARE, seed)
    work.run(12, [])
    fullest = fullest_window(work.campaign, 60_000)
    print(f"seed {seed}: {units}/min, groups of {group_size(work.rate)}: {work.used():.2%} used, fullest {fullest}")
    assert fullest <= units
    assert work.used() >= 0.97


@pytest.mark.parametrize("units", [200, 6_000])
@pytest.mark.parametrize("seed", range(3))
def test_single_sends_that_campaigns_leave_room_for_never_wait(units: int, seed: int) -> None:
    work, gap_ms = Work(Rate(units), 0.9, seed), 61_400 * 10 // units
    work.run(8, [*range(0, 8 * 60_000, gap_ms)])
    fullest = fullest_window(work.campaign + work.singles, 60_000)
    print(f"seed {seed}: {units}/min, {len(work.singles)} single sends, {work.used():.2%} used, fullest {fullest}")
    assert fullest <= units
    assert max(work.waits) == 0
    assert work.used() >= 0.97 * 0.9


@pytest.mark.parametrize("units", [200, 600, 6_000])
@pytest.mark.parametrize("seed", range(4))
def test_a_burst_of_single_sends_goes_before_the_campaign(units: int, seed: int) -> None:
    """A tenth of the limit at once waits for what the campaign holds, a group, its catching up, and its own turn."""
    work, burst = Work(Rate(units), CAMPAIGN_SHARE, seed), units // 10
    rng = random.Random(seed)
    starts = [minute * 60_000 + rng.randrange(60_000) for minute in range(2, 8)]
    work.run(9, [start for start in starts for _ in range(burst)])
    fullest = fullest_window(work.campaign + work.singles, 60_000)
    print(f"seed {seed}: {units}/min, bursts of {burst}: worst wait {max(work.waits)} ms, {work.used():.2%} used")
    assert len(work.waits) == 6 * burst
    assert fullest <= units
    assert max(work.waits) <= 3_000 + burst * work.rate.span_ms // units
    assert work.used() >= 0.96
