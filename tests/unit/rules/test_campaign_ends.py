"""When a campaign ends: at the rate of its sender, by day where its recipients are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.rules.campaign_ends import Crowd, campaign_end_ms
from shared.rules.ids import from_ms, to_ms
from shared.rules.pacing import Rate, campaign_duration_ms
from shared.rules.quiet_hours import parse_hours

RATE = Rate(200)
BY_DAY, ALWAYS = parse_hours('{"*":"09:00-20:00"}'), parse_hours('{"*":"00:00-24:00"}')
SEATTLE, PARIS = "America/Los_Angeles", "Europe/Paris"
# 19:50 in Seattle, 04:50 in Paris.
EVENING = datetime(2026, 3, 3, 3, 50, tzinfo=UTC)
MORNING_IN_PARIS = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
MORNING_IN_SEATTLE = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


def end(*crowds: Crowd, at: datetime = EVENING, rate: Rate = RATE) -> datetime:
    """Return when these have their texts."""
    return from_ms(campaign_end_ms(crowds, to_ms(at), BY_DAY, rate))


def seattle(units: int) -> Crowd:
    """Return people of Seattle."""
    return Crowd("US", (SEATTLE,), units)


def paris(units: int) -> Crowd:
    """Return people of Paris."""
    return Crowd("FR", (PARIS,), units)


@pytest.mark.parametrize("units", [1, 5, 200, 40_000, 99_999])
def test_where_there_are_no_quiet_hours_it_is_the_time_that_the_rate_takes(units: int) -> None:
    for rate in (Rate(100), RATE, Rate(6_000)):
        crowds = [seattle(units // 2), paris(units - units // 2)]
        took = campaign_end_ms(crowds, to_ms(EVENING), ALWAYS, rate) - to_ms(EVENING)
        assert took == pytest.approx(campaign_duration_ms(units, rate), rel=0.01)


def test_nobody_is_done_at_once() -> None:
    assert end() == end(seattle(0)) == EVENING


def test_what_the_evening_has_no_time_for_goes_the_next_morning() -> None:
    an_hour = 11_700
    left_over = timedelta(minutes=50)
    assert abs(end(seattle(an_hour)) - MORNING_IN_SEATTLE - left_over) < timedelta(minutes=1)


def test_all_who_wait_for_their_morning_take_the_time_of_the_rate_from_then_on() -> None:
    ten_minutes = 1_950
    assert abs(end(paris(ten_minutes)) - MORNING_IN_PARIS - timedelta(minutes=10)) < timedelta(seconds=30)


def test_those_by_day_do_not_wait_for_those_by_night() -> None:
    assert end(paris(1), seattle(1_000)) == MORNING_IN_PARIS
    # Ten minutes of the evening are enough for them; the others have all of their day.
    assert end(paris(1_000), seattle(1_000)) < MORNING_IN_PARIS + timedelta(minutes=6)


def test_days_pass_until_all_have_gone() -> None:
    two_and_a_half_days = 11_700 * 11 * 5 // 2
    found = end(seattle(two_and_a_half_days), at=MORNING_IN_SEATTLE)
    assert abs(found - MORNING_IN_SEATTLE - timedelta(days=2, hours=5.5)) < timedelta(minutes=10)
