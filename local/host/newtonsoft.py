"""What happens to the dates in an event: .NET's Newtonsoft.Json reads ISO dates as dates, and writes them its own way.

Source: Newtonsoft.Json, `DateTimeUtils` and `DateTimeParser`, at the defaults (`DateParseHandling.DateTime`,
`DateTimeZoneHandling.RoundtripKind`) with which the Event Grid extension calls `JToken.Parse`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

_ISO_DATE = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,7}))?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def reparse(value: object) -> object:
    """Return a JSON value with its ISO date strings rewritten, wherever in it they are. Names stay as they are."""
    if isinstance(value, str):
        return _rewrite(value)
    if isinstance(value, list):
        return [reparse(one) for one in value]
    if isinstance(value, dict):
        return {name: reparse(one) for name, one in value.items()}
    return value


def event_text(event: object) -> str:
    """Return the JSON text of an event as the function gets it."""
    return json.dumps(reparse(event), ensure_ascii=False, separators=(",", ":"))


def _rewrite(text: str) -> str:
    match = _ISO_DATE.fullmatch(text)
    if match is None:
        return text
    try:
        moment, zone = _to_host_zone(datetime.fromisoformat(match["moment"]), match["zone"] or "")
    except (ValueError, OverflowError):
        return text
    fraction = (match["fraction"] or "").rstrip("0")
    whole = moment.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{whole}{'.' + fraction if fraction else ''}{zone}"


def _to_host_zone(moment: datetime, zone: str) -> tuple[datetime, str]:
    """Keep UTC and zoneless times; move one with an offset to the zone of this machine."""
    if zone in {"", "Z", "z"}:
        return moment, zone.upper()
    sign = -1 if zone[0] == "-" else 1
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    there = timezone(sign * timedelta(hours=hours, minutes=minutes))
    local = moment.replace(tzinfo=there).astimezone(UTC).astimezone()
    return local, local.isoformat()[-6:]
