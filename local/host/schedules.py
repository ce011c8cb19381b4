"""When a timer runs: an NCRONTAB expression or a TimeSpan.

Source: learn.microsoft.com, "Timer trigger for Azure Functions", NCRONTAB expressions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from local.host.errors import FunctionError
from local.host.timespans import parse_timespan

# cronsim also reads L, W, # and 7 for Sunday; NCrontab does not.
_DIGITS = r"[0-9*/,\-]"
_MONTH = rf"(?:{_DIGITS}|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+"
_DAY = rf"(?!7|\S*[,\-]7)(?:{_DIGITS}|SUN|MON|TUE|WED|THU|FRI|SAT)+"
_NCRONTAB = re.compile(rf"{_DIGITS}+(?: {_DIGITS}+){{2,3}} {_MONTH} {_DAY}", re.IGNORECASE)


class Schedule(Protocol):
    """What knows the next time a timer runs."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after an aware moment, in UTC."""
        ...

    @property
    def adjusts_for_dst(self) -> bool:
        """Say whether it follows a clock on the wall, as NCRONTAB does."""
        ...


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """An NCRONTAB expression of five or six fields (seconds first), in a time zone."""

    expression: str
    zone: tzinfo
    adjusts_for_dst: bool = True

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after an aware moment, in UTC."""
        return next(_simulate(self.expression, moment.astimezone(self.zone))).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """A TimeSpan: the same pause after each run."""

    interval: timedelta
    adjusts_for_dst: bool = False

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment one interval later, in UTC."""
        return moment.astimezone(UTC) + self.interval


def _simulate(expression: str, moment: datetime) -> CronSim:
    simulation = CronSim(expression, moment)
    # Where both day fields are restricted, NCrontab wants both to fit; Debian's cron wants either.
    simulation.day_and = True
    return simulation


def parse_schedule(text: str, zone_name: str | None = None) -> Schedule:
    """Read a timer's schedule. `zone_name` is an IANA zone, UTC if None. Nonsense is a `FunctionError`."""
    interval = parse_timespan(text)
    if interval is not None and interval > timedelta(0):
        return IntervalSchedule(interval)
    expression = " ".join(text.split())
    schedule = CronSchedule(expression, _zone(zone_name))
    if not _NCRONTAB.fullmatch(expression) or not _occurs(schedule):
        raise FunctionError(f"The schedule expression '{text}' was not recognized as NCRONTAB or TimeSpan.")
    return schedule


def _occurs(schedule: CronSchedule) -> bool:
    try:
        schedule.next_after(datetime.now(UTC))
    except (CronSimError, StopIteration):
        return False
    return True


def _zone(name: str | None) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name.removeprefix(":"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise FunctionError(f"The time zone '{name}' is not known.") from error
