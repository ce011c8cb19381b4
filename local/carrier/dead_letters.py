"""Events that could not be delivered, in memory and, when a folder is given, as Event Grid's blobs."""

from __future__ import annotations

import json
import logging
from collections import deque
from pathlib import Path

from local.carrier.clock import to_ticks, utc_now
from local.carrier.event_log import EventRecord
from local.carrier.events import Json
from local.carrier.ids import new_guid
from local.carrier.trouble import Schema

KEPT = 50_000

_log = logging.getLogger(__name__)

_OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "RequestEntityTooLarge",
    429: "Busy",
    503: "Busy",
}


class DeadLetters:
    """The dead letters, oldest first."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._letters: deque[Json] = deque(maxlen=KEPT)

    def add(self, record: EventRecord, reason: str) -> None:
        """Keep an event together with why it is here."""
        letter = {**record.event.body, **_properties(record, reason)}
        self._letters.append(letter)
        if self._folder is not None:
            self._write(self._folder, record.subscription or "", letter)

    def all(self) -> list[Json]:
        """Return the dead letters kept."""
        return list(self._letters)

    def clear(self) -> None:
        """Forget those in memory; files stay."""
        self._letters.clear()

    def _write(self, folder: Path, subscription: str, letter: Json) -> None:
        now = utc_now()
        # Event Grid's own path: upper-case name, then year, month, day and hour without leading zeros.
        place = folder / "dead-letters" / subscription.upper() / f"{now.year}/{now.month}/{now.day}/{now.hour}"
        try:
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{new_guid()}.json").write_text(json.dumps([letter]), encoding="utf-8")
        except OSError as error:
            _log.warning("A dead letter could not be written: %s", error.strerror)


def reason_for(status: int) -> str:
    """Return `deadLetterReason` for a status that is never retried."""
    return f"UndeliverableDueToHttp{_OUTCOMES[status]}"


def _properties(record: EventRecord, reason: str) -> Json:
    last = record.attempts[-1]
    properties: Json = {
        "deadLetterReason": reason,
        "deliveryAttempts": record.tries,
        "lastDeliveryOutcome": _outcome(last.http_status, last.error),
        "publishTime": to_ticks(record.event.raised_at),
        "lastDeliveryAttemptTime": to_ticks(last.at),
    }
    if last.http_status is not None:
        properties["lastHttpStatusCode"] = last.http_status
    if record.event.schema is Schema.CLOUD_EVENTS:
        return {key.lower(): value for key, value in properties.items()}
    return properties


def _outcome(status: int | None, error: str | None) -> str:
    if status is None:
        return error or "SocketError"
    return _OUTCOMES.get(status, "GenericError")
