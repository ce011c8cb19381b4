"""When a recipient may be texted: by day, at the recipient's own place.

The place comes from the number (libphonenumber's prefixes). A mobile number may stand for a whole country and so
for several time zones: the hour must be allowed in all of them. Where the zones are so far apart that no hour is
(the numbers of +1 that belong to no area), it must be allowed in as many as can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from shared.rules.countries import ByCountry, parse_by_country
from shared.rules.phone_numbers import country_of

# Satellite phones and the like have no place.
_NOWHERE = ("UTC",)
_UNKNOWN = "Etc/Unknown"
_MIDNIGHT = time(0)
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(24:00|(?:[01][0-9]|2[0-3]):[0-5][0-9])")
# Every zone opens in this time, though a change of the clocks may skip a short window of one day.
_SEARCHED = timedelta(days=3)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class DayHours:
    """The time of day from `start` up to, not including, `end`; an end of 00:00 is the end of the day.

    Raises:
        ValueError: for hours that end before they begin, over midnight as well.
    """

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.end != _MIDNIGHT and self.start >= self.end:
            raise ValueError("has hours that do not end later on the same day")

    def hold(self, local: time) -> bool:
        """Tell whether the time on the clock of a place is in the hours."""
        return self.start <= local and (self.end == _MIDNIGHT or local < self.end)


DEFAULT_HOURS = DayHours(time(9), time(20))


def places_of(e164: str) -> tuple[str, ...]:
    """Return the IANA time zones that the number may be in, never none.

    A number of no known range counts for the zones of the longest prefix that is known, at worst its country code;
    a number of no place, such as +870, for UTC.
    """
    # Loading its table takes a quarter of a second, which an app without quiet hours need not spend.
    from phonenumbers import timezone  # noqa: PLC0415

    number = phonenumbers.parse(e164, None)
    for zones in (timezone.time_zones_for_number(number), timezone.time_zones_for_geographical_number(number)):
        if _UNKNOWN not in zones:
            return tuple(zones)
    return _NOWHERE


def next_allowed(e164: str, at: datetime, hours: ByCountry[DayHours]) -> datetime:
    """Return the first moment from `at` on, in UTC, at which this number may be texted; `at` itself if it may.

    A country without hours of its own, and without any under `*`, has the DEFAULT_HOURS.

    Args:
        e164: the recipient.
        at: an aware time.
        hours: the allowed hours of the countries.
    """
    return next_allowed_at(places_of(e164), country_of(e164), at, hours)


def next_allowed_at(places: tuple[str, ...], country: str | None, at: datetime, hours: ByCountry[DayHours]) -> datetime:
    """Return what `next_allowed` does for the numbers of a country that may be in these time zones."""
    return _next_open(places, hours.of(country) or DEFAULT_HOURS, at.astimezone(UTC))


def parse_hours(text: str) -> ByCountry[DayHours]:
    """Return the hours in a JSON object such as `{"*": "09:00-20:00", "US": "08:00-21:00"}`.

    `00:00-24:00` allows the whole day.

    Raises:
        ValueError: not such an object, an unknown country, or hours that are none or go over midnight.
    """
    return parse_by_country(text, parse_day_hours)


def parse_day_hours(value: object) -> DayHours:
    """Return the hours of a text such as `09:00-20:00`; ValueError for anything else."""
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('has hours that are none: write them like "09:00-20:00"')
    end = _MIDNIGHT if found[3] == "24:00" else time.fromisoformat(found[3])
    if end == _MIDNIGHT and found[3] != "24:00":
        raise ValueError("has hours that do not end later on the same day: midnight is 24:00")
    return DayHours(time(int(found[1]), int(found[2])), end)


# The recipients of a campaign are many, their zones few, and the time of the question one.
@lru_cache(maxsize=1024)
def _next_open(places: tuple[str, ...], hours: DayHours, at: datetime) -> datetime:
    zones = [ZoneInfo(place) for place in places]
    if all(_is_open(zone, hours, at) for zone in zones):
        return at
    moments = sorted({at, *(moment for zone in zones for moment in _openings(zone, hours, at))})
    return _most_open(zones, hours, moments)


def _most_open(zones: Sequence[ZoneInfo], hours: DayHours, moments: Sequence[datetime]) -> datetime:
    """Return the first of the moments at which the most zones are open."""
    return max(moments, key=lambda moment: sum(_is_open(zone, hours, moment) for zone in zones))


def _is_open(zone: ZoneInfo, hours: DayHours, moment: datetime) -> bool:
    return hours.hold(moment.astimezone(zone).time())


def _openings(zone: ZoneInfo, hours: DayHours, at: datetime) -> Iterator[datetime]:
    """Give every moment after `at` at which the zone may become open, and perhaps others at which it does not.

    That is at the first of the hours, which the clocks may show twice on a day, or when they are changed.
    """
    today = at.astimezone(zone).date()
    for day in range(_SEARCHED.days):
        start = datetime.combine(today + timedelta(days=day), hours.start, zone)
        for moment in {start.astimezone(UTC), start.replace(fold=1).astimezone(UTC)}:
            if moment > at:
                yield moment
        morning = at + timedelta(days=day)
        if morning.astimezone(zone).utcoffset() != (morning + timedelta(days=1)).astimezone(zone).utcoffset():
            yield _change(zone, morning, morning + timedelta(days=1))


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the second at which the zone's clocks are changed between two moments."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
