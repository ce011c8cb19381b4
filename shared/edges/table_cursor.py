"""The cursor of a page: where the next one begins, as an opaque string that fits in a URL."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from shared.rules.errors import InvalidRequest

MAX_CURSOR = 8192


class Position(NamedTuple):
    """The keys at which the store goes on; no row is the first of the partition. The real store encodes them."""

    partition: str
    row: str | None


def encode_cursor(position: Position) -> str:
    """Return the position as unpadded base64url."""
    return urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Position:
    """Return the position that `encode_cursor` was given; InvalidRequest if the cursor is not one of ours."""
    if len(cursor) > MAX_CURSOR:
        raise bad_cursor()
    try:
        decoded = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise bad_cursor() from None
    match decoded:
        case [str() as partition, (str() | None) as row]:
            return Position(partition, row)
        case _:
            raise bad_cursor()


def bad_cursor() -> InvalidRequest:
    """Return the error that says what to do about a cursor that is not ours."""
    return InvalidRequest(
        "skipToken is not one that this service gave out. Begin again without it.",
        code="InvalidSkipToken",
        target="skipToken",
    )
