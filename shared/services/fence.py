"""The fence: who may not be texted, read at once before a request goes out (invariant I1).

Reading each recipient's row costs one call per recipient. For many recipients the fence keeps a snapshot of all
opt-outs and asks with one query who may have left since it was taken; only those, and those that the snapshot holds,
are read one by one. So what it says is never older than the moment at which it was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ports.clock import Clock
from shared.rules.ids import recipient_key
from shared.services.opt_outs import OptOuts

_FEW = 5
_SNAPSHOT_AGE = timedelta(minutes=10)
_SNAPSHOT_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Reading:
    """Who has opted out of a sender, and when the reading began."""

    blocked: frozenset[str]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class _Snapshot:
    keys: frozenset[str]
    taken_at: datetime
    complete: bool


class Fence:
    """Reads opt-outs, one by one for a few recipients, by the snapshot for many."""

    def __init__(self, opt_outs: OptOuts, clock: Clock) -> None:
        self._opt_outs = opt_outs
        self._clock = clock
        self._snapshot: _Snapshot | None = None
        self._taking = asyncio.Lock()

    async def read(self, sender: str, recipients: Sequence[str]) -> Reading:
        """Return which recipients this sender may not text now."""
        if len(recipients) <= _FEW:
            read_at = self._clock.now()
            return Reading(await self._blocked(sender, recipients), read_at)
        snapshot = await self._fresh_snapshot()
        read_at = self._clock.now()
        if not snapshot.complete:
            return Reading(await self._blocked(sender, recipients), read_at)
        suspects = snapshot.keys | await self._opt_outs.left_since(snapshot.taken_at)
        asked = [recipient for recipient in recipients if recipient_key(recipient) in suspects]
        return Reading(await self._blocked(sender, asked), read_at)

    async def _blocked(self, sender: str, recipients: Sequence[str]) -> frozenset[str]:
        standings = await asyncio.gather(*(self._opt_outs.standing(recipient) for recipient in recipients))
        return frozenset(standing.recipient for standing in standings if standing.blocks(sender))

    async def _fresh_snapshot(self) -> _Snapshot:
        async with self._taking:
            now = self._clock.now()
            if self._snapshot is None or now - self._snapshot.taken_at > _SNAPSHOT_AGE:
                keys = await self._opt_outs.keys(_SNAPSHOT_LIMIT)
                self._snapshot = _Snapshot(keys or frozenset(), now, complete=keys is not None)
            return self._snapshot
