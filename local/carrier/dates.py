"""HTTP dates (RFC 9110 §5.6.7, the RFC 1123 form)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


# A hundred recipients of a request carry the same date, and strptime is slow.
@lru_cache(maxsize=256)
def parse_http_date(value: str) -> datetime | None:
    """Return the moment of `Tue, 26 Mar 2019 16:06:51 GMT`, or None when it is not of that form."""
    try:
        return datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
