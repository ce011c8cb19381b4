"""Kept events: what came in and fits nothing here. Kept for a person to look at, never answered with an error."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.tables import Entity, Table, Value
from shared.rules.ids import digest, to_ms

_LOG = logging.getLogger(__name__)
_BODY_LIMIT = 30_000


@dataclass(frozen=True, slots=True)
class StrangeEvent:
    """An event that could not be used: what it said, whole, and why it was of no use."""

    id: str
    type: str
    body: str
    why: str


class KeptEvents:
    """The kept events in their table; the same event is kept once."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def keep(self, event: StrangeEvent) -> str:
        """Store the event, note it in the log without anything of its content, and return its row key."""
        row = digest("event", event.type, event.id, event.body)
        values: dict[str, Value] = {
            "type": event.type[:256],
            "eventId": event.id[:256],
            "why": event.why,
            "body": event.body[:_BODY_LIMIT],
            "keptMs": to_ms(self._clock.now()),
        }
        await self._table.upsert(Entity(row[:2], row, values))
        _LOG.warning("Kept an event that is of no use here: %s", event.why)
        return row
