"""Recipient limits: how many texts of callers one person may get within an hour, over all instances.

A row for each recipient remembers the last texts by their ids, so a request that is repeated counts once. It is
looked at as of the time at which the request was accepted first: a repeat is judged the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, scan
from shared.rules.ids import HOUR_MS, Send, recipient_key, to_ms

_ROW = "recent"
_AT_ONCE = 16


class RecipientLimits:
    """The last texts to each recipient in their table; `per_hour` 0 is no limit."""

    def __init__(self, table: Table, clock: Clock, per_hour: int) -> None:
        self._table = table
        self._clock = clock
        self._per_hour = per_hour

    async def over(self, send: Send, numbers: Sequence[str]) -> frozenset[str]:
        """Count a text to each of these numbers, and return those that have had as many as they may."""
        if not self._per_hour:
            return frozenset()
        admitted = await asyncio.gather(*(self._admit(send, number) for number in numbers))
        return frozenset(number for number, may in zip(numbers, admitted, strict=True) if not may)

    async def forget(self, send: Send, numbers: Sequence[str]) -> None:
        """Count the texts of this request no more: nothing came of it."""
        if self._per_hour:
            await asyncio.gather(*(self._forget(send, number) for number in numbers))

    async def clear(self) -> int:
        """Delete the rows of those who have had no text within an hour; return how many."""
        before_ms = to_ms(self._clock.now()) - HOUR_MS
        rows = scan(self._table, Range(), ("lastMs",))
        over = [entity async for entity in rows if int(entity.values["lastMs"]) < before_ms]
        for start in range(0, len(over), _AT_ONCE):
            await asyncio.gather(*(self._delete(one) for one in over[start : start + _AT_ONCE]))
        return len(over)

    async def _admit(self, send: Send, number: str) -> bool:
        text = send.repeatability_id(number)
        while True:
            stored, texts = await self._read(number)
            if text in texts:
                return True
            recent = {one: at for one, at in texts.items() if at > send.accepted_ms - HOUR_MS}
            if len(recent) >= self._per_hour:
                return False
            if await self._write(number, stored, recent | {text: send.accepted_ms}):
                return True

    async def _forget(self, send: Send, number: str) -> None:
        text = send.repeatability_id(number)
        while True:
            stored, texts = await self._read(number)
            if text not in texts:
                return
            if await self._write(number, stored, {one: at for one, at in texts.items() if one != text}):
                return

    async def _read(self, number: str) -> tuple[Entity | None, dict[str, int]]:
        stored = await self._table.get(recipient_key(number), _ROW)
        return stored, dict(json.loads(str(stored.values["texts"]))) if stored else {}

    async def _write(self, number: str, stored: Entity | None, texts: dict[str, int]) -> bool:
        values: dict[str, Value] = {
            "texts": json.dumps(texts, separators=(",", ":")),
            "lastMs": max(texts.values(), default=0),
        }
        entity = Entity(recipient_key(number), _ROW, values, stored.etag if stored else "")
        try:
            await (self._table.replace(entity) if stored else self._table.insert(entity))
        except (EntityExists, EntityChanged):
            return False
        return True

    async def _delete(self, entity: Entity) -> None:
        try:
            await self._table.delete(entity.partition, entity.row, entity.etag)
        except EntityChanged:
            return
