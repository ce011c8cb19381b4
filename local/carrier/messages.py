"""The accepted messages, indexed by message id, repeatability id and recipient."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

from local.carrier.segments import Size

KEPT = 200_000
"""Messages kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report as it stands: what `GET /deliveryReports/{id}` answers."""

    code: str
    status: str
    details: str
    attempted_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One text to one recipient that was accepted with a 202 of its own."""

    message_id: str
    repeatability_id: str | None
    sender: str
    recipient: str
    text: str
    tag: str | None
    report_wanted: bool
    report_timeout_s: int | None
    accepted_at: datetime
    size: Size
    request_count: int = 1
    report: Report | None = None
    report_sent_at: datetime | None = None


class Messages:
    """The store. Every look-up is by key; none scans."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._by_id: OrderedDict[str, Message] = OrderedDict()
        self._id_by_repeatability: dict[str, str] = {}
        self._ids_by_recipient: dict[str, dict[str, None]] = {}

    def add(self, message: Message) -> None:
        """Keep a new message, and drop the oldest when there are too many."""
        self._by_id[message.message_id] = message
        if message.repeatability_id is not None:
            self._id_by_repeatability[message.repeatability_id.lower()] = message.message_id
        self._ids_by_recipient.setdefault(message.recipient, {})[message.message_id] = None
        if len(self._by_id) > self._kept:
            self._forget(self._by_id.popitem(last=False)[1])

    def get(self, message_id: str) -> Message | None:
        """Return the message with this id."""
        return self._by_id.get(message_id)

    def repeat(self, repeatability_id: str) -> Message | None:
        """Count one more request with this repeatability id and return its first message, or None if it is new."""
        message_id = self._id_by_repeatability.get(repeatability_id.lower())
        if message_id is None:
            return None
        first = self._by_id[message_id]
        self._by_id[message_id] = replace(first, request_count=first.request_count + 1)
        return first

    def settle(self, message: Message, report: Report, sent_at: datetime | None) -> Message:
        """Store a report of a kept message, with the time at which its event was raised."""
        settled = replace(message, report=report, report_sent_at=sent_at)
        self._by_id[message.message_id] = settled
        return settled

    def to(self, recipient: str) -> list[Message]:
        """Return the messages to one recipient, oldest first."""
        return [self._by_id[message_id] for message_id in self._ids_by_recipient.get(recipient, ())]

    def all(self) -> list[Message]:
        """Return all messages, oldest first, as they are now."""
        return list(self._by_id.values())

    def clear(self) -> None:
        """Forget all."""
        self._by_id.clear()
        self._id_by_repeatability.clear()
        self._ids_by_recipient.clear()

    def _forget(self, message: Message) -> None:
        if message.repeatability_id is not None:
            self._id_by_repeatability.pop(message.repeatability_id.lower(), None)
        ids = self._ids_by_recipient[message.recipient]
        del ids[message.message_id]
        if not ids:
            del self._ids_by_recipient[message.recipient]
