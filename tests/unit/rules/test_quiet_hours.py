"""When a recipient may be texted."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from shared.rules.countries import ByCountry
from shared.rules.quiet_hours import DEFAULT_HOURS, DayHours, next_allowed, parse_hours, places_of

SEATTLE = "+14255550123"
NEW_YORK = "+12125550123"
AUSTRALIAN_MOBILE = "+61412345678"
RUSSIAN_MOBILE = "+79161234567"
ITALIAN_MOBILE = "+393123456789"
NO_AREA = "+15555550123"
SATELLITE = "+870773111632"

NONE_SET: ByCountry[DayHours] = ByCountry({})


def _next(e164: str, at: str, hours: str = "{}") -> str:
    found = next_allowed(e164, datetime.fromisoformat(at), parse_hours(hours))
    return found.isoformat(timespec="minutes").removesuffix("+00:00")


@pytest.mark.parametrize(
    ("e164", "places"),
    [
        (SEATTLE, {"America/Los_Angeles"}),
        (NEW_YORK, {"America/New_York"}),
        ("+447700900123", {"Europe/London", "Europe/Guernsey", "Europe/Isle_of_Man"}),  # of no range in use
        ("+34612345678", {"Europe/Madrid", "Atlantic/Canary"}),
        (SATELLITE, {"UTC"}),
        ("+80012345678", {"UTC"}),
    ],
)
def test_a_number_says_its_time_zones(e164: str, places: set[str]) -> None:
    assert set(places_of(e164)) == places


def test_a_number_of_no_known_area_may_be_anywhere_in_its_country_code() -> None:
    assert {"America/New_York", "Pacific/Honolulu", "Pacific/Guam"} <= set(places_of(NO_AREA))
    assert places_of("+18005550100") == places_of(NO_AREA)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-07-01T16:00+00:00", "2025-07-01T16:00"),  # 09:00
        ("2025-07-01T15:59+00:00", "2025-07-01T16:00"),
        ("2025-07-02T02:59+00:00", "2025-07-02T02:59"),  # 19:59
        ("2025-07-02T03:00+00:00", "2025-07-02T16:00"),
        ("2025-12-01T16:59+00:00", "2025-12-01T17:00"),  # no summer time
        ("2025-07-01T02:00-07:00", "2025-07-01T16:00"),  # asked in another zone
    ],
)
def test_texts_go_from_nine_to_twenty_at_the_place_of_the_recipient(at: str, expected: str) -> None:
    assert _next(SEATTLE, at) == expected


def test_the_moment_itself_is_kept_to_the_microsecond() -> None:
    at = datetime(2025, 7, 1, 18, 30, 15, 123456, UTC)
    assert next_allowed(SEATTLE, at, NONE_SET) == at


def test_a_country_may_have_hours_of_its_own() -> None:
    hours = '{"*": "10:00-18:00", "US": "08:00-21:00"}'
    assert _next(SEATTLE, "2025-07-01T10:00+00:00", hours) == "2025-07-01T15:00"
    assert _next(ITALIAN_MOBILE, "2025-07-01T05:00+00:00", hours) == "2025-07-01T08:00"


def test_all_zones_of_a_number_must_allow_it() -> None:
    """Australian mobiles: from 09:00 on the Cocos Islands (UTC+6:30) to 20:00 on Lord Howe (UTC+10:30 in winter)."""
    assert _next(AUSTRALIAN_MOBILE, "2025-07-01T00:00+00:00") == "2025-07-01T02:30"
    assert _next(AUSTRALIAN_MOBILE, "2025-07-01T09:29+00:00") == "2025-07-01T09:29"
    assert _next(AUSTRALIAN_MOBILE, "2025-07-01T09:30+00:00") == "2025-07-02T02:30"


def test_eleven_zones_may_leave_one_hour() -> None:
    """Russian mobiles: from 09:00 in Bucharest (UTC+2 in winter) to 20:00 in Anadyr (UTC+12)."""
    assert _next(RUSSIAN_MOBILE, "2025-12-01T00:00+00:00") == "2025-12-01T07:00"
    assert _next(RUSSIAN_MOBILE, "2025-12-01T08:00+00:00") == "2025-12-02T07:00"


def test_zones_that_share_no_hour_are_texted_when_most_of_them_allow_it() -> None:
    """All of +1: 09:00 in Samoa (UTC-11) to 20:00 in Newfoundland (UTC-2:30 in summer), though Guam sleeps."""
    assert _next(NO_AREA, "2025-07-01T00:00+00:00") == "2025-07-01T20:00"
    assert _next(NO_AREA, "2025-07-01T22:29+00:00") == "2025-07-01T22:29"
    assert _next(NO_AREA, "2025-07-01T22:30+00:00") == "2025-07-02T20:00"


def test_hours_that_begin_while_the_clocks_are_put_forward_begin_then() -> None:
    assert _next(NEW_YORK, "2025-03-09T05:00+00:00", '{"*": "02:30-04:00"}') == "2025-03-09T07:00"


def test_a_change_of_the_clocks_is_found_to_the_second() -> None:
    at = datetime(2025, 3, 9, 5, 0, 0, 700_000, UTC)
    assert next_allowed(NEW_YORK, at, parse_hours('{"*": "02:30-04:00"}')) == datetime(2025, 3, 9, 7, tzinfo=UTC)


def test_hours_that_the_clocks_skip_begin_the_next_day() -> None:
    assert _next(NEW_YORK, "2025-03-09T05:00+00:00", '{"*": "02:15-02:45"}') == "2025-03-10T06:15"


def test_hours_that_the_clocks_show_twice_are_allowed_twice() -> None:
    hours = '{"*": "01:15-01:30"}'
    assert _next(NEW_YORK, "2025-11-02T05:00+00:00", hours) == "2025-11-02T05:15"
    assert _next(NEW_YORK, "2025-11-02T05:30+00:00", hours) == "2025-11-02T06:15"
    assert _next(NEW_YORK, "2025-11-02T06:30+00:00", hours) == "2025-11-03T06:15"


def test_clocks_put_back_into_the_hours_begin_them_again() -> None:
    assert _next(NEW_YORK, "2025-11-02T05:45+00:00", '{"*": "00:30-01:30"}') == "2025-11-02T06:00"


def test_the_whole_day_may_be_allowed() -> None:
    hours = parse_hours('{"*": "00:00-24:00"}')
    for hour in range(24):
        at = datetime(2025, 7, 1, hour, 59, 59, 999999, UTC)
        assert next_allowed(RUSSIAN_MOBILE, at, hours) == at


def test_hours_are_read_by_country() -> None:
    hours = parse_hours('{"*": "09:00-20:00", "US": "08:00-24:00"}')
    assert hours.of("GB") == DEFAULT_HOURS
    assert hours.of("US") == DayHours(time(8), time(0))


@pytest.mark.parametrize(
    "hours",
    ["", "9:00-20:00", "09:00", "09:00-25:00", "09:60-20:00", "20:00-09:00", "09:00-09:00", "09:00-00:00", 9, None],
)
def test_hours_that_are_none_or_go_over_midnight_are_refused(hours: object) -> None:
    document = '{"US": %s}' % (f'"{hours}"' if isinstance(hours, str) else str(hours or "null"))
    with pytest.raises(ValueError, match=r"^has hours that"):
        parse_hours(document)


def test_the_table_of_places_is_loaded_when_it_is_first_needed() -> None:
    code = "import sys, shared.rules.quiet_hours; sys.exit('phonenumbers.tzdata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_place_has_its_clock() -> None:
    from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: PLC0415  # large, for this test only

    places = {place for zones in TIMEZONE_DATA.values() for place in zones}
    assert len(places) > 200
    assert all(ZoneInfo(place).key == place for place in places)
