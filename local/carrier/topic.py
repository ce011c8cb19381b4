"""The custom Event Grid topic to which the app relays: it takes events and keeps them in order."""

from __future__ import annotations

import hmac
import json
from collections import deque

from aiohttp import web

from local.carrier.changes import Changes
from local.carrier.events import Json

KEPT = 50_000
MAX_BYTES = 1_048_576
"""Event Grid's limit for a publish request."""

PATH = "/topics/relay/api/events"

_EVENT_GRID_FIELDS = ("id", "subject", "eventType", "eventTime", "dataVersion")
_CLOUD_EVENT_FIELDS = ("id", "source", "type", "specversion")


class BadEventsError(Exception):
    """What was published are no events; the message says why and quotes nothing."""


class Topic:
    """The events taken, oldest first."""

    def __init__(self, key: str, changes: Changes) -> None:
        self.key = key
        self._changes = changes
        self._events: deque[Json] = deque(maxlen=KEPT)

    def add(self, events: list[Json]) -> None:
        """Keep events in their order."""
        self._events.extend(events)
        self._changes.bump()

    def all(self) -> list[Json]:
        """Return the events kept."""
        return list(self._events)

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()


async def publish(request: web.Request, topic: Topic) -> web.Response:
    """Take an Event Grid array, a CloudEvents batch or one CloudEvent; all of them or none."""
    if not hmac.compare_digest(request.headers.get("aeg-sas-key", "").encode(), topic.key.encode()):
        return _refused(401, "Unauthorized", "The aeg-sas-key header does not hold the key of this topic.")
    raw = await request.read()
    if len(raw) > MAX_BYTES:
        return _refused(413, "PayloadTooLarge", f"The request is larger than {MAX_BYTES} bytes.")
    try:
        events = _events_in(raw, request.content_type)
    except BadEventsError as error:
        return _refused(400, "BadRequest", str(error))
    topic.add(events)
    return web.Response(status=200)


def _events_in(raw: bytes, content_type: str) -> list[Json]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadEventsError("The body is not valid JSON.") from None
    if content_type == "application/cloudevents+json":
        body = [body]
    if not isinstance(body, list):
        raise BadEventsError("The body must be an array of events.")
    for event in body:
        _check(event, cloud=content_type.startswith("application/cloudevents"))
    return body


def _check(event: object, *, cloud: bool) -> None:
    if not isinstance(event, dict):
        raise BadEventsError("An event must be an object.")
    missing = [
        name for name in (_CLOUD_EVENT_FIELDS if cloud else _EVENT_GRID_FIELDS) if not isinstance(event.get(name), str)
    ]
    if missing:
        raise BadEventsError(f"An event lacks: {', '.join(missing)}.")


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
