"""The fence: who has opted out, read right before a request goes out (invariant I1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ports.clock import Clock
from shared.rules.errors import StorageUnavailable
from shared.rules.ids import recipient_key
from shared.services.messages import Message
from shared.services.opt_outs import OptOuts

MAX_AGE = timedelta(milliseconds=500)
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Fence:
    """The recipients who have opted out, and when the reading of them began; None for a fence that lets all pass."""

    blocked: frozenset[str] = frozenset()
    read_at: datetime | None = None


class Fences:
    """Reads fences."""

    def __init__(self, opt_outs: OptOuts, clock: Clock) -> None:
        self._opt_outs = opt_outs
        self._clock = clock

    async def read(self, messages: Sequence[Message]) -> Fence:
        """Return who of these recipients has opted out of their message's sender."""
        read_at = self._clock.now()
        standings = await asyncio.gather(*(self._opt_outs.standing(one.recipient) for one in messages))
        pairs = zip(messages, standings, strict=True)
        return Fence(frozenset(one.recipient for one, standing in pairs if standing.blocks(one.sender)), read_at)

    async def fresh(self, fence: Fence, messages: Sequence[Message]) -> Fence:
        """Return a fence of these messages that is not old: this one, or with whoever has left since.

        Raises:
            StorageUnavailable: each reading takes so long that it is old when it is there.
        """
        for _ in range(_TRIES):
            if fence.read_at is None or self._clock.now() - fence.read_at <= MAX_AGE:
                return fence
            read_at = self._clock.now()
            left = await self._opt_outs.left_since(fence.read_at)
            again = await self.read([one for one in messages if recipient_key(one.recipient) in left])
            fence = Fence(fence.blocked | again.blocked, read_at)
        raise StorageUnavailable("Storage is too slow to check opt-outs right before sending. Try again later.")
