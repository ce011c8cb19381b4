"""When a timer is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.host.errors import FunctionError
from local.host.schedules import parse_schedule
from local.host.timespans import parse_timespan

SUNDAY = datetime(2026, 11, 22, 10, 7, 30, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 */5 * * * *", datetime(2026, 11, 22, 10, 10, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 11, 22, 10, 10, tzinfo=UTC)),
        ("*/10 * * * * *", datetime(2026, 11, 22, 10, 7, 40, tzinfo=UTC)),
        ("30 7 10 * * *", datetime(2026, 11, 23, 10, 7, 30, tzinfo=UTC)),
        ("0 30 9 * Jan Mon", datetime(2027, 1, 4, 9, 30, tzinfo=UTC)),
        ("0 0 0 * * 1-5", datetime(2026, 11, 23, tzinfo=UTC)),
        ("5,8,10 * * * * *", datetime(2026, 11, 22, 10, 8, 5, tzinfo=UTC)),
    ],
)
def test_ncrontab_has_the_seconds_first_and_five_fields_mean_second_zero(expression: str, expected: datetime) -> None:
    assert parse_schedule(expression).next_after(SUNDAY) == expected


def test_two_restricted_day_fields_must_both_fit() -> None:
    friday_the_13th = parse_schedule("0 0 0 13 * 5").next_after(SUNDAY)
    assert (friday_the_13th.day, friday_the_13th.isoweekday()) == (13, 5)


def test_a_schedule_follows_the_time_zone_of_the_app() -> None:
    schedule = parse_schedule("0 0 9 * * *", "America/New_York")
    assert schedule.next_after(SUNDAY) == datetime(2026, 11, 22, 14, tzinfo=UTC)
    assert schedule.adjusts_for_dst


def test_a_timespan_is_the_pause_after_each_run() -> None:
    schedule = parse_schedule("00:00:30")
    assert schedule.next_after(SUNDAY) == SUNDAY + timedelta(seconds=30)
    assert not schedule.adjusts_for_dst


@pytest.mark.parametrize(
    "text",
    ["", "*", "* * * *", "* * * * * * *", "60 * * * * *", "0 0 0 31 2 *", "0 0 0 L * *", "0 0 0 * * 7", "00:00:00"],
)
def test_what_azure_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(FunctionError):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:10:00", timedelta(minutes=10)),
        ("1.02:03:04.5000000", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("01:30", timedelta(hours=1, minutes=30)),
        ("24:00:00", None),
        ("00:60:00", None),
        ("5 minutes", None),
    ],
)
def test_a_timespan_is_read_as_dotnet_writes_it(text: str, expected: timedelta | None) -> None:
    assert parse_timespan(text) == expected
