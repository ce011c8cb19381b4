"""What makes a recipient's repeatability id usable."""

from __future__ import annotations

import re

from local.carrier.dates import parse_http_date

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

BAD_DATE = (
    "Request sent with Invalid DateTime value for repeatability-first-sent. Expected is DateTime ,RFC1123 pattern."
)
BAD_ID = "Request sent with Invalid value for repeatability-request-id. Expected is a GUID."


def refusal_of(request_id: str, first_sent: str | None) -> str | None:
    """Return the item's error message, or None when id and date are usable."""
    if first_sent is None or parse_http_date(first_sent) is None:
        return BAD_DATE
    return None if _GUID.fullmatch(request_id) else BAD_ID
