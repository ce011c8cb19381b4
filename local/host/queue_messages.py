"""What a queue-triggered function gets: the text of the message, and facts about it that its own body may override."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.functions.meta import Datum

from local.host.invocation import TriggerData


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What the queue says of a message."""

    message_id: str
    dequeue_count: int
    inserted_at: datetime
    expires_at: datetime
    next_visible_at: datetime
    pop_receipt: str


def decode_text(content: str, *, is_base64: bool) -> str | None:
    """Return the text that a message carries, or None if it should be base64 and is not."""
    if not is_base64:
        return content
    try:
        return base64.b64decode(content, validate=True).decode("utf-8", errors="replace")
    except (binascii.Error, ValueError):
        return None


def encode_text(text: str, *, is_base64: bool) -> str:
    """Return the content to send so that a text arrives."""
    return base64.b64encode(text.encode()).decode() if is_base64 else text


def trigger_data(text: str, facts: MessageFacts, reason: str) -> TriggerData:
    """Describe a message as the extension does.

    Top-level names of a JSON body replace the facts of the same name, ignoring case: a body with an `id` changes
    `msg.id` (azure-functions-host, `Utility.ApplyBindingData`; azure-functions-python-worker issue #1373).
    """
    metadata = {
        "QueueTrigger": Datum(text, "string"),
        "Id": Datum(facts.message_id, "string"),
        "DequeueCount": Datum(facts.dequeue_count, "int"),
        "InsertionTime": _moment(facts.inserted_at),
        "ExpirationTime": _moment(facts.expires_at),
        "NextVisibleTime": _moment(facts.next_visible_at),
        "PopReceipt": Datum(facts.pop_receipt, "string"),
    }
    spelling = {name.lower(): name for name in metadata}
    for name, value in _body(text).items():
        if value is not None:
            metadata[spelling.setdefault(name.lower(), name)] = _datum(value)
    return TriggerData(Datum(text, "string"), reason, metadata)


def _moment(moment: datetime) -> Datum:
    return Datum(moment.isoformat(), "string")


def _body(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _datum(value: object) -> Datum:
    return Datum(value, "string") if isinstance(value, str) else Datum(json.dumps(value), "json")
