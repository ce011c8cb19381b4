"""The next allowed moment against the clocks of the places, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules.countries import ByCountry
from shared.rules.quiet_hours import DayHours, next_allowed, places_of

MINUTE = timedelta(minutes=1)
# One zone each but the last three, which have several.
numbers = st.sampled_from(
    [
        "+12125550123",
        "+14255550123",
        "+19075550123",
        "+441212345678",
        "+4930123456",
        "+61212345678",
        "+97221234567",
        "+34612345678",
        "+351912345678",
        "+61412345678",
    ]
)
# Days on which clocks are changed in the USA, in Europe, in Australia or in Israel, and any others.
changes = st.sampled_from(
    ["2025-03-09", "2025-11-02", "2025-03-30", "2025-10-26", "2025-04-06", "2025-10-05", "2025-03-28"]
).map(datetime.fromisoformat)
moments = st.one_of(
    st.builds(lambda day, minutes: day.replace(tzinfo=UTC) + minutes * MINUTE, changes, st.integers(-1_440, 2_880)),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # it adds the zone
)
minutes_of_day = st.integers(0, 1_439)
# Nine hours at least: then the zones of each number share some.
long_hours = st.builds(lambda start, length: _hours(start, start + length), st.integers(0, 840), st.integers(540, 599))
any_hours = st.builds(
    lambda one, other: _hours(min(one, other), max(one, other) + 1), minutes_of_day, st.integers(0, 1_438)
)


def _hours(start: int, end: int) -> DayHours:
    return DayHours(time(start // 60, start % 60), time(end // 60 % 24, end % 60))


def _allowed(zones: list[ZoneInfo], hours: DayHours, moment: datetime) -> bool:
    """Tell by the minutes that the clocks show."""
    end = hours.end.hour * 60 + hours.end.minute or 1_440
    shown = [moment.astimezone(zone) for zone in zones]
    return all(hours.start.hour * 60 + hours.start.minute <= at.hour * 60 + at.minute < end for at in shown)


@given(e164=numbers, at=moments, hours=long_hours)
@settings(max_examples=150, deadline=None)
def test_the_next_allowed_moment_is_the_first_that_every_place_allows(e164: str, at: datetime, hours: DayHours) -> None:
    zones = [ZoneInfo(place) for place in places_of(e164)]
    found = next_allowed(e164, at, ByCountry({"*": hours}))
    assert found >= at
    assert _allowed(zones, hours, found)
    if found > at:
        assert not _allowed(zones, hours, at)
        assert found == found.replace(second=0, microsecond=0)
        earlier = at.replace(second=0, microsecond=0) + MINUTE
        while earlier < found:
            assert not _allowed(zones, hours, earlier)
            earlier += MINUTE


@given(e164=numbers, at=moments, hours=any_hours)
@settings(max_examples=150, deadline=None)
def test_an_answer_never_changes_by_asking_again_nor_lies_days_ahead(e164: str, at: datetime, hours: DayHours) -> None:
    by_country = ByCountry({"*": hours})
    found = next_allowed(e164, at, by_country)
    assert at <= found <= at + timedelta(days=2, hours=2)
    zones = [ZoneInfo(place) for place in places_of(e164)]
    if len(zones) == 1:
        assert _allowed(zones, hours, found)
        assert next_allowed(e164, found, by_country) == found


@given(e164=numbers, at=moments, later=st.timedeltas(timedelta(0), timedelta(days=2)), hours=long_hours)
@settings(max_examples=100, deadline=None)
def test_who_asks_later_is_never_answered_with_an_earlier_moment(
    e164: str, at: datetime, later: timedelta, hours: DayHours
) -> None:
    by_country = ByCountry({"*": hours})
    assert next_allowed(e164, at, by_country) <= next_allowed(e164, at + later, by_country)
