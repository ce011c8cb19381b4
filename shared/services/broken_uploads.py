"""Broken uploads: campaigns whose storing broke off, which were never accepted, and whose rows nobody reads.

Their rows hold numbers and texts. A repeat of the request stores all of them anew, so they may go at any time at which
nobody is storing them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, Range, Table, scan
from shared.rules.ids import to_ms
from shared.services.campaigns import CAMPAIGN, INDEX, RUNNING, index_row

# A worker gives up storing a campaign after less than a minute.
_BROKEN_AFTER = timedelta(hours=1)
_AT_ONCE = 16


class BrokenUploads:
    """Deletes what broken uploads left; `table` is that of the campaigns."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def clear(self) -> int:
        """Delete the rows of uploads that broke off an hour ago or earlier; return how many uploads that were."""
        before_ms = to_ms(self._clock.now() - _BROKEN_AFTER)
        count = 0
        async for begun in scan(self._table, Range(RUNNING)):
            if int(begun.values.get("begunMs", 0)) < before_ms:
                count += await self._clear(begun)
        return count

    async def _clear(self, begun: Entity) -> bool:
        if await self._table.get(begun.row, CAMPAIGN):
            return False
        index = await self._table.get(INDEX, index_row(begun.row, int(begun.values.get("createdMs", 0))))
        left = [index] if index else []
        left += [_key_of(entity) async for entity in scan(self._table, Range(begun.row))]
        try:
            # A repeat writes this row first. So if it is still the same, the ETags above are older than any repeat,
            # and no row of a repeat can be deleted by them.
            await self._must_be(begun)
            for start in range(0, len(left), _AT_ONCE):
                await self._delete(left[start : start + _AT_ONCE])
            await self._delete([begun])
        except EntityChanged:
            return False
        return True

    async def _must_be(self, begun: Entity) -> None:
        now = await self._table.get(begun.partition, begun.row)
        if now is None or now.etag != begun.etag:
            raise EntityChanged

    async def _delete(self, entities: Sequence[Entity]) -> None:
        await asyncio.gather(*(self._table.delete(one.partition, one.row, one.etag) for one in entities))


def _key_of(entity: Entity) -> Entity:
    return Entity(entity.partition, entity.row, etag=entity.etag)
