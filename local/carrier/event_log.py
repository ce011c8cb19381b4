"""Every event raised, with the attempts to deliver it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from local.carrier.events import Event

KEPT = 50_000


class DeliveryState(StrEnum):
    """How far Event Grid came with an event. One that no subscription wants is dropped at once."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD_LETTERED = "deadLettered"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery attempt: a status, or the error that took its place."""

    at: datetime
    http_status: int | None
    error: str | None


@dataclass(slots=True)
class EventRecord:
    """An event, the name of the subscription it goes to, and what became of it."""

    event: Event
    subscription: str | None
    raised_s: float
    state: DeliveryState = DeliveryState.PENDING
    attempts: list[Attempt] = field(default_factory=list)
    tries: int = 0


class EventLog:
    """The newest events, oldest first, found by event id."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, EventRecord] = OrderedDict()

    def add(self, record: EventRecord) -> None:
        """Keep one event; the oldest goes when there are too many."""
        self._records[record.event.id] = record
        if len(self._records) > KEPT:
            self._records.popitem(last=False)

    def get(self, event_id: str) -> EventRecord | None:
        """Return the event with this id."""
        return self._records.get(event_id)

    def all(self) -> list[EventRecord]:
        """Return the events kept."""
        return list(self._records.values())

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
