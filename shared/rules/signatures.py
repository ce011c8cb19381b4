"""Signatures of webhooks: HMAC-SHA256 over id, time and body.

The scheme is that of Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks (spec, "Signature
scheme"): secrets are `whsec_` and 24 to 64 bytes in base64; while secrets are exchanged, each signs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64


def parse_secrets(written: str) -> tuple[bytes, ...]:
    """Return the secrets of a list with blanks between them; ValueError, without the value, if one is not a secret."""
    return tuple(_parse_secret(one) for one in written.split())


def _parse_secret(written: str) -> bytes:
    if not written.startswith(_PREFIX):
        raise ValueError("each secret must begin with whsec_")
    try:
        secret = base64.b64decode(written.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("each secret must be base64 behind whsec_") from None
    if not _SHORTEST <= len(secret) <= _LONGEST:
        raise ValueError(f"each secret must be {_SHORTEST} to {_LONGEST} bytes, as base64 behind whsec_")
    return secret


def signature_headers(secrets: Sequence[bytes], delivery_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove a body sent at `at_s` (seconds since 1970): one signature for each secret."""
    signed = b".".join((delivery_id.encode(), str(at_s).encode(), body))
    signatures = (base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }
