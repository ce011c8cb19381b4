"""When a daily cap holds up a campaign."""

from __future__ import annotations

from shared.rules.daily_loads import Load, held_up
from shared.rules.ids import DAY_MS
from shared.rules.pacing import Rate

FAST, SLOW = Rate(6_000), Rate(100)
NOON = 100 * DAY_MS + DAY_MS // 2
MIDNIGHT = 101 * DAY_MS


def test_what_fits_today_is_not_held_up() -> None:
    assert held_up(Load(1_000, 1_000, FAST), NOON, 1_000, 1_000) is None


def test_what_does_not_fit_waits_for_midnight_once_the_room_is_used() -> None:
    held = held_up(Load(1_500, 1_500, FAST), NOON, 1_000, 1_000)
    assert held
    assert NOON < held.at_ms <= NOON + 11_000
    assert MIDNIGHT < held.ends_ms <= MIDNIGHT + 6_000


def test_a_full_day_holds_it_up_at_once() -> None:
    held = held_up(Load(10, 10, FAST), NOON, 0, 1_000)
    assert held
    assert (held.at_ms, held.ends_ms) == (NOON, MIDNIGHT)


def test_each_following_day_takes_a_cap_more() -> None:
    held = held_up(Load(3_000, 3_000, FAST), NOON, 500, 1_000)
    assert held
    assert 0 <= held.ends_ms - (MIDNIGHT + 2 * DAY_MS) <= 6_000


def test_long_texts_use_the_room_sooner() -> None:
    held = held_up(Load(3_000, 1_000, FAST), NOON, 1_500, 10_000)
    assert held
    assert held.at_ms - NOON <= 6_000


def test_a_sender_too_slow_to_reach_the_cap_is_not_held_up() -> None:
    assert held_up(Load(200_000, 200_000, SLOW), NOON, 150_000, 150_000) is None


def test_a_cap_that_is_reached_on_a_later_day_is_found() -> None:
    held = held_up(Load(300_000, 300_000, SLOW), NOON, 100_000, 100_000)
    assert held
    assert MIDNIGHT < held.at_ms < MIDNIGHT + DAY_MS
