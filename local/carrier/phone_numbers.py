"""Phone numbers and sender ids, as strictly as the service reads them."""

from __future__ import annotations

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NORTH_AMERICAN = re.compile(r"\+1[0-9]{10}")
_SHORT_CODE = re.compile(r"[0-9]{5,6}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")


def is_e164(value: str) -> bool:
    """Tell whether this is a number in E.164 form; +1 needs exactly ten more digits, as in the service."""
    if value.startswith("+1"):
        return _NORTH_AMERICAN.fullmatch(value) is not None
    return _E164.fullmatch(value) is not None


def is_sender(value: str) -> bool:
    """Tell whether this has the form of a sender: E.164, a 5 to 6 digit short code, or an alphanumeric id."""
    return is_e164(value) or _SHORT_CODE.fullmatch(value) is not None or _ALPHANUMERIC.fullmatch(value) is not None
