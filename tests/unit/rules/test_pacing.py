"""How fast a sender may send."""

from __future__ import annotations

import pytest

from shared.rules.pacing import (
    CAMPAIGN_AHEAD_MS,
    CAMPAIGN_SHARE,
    LATENESS_MS,
    Pace,
    Rate,
    campaign_duration_ms,
    group_size,
    may_send,
    reserve,
    slow_down,
)

TOLL_FREE = Rate(200)
SHORT_CODE = Rate(6_000)
NOW = 1_760_000_000_000


def test_an_idle_sender_sends_its_whole_limit_at_once_and_then_waits_for_the_window() -> None:
    pace, first = reserve(Pace(), TOLL_FREE, 100, NOW)
    pace, second = reserve(pace, TOLL_FREE, 100, NOW)
    pace, third = reserve(pace, TOLL_FREE, 1, NOW)
    assert (first, second, third) == (NOW, NOW, NOW + TOLL_FREE.span_ms)
    assert third - (second + LATENESS_MS) > TOLL_FREE.window_ms


def test_units_that_share_a_line_count_until_the_last_of_them_leaves() -> None:
    pace, _ = reserve(Pace(), TOLL_FREE, 50, NOW)
    pace, _ = reserve(pace, TOLL_FREE, 150, NOW + 200)
    assert len(pace.planned) == 1
    assert reserve(pace, TOLL_FREE, 100, NOW + 300)[1] == NOW + 200 + TOLL_FREE.span_ms


def test_a_worker_whose_clock_is_ahead_does_not_forget_what_still_counts_for_the_others() -> None:
    pace, _ = reserve(Pace(), TOLL_FREE, 200, NOW)
    pace, _ = reserve(pace, TOLL_FREE, 1, NOW + TOLL_FREE.span_ms + 5_000)
    assert reserve(pace, TOLL_FREE, 50, NOW + 58_000)[1] == NOW + TOLL_FREE.span_ms


def test_a_send_that_does_not_fit_before_a_planned_one_waits_though_the_window_behind_it_is_empty() -> None:
    ahead, planned = reserve(Pace(slowed_until_ms=NOW + 5_000), TOLL_FREE, 150, NOW)
    pace = Pace(planned=ahead.planned)
    assert planned == NOW + 5_000
    assert reserve(pace, TOLL_FREE, 50, NOW)[1] == NOW
    assert reserve(pace, TOLL_FREE, 51, NOW)[1] == planned + TOLL_FREE.span_ms


def test_a_campaign_leaves_its_share_free_for_single_sends() -> None:
    pace, at_ms = Pace(), NOW
    while at_ms < NOW + 61_000:
        pace, at_ms = reserve(pace, TOLL_FREE, 3, at_ms, 0.9)
    pace, single = reserve(pace, TOLL_FREE, 20, at_ms)
    assert single == at_ms


def test_a_campaign_that_is_late_catches_up_by_a_second_and_no_more() -> None:
    pace, _ = reserve(Pace(), TOLL_FREE, 3, NOW, CAMPAIGN_SHARE)
    late = NOW + 30_000
    times = []
    for _ in range(4):
        pace, at_ms = reserve(pace, TOLL_FREE, 3, late, CAMPAIGN_SHARE)
        times.append(at_ms - late)
    assert times == [0, 0, 849, 1_773]


@pytest.mark.parametrize(
    ("units", "share", "size"),
    [
        (200, 0.99, 3),
        (200, 0.9, 3),
        (600, 0.99, 9),
        (6_000, 0.99, 99),
        (6_000, 0.9, 90),
        (600_000, 0.99, 100),
        (1, 0.99, 1),
    ],
)
def test_groups_of_a_campaign_are_a_second_of_its_rate(units: int, share: float, size: int) -> None:
    assert group_size(Rate(units), share) == size


def test_after_a_429_nothing_goes_before_the_time_it_names() -> None:
    slowed = slow_down(Pace(), NOW, 30_000, TOLL_FREE)
    for share in (1.0, CAMPAIGN_SHARE):
        assert reserve(slowed, TOLL_FREE, 1, NOW + 1_000, share)[1] == NOW + 30_000
    assert not may_send(slowed, NOW, NOW)


def test_a_429_halves_the_rate_which_then_comes_back() -> None:
    slowed = slow_down(Pace(), NOW, 0, TOLL_FREE)
    room = [_room(slowed, NOW + minutes * 60_000) for minutes in (0, 1, 2, 3)]
    assert room == [100, 150, 200, 200]


def _room(pace: Pace, now_ms: int) -> int:
    """Return how many units go at once."""
    for units in range(TOLL_FREE.units):
        pace, at_ms = reserve(pace, TOLL_FREE, 1, now_ms)
        if at_ms > now_ms:
            return units
    return TOLL_FREE.units


def test_answers_to_calls_under_way_together_slow_the_sender_once() -> None:
    first = slow_down(Pace(), NOW, 10_000, TOLL_FREE)
    second = slow_down(first, NOW + 100, 20_000, TOLL_FREE)
    assert (second.permille, second.slowed_until_ms) == (first.permille, NOW + 20_100)
    assert slow_down(second, NOW + 200, 1_000, TOLL_FREE) == second


def test_a_sender_that_is_throttled_without_end_still_tries() -> None:
    pace, now_ms = Pace(), NOW
    for _ in range(50):
        pace = slow_down(pace, now_ms, 1_000, TOLL_FREE)
        now_ms = pace.slowed_until_ms
    pace, at_ms = reserve(pace, TOLL_FREE, 100, now_ms, CAMPAIGN_SHARE)
    assert at_ms == now_ms


def test_a_group_larger_than_a_slowed_rate_goes_alone() -> None:
    slowed = slow_down(Pace(), NOW, 0, TOLL_FREE)
    pace, first = reserve(slowed, TOLL_FREE, 150, NOW)
    pace, second = reserve(pace, TOLL_FREE, 150, NOW)
    assert (first, second) == (NOW, NOW + TOLL_FREE.span_ms)


@pytest.mark.parametrize("lateness", [0, LATENESS_MS])
def test_what_is_due_may_go_until_it_is_too_late(lateness: int) -> None:
    assert may_send(Pace(), NOW, NOW + lateness)


@pytest.mark.parametrize("now_ms", [NOW - 1, NOW + LATENESS_MS + 1])
def test_what_is_early_or_too_late_may_not_go(now_ms: int) -> None:
    assert not may_send(Pace(), NOW, now_ms)


def test_a_clock_that_was_an_hour_ahead_holds_up_a_campaign_by_a_window_only() -> None:
    pace, _ = reserve(Pace(), TOLL_FREE, 3, NOW + 3_600_000, CAMPAIGN_SHARE)
    _, at_ms = reserve(pace, TOLL_FREE, 3, NOW, CAMPAIGN_SHARE)
    assert at_ms == NOW + TOLL_FREE.span_ms


@pytest.mark.parametrize(("units", "share"), [(0, 1.0), (201, 1.0), (1, 0.0), (1, 1.1), (-1, 1.0)])
def test_what_no_window_has_room_for_is_refused(units: int, share: float) -> None:
    with pytest.raises(ValueError, match="Reserve from one unit"):
        reserve(Pace(), TOLL_FREE, units, NOW, share)


@pytest.mark.parametrize(("units", "window_ms"), [(0, 60_000), (1, 0)])
def test_a_rate_has_units_and_a_window(units: int, window_ms: int) -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        Rate(units, window_ms)


def test_a_stored_pace_comes_back_as_it_was() -> None:
    pace = slow_down(Pace(), NOW, 5_000, TOLL_FREE)
    for units in (1, 2, 50):
        pace, _ = reserve(pace, TOLL_FREE, units, NOW + 6_000, CAMPAIGN_SHARE)
    assert Pace.from_json(pace.to_json()) == pace


@pytest.mark.parametrize("rate", [TOLL_FREE, SHORT_CODE])
def test_the_stored_pace_of_a_busy_sender_stays_small(rate: Rate) -> None:
    pace, now_ms = Pace(), NOW
    for _ in range(8_000):
        now_ms += 37
        reserved, at_ms = reserve(pace, rate, 1, now_ms)
        if at_ms == now_ms:
            pace = reserved
    assert len(pace.planned) <= 300
    assert len(pace.to_json()) < 8_000


@pytest.mark.parametrize(("rate", "units"), [(TOLL_FREE, 1_000), (SHORT_CODE, 50_000)])
def test_the_forecast_of_a_campaign_is_what_it_takes(rate: Rate, units: int) -> None:
    pace, now_ms, left = Pace(), NOW, units
    while left:
        group = min(left, group_size(rate))
        reserved, at_ms = reserve(pace, rate, group, now_ms, CAMPAIGN_SHARE)
        if at_ms > now_ms + CAMPAIGN_AHEAD_MS:
            now_ms = at_ms
            continue
        pace, left = reserved, left - group
    assert at_ms - NOW == pytest.approx(campaign_duration_ms(units, rate), rel=0.01)
