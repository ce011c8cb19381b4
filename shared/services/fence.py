"""The fence: who has opted out, read right before a request goes out (invariant I1).

Reading each recipient's row costs one call per recipient. For many recipients a snapshot of all opt-outs is kept, and
one query tells who may have left since it was taken; only those, and those whom the snapshot holds, are read one by
one. So a fence is never older than the moment at which its reading began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.ports.clock import Clock
from shared.rules.errors import StorageUnavailable
from shared.rules.ids import recipient_key
from shared.services.opt_outs import OptOuts

MAX_AGE = timedelta(milliseconds=500)
_TRIES = 4
_FEW = 5
_SNAPSHOT_AGE = timedelta(minutes=10)
_SNAPSHOT_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Fence:
    """The recipients who have opted out, and when the reading of them began; None for a fence that lets all pass."""

    blocked: frozenset[str] = frozenset()
    read_at: datetime | None = None


OPEN = Fence()
UNREAD = Fence(read_at=datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The keys of all who had opted out; None when they are too many to keep."""

    keys: frozenset[str] | None
    taken_at: datetime


class Fences:
    """Reads fences."""

    def __init__(self, opt_outs: OptOuts, clock: Clock) -> None:
        self._opt_outs = opt_outs
        self._clock = clock
        self._snapshot: _Snapshot | None = None
        self._taking = asyncio.Lock()

    async def read(self, sender: str, recipients: Sequence[str]) -> Fence:
        """Return which of these recipients this sender may not text."""
        if len(recipients) <= _FEW:
            return await self._read_each(sender, recipients)
        snapshot = await self._fresh_snapshot()
        read_at = self._clock.now()
        asked = await self._suspects(snapshot, recipients)
        return Fence((await self._read_each(sender, asked)).blocked, read_at)

    async def fresh(self, fence: Fence, sender: str, recipients: Sequence[str]) -> Fence:
        """Return a fence of these recipients that is not old: this one, or one read anew.

        Raises:
            StorageUnavailable: each reading takes so long that it is old when it is there.
        """
        for _ in range(_TRIES):
            if fence.read_at is None or self._clock.now() - fence.read_at <= MAX_AGE:
                return fence
            again = await self.read(sender, recipients)
            fence = Fence(fence.blocked | again.blocked, again.read_at)
        raise StorageUnavailable("Storage is too slow to check opt-outs right before sending. Try again later.")

    async def leaked(self, fence: Fence, sender: str, requested: Mapping[str, int]) -> frozenset[str]:
        """Return whose opt-out had been recorded when their request left: `requested` has those times in ms.

        It should be nobody but those who opted out in the moment between the fence and the request.
        """
        if fence.read_at is None:
            return frozenset()
        few = len(requested) <= _FEW
        asked = tuple(requested) if few else await self._suspects(await self._fresh_snapshot(), tuple(requested))
        standings = await asyncio.gather(*(self._opt_outs.standing(recipient) for recipient in asked))
        return frozenset(one.recipient for one in standings if one.blocked_at(sender, requested[one.recipient]))

    async def _suspects(self, snapshot: _Snapshot, recipients: Sequence[str]) -> Sequence[str]:
        """Return those who may have opted out: they were out when the snapshot was taken, or may have left since."""
        if snapshot.keys is None:
            return recipients
        keys = snapshot.keys | await self._opt_outs.left_since(snapshot.taken_at)
        return [recipient for recipient in recipients if recipient_key(recipient) in keys]

    async def _read_each(self, sender: str, recipients: Sequence[str]) -> Fence:
        read_at = self._clock.now()
        standings = await asyncio.gather(*(self._opt_outs.standing(recipient) for recipient in recipients))
        blocked = frozenset(standing.recipient for standing in standings if standing.blocks(sender))
        return Fence(blocked, read_at)

    async def _fresh_snapshot(self) -> _Snapshot:
        async with self._taking:
            now = self._clock.now()
            if self._snapshot is None or now - self._snapshot.taken_at > _SNAPSHOT_AGE:
                self._snapshot = _Snapshot(await self._opt_outs.keys(_SNAPSHOT_LIMIT), now)
            return self._snapshot
