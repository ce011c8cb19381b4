"""The .NET TimeSpan text that host.json and timer schedules use."""

from __future__ import annotations

import re
from datetime import timedelta

_TIMESPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?"
)


def parse_timespan(text: str) -> timedelta | None:
    """Read `[d.]hh:mm[:ss[.fffffff]]`; return None for anything else."""
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(match[part] or 0) for part in ("hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    fraction = timedelta(microseconds=int((match["fraction"] or "").ljust(7, "0")) // 10)
    whole = timedelta(days=int(match["days"] or 0), hours=hours, minutes=minutes, seconds=seconds)
    return whole + fraction
