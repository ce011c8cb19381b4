"""The webhook of an application that does not exist: takes what the app posts, checks the signature, and keeps it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import deque

from aiohttp import web

from local.carrier.changes import Changes
from local.carrier.events import Json

KEPT = 50_000
PATH = "/webhooks/app"
SECRET = "whsec_" + base64.b64encode(b"local webhook: for development only").decode()
# What Standard Webhooks recommends.
_TOLERANCE_S = 300


class AppWebhook:
    """The notices taken, oldest first."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._taken: deque[Json] = deque(maxlen=KEPT)

    def add(self, notice: Json) -> None:
        """Keep a notice."""
        self._taken.append(notice)
        self._changes.bump()

    def all(self) -> list[Json]:
        """Return the notices kept."""
        return list(self._taken)

    def clear(self) -> None:
        """Forget all."""
        self._taken.clear()


async def take(request: web.Request, webhook: AppWebhook) -> web.Response:
    """Take one notice: 204, or 401 for one that is not signed, or signed too long ago."""
    body = await request.read()
    notice_id = request.headers.get("webhook-id", "")
    if not _is_signed(notice_id, request.headers.get("webhook-timestamp", ""), request, body):
        return web.Response(status=401)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return web.Response(status=400)
    webhook.add({"id": notice_id, "notice": told})
    return web.Response(status=204)


def _is_signed(notice_id: str, sent_at: str, request: web.Request, body: bytes) -> bool:
    if not sent_at.isdecimal() or len(sent_at) > 12 or abs(time.time() - int(sent_at)) > _TOLERANCE_S:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = b".".join([notice_id.encode(), sent_at.encode(), body])
    wanted = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = request.headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(), wanted) for one in given)
