"""Pauses: for how long a webhook wants to be left alone altogether."""

from __future__ import annotations

from shared.ports.clock import Clock
from shared.ports.tables import Entity, Table
from shared.rules.ids import to_ms

_PARTITION = "pause"


class Pauses:
    """The pauses in their table, one row for each address."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def until_ms(self, target: str) -> int:
        """Return when the pause ends, 0 if there is none now."""
        entity = await self._table.get(_PARTITION, target)
        until_ms = int(entity.values["untilMs"]) if entity else 0
        return until_ms if until_ms > to_ms(self._clock.now()) else 0

    async def begin(self, target: str, until_ms: int) -> None:
        """Leave the target alone until then."""
        await self._table.upsert(Entity(_PARTITION, target, {"untilMs": until_ms}))

    async def end(self, target: str) -> None:
        """Leave the target alone no longer."""
        await self._table.delete(_PARTITION, target)
