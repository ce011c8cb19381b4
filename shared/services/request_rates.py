"""Request rates: how many requests a minute each caller may make, over all instances."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Table
from shared.rules.errors import TooManyRequests
from shared.rules.ids import to_ms
from shared.rules.request_rate import next_call

_ROW = "rate"


class RequestRates:
    """When each caller's next request is due, in a table; `per_minute` 0 is no limit."""

    def __init__(self, table: Table, clock: Clock, per_minute: int) -> None:
        self._table = table
        self._clock = clock
        self._per_minute = per_minute
        # One at a time in a process: they would only make each other's writes fail, and begin again.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._known: dict[str, Entity] = {}

    async def admit(self, caller: str) -> None:
        """Count a request of this caller.

        Raises:
            TooManyRequests: it comes too soon; it says when to repeat it.
        """
        if not self._per_minute:
            return
        async with self._turns[caller]:
            while not await self._try(caller):
                self._known.pop(caller, None)

    async def _try(self, caller: str) -> bool:
        known = self._known.get(caller) or await self._table.get(caller, _ROW)
        due_us = int(known.values["dueUs"]) if known else 0
        due_us, wait_us = next_call(due_us, to_ms(self._clock.now()) * 1000, self._per_minute)
        if wait_us:
            raise TooManyRequests(
                f"You may make {self._per_minute} requests a minute. Repeat this one later.",
                retry_after_s=-(-wait_us // 1_000_000),
            )
        entity = Entity(caller, _ROW, {"dueUs": str(due_us)}, known.etag if known else "")
        try:
            etag = await (self._table.replace(entity) if known else self._table.insert(entity))
        except (EntityExists, EntityChanged):
            return False
        self._known[caller] = Entity(caller, _ROW, entity.values, etag)
        return True
