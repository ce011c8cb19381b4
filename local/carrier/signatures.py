"""HMAC-SHA256 request signatures as Azure Communication Services checks them (REST reference, "Authentication")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.carrier.dates import parse_http_date

SKEW = timedelta(minutes=5)
"""How far `x-ms-date` may be off. The service's own tolerance is not documented."""

_AUTHORIZATION = re.compile(r"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers, as received: target and body are not decoded."""

    method: str
    target: str
    host: str
    date: str
    content_hash: str
    authorization: str
    body: bytes


def sign(key: bytes, method: str, target: str, date: str, host: str, content_hash: str) -> str:
    """Return the base64 signature of a request with the given base64 hash of its body."""
    signed = f"{method}\n{target}\n{date};{host};{content_hash}"
    return base64.b64encode(hmac.digest(key, signed.encode(), "sha256")).decode()


def hash_of(body: bytes) -> str:
    """Return the base64 SHA-256 of a body, as `x-ms-content-sha256` carries it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def is_valid(request: SignedRequest, key: bytes, now: datetime) -> bool:
    """Tell whether hash, signature and date hold. The same signature may come again: SDKs repeat it on retries."""
    given = _AUTHORIZATION.fullmatch(request.authorization)
    if given is None or not _is_recent(request.date, now) or request.content_hash != hash_of(request.body):
        return False
    expected = sign(key, request.method, request.target, request.date, request.host, request.content_hash)
    return hmac.compare_digest(expected, given[1])


def _is_recent(date: str, now: datetime) -> bool:
    parsed = parse_http_date(date)
    return parsed is not None and abs(now.astimezone(UTC) - parsed) <= SKEW
