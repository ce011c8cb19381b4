"""The pacer: one row per sender says when the next texts may go, over all instances (invariant I4)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Table
from shared.ports.telemetry import Metric, Telemetry
from shared.rules.ids import digest, to_ms
from shared.rules.pacing import (
    CAMPAIGN_AHEAD_MS,
    CAMPAIGN_SHARE,
    Pace,
    Rate,
    group_size,
    may_send,
    reserve,
    slow_down,
    used,
)
from shared.services.senders import Senders

_ROW = "pace"


@dataclass(frozen=True, slots=True)
class Room:
    """When texts may go, in ms; a campaign whose time is too far ahead has nothing reserved, and asks again."""

    at_ms: int
    reserved: bool


class Pacer:
    """Reserves room for texts on a sender's schedule, by compare-and-swap. Senders are given by name."""

    def __init__(self, table: Table, senders: Senders, clock: Clock, telemetry: Telemetry) -> None:
        self._table = table
        self._senders = senders
        self._clock = clock
        self._telemetry = telemetry
        # One at a time in a process: they would only make each other's writes fail, and begin again.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # What this process has been told by the carrier: it holds from then on, not from when it is stored.
        self._slowed_until_ms: dict[str, int] = {}

    async def reserve(self, sender: str, units: int) -> int:
        """Reserve room for `units` recipients, however far ahead, and return when they may go, in ms."""
        rate = self._rate(sender)
        _, at_ms = await self._change(sender, lambda pace: reserve(pace, rate, units, self._now_ms()))
        return at_ms

    async def reserve_for_campaign(self, sender: str, units: int) -> Room:
        """Reserve room at a campaign's share of the rate, if there is some soon: single texts go before."""
        rate = self._rate(sender)

        def change(pace: Pace) -> tuple[Pace, int]:
            paced, at_ms = reserve(pace, rate, units, self._now_ms(), CAMPAIGN_SHARE)
            return (paced if at_ms - self._now_ms() <= CAMPAIGN_AHEAD_MS else pace), at_ms

        changed, at_ms = await self._change(sender, change)
        return Room(at_ms, changed)

    async def may_go(self, sender: str, at_ms: int) -> bool:
        """Tell whether what was reserved for this time may go now: not early, not late, no slowing in between."""
        stored = await self._table.get(self._partition(sender), _ROW)
        return stored is not None and may_send(_pace(stored), at_ms, self._now_ms()) and not self.is_slowed(sender)

    def is_slowed(self, sender: str) -> bool:
        """Tell whether the carrier has told this very process to wait."""
        return self._slowed_until_ms.get(self._partition(sender), 0) > self._now_ms()

    async def slow_down(self, sender: str, retry_after_s: int) -> None:
        """Let nothing more go for that long, and go slower after it: the carrier said that it is too fast."""
        rate, wait_ms, partition = self._rate(sender), retry_after_s * 1000, self._partition(sender)
        until_ms = max(self._slowed_until_ms.get(partition, 0), self._now_ms() + wait_ms)
        self._slowed_until_ms[partition] = until_ms
        # Out of turn: others are about to send.
        await self._swap(partition, lambda pace: (slow_down(pace, self._now_ms(), wait_ms, rate), 0))

    def group_size(self, sender: str) -> int:
        """Return how many recipients of a campaign should go together."""
        return group_size(self._rate(sender))

    def _rate(self, sender: str) -> Rate:
        return self._senders.choose(sender).rate

    def _partition(self, sender: str) -> str:
        return digest("pace", self._senders.choose(sender).pace_key)

    async def _change(self, sender: str, change: Callable[[Pace], tuple[Pace, int]]) -> tuple[bool, int]:
        partition = self._partition(sender)
        async with self._turns[partition]:
            pace, changed, at_ms = await self._swap(partition, change)
        share = used(pace, self._rate(sender), self._now_ms())
        self._telemetry.measured(Metric.PACE_USED, share, self._senders.choose(sender).type.value)
        return changed, at_ms

    async def _swap(self, partition: str, change: Callable[[Pace], tuple[Pace, int]]) -> tuple[Pace, bool, int]:
        while True:
            stored = await self._table.get(partition, _ROW)
            before = _pace(stored) if stored else Pace()
            after, at_ms = change(before)
            if after == before:
                return before, False, at_ms
            entity = Entity(partition, _ROW, {"pace": after.to_json()}, stored.etag if stored else "")
            try:
                await (self._table.replace(entity) if stored else self._table.insert(entity))
            except (EntityExists, EntityChanged):
                continue
            return after, True, at_ms

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _pace(stored: Entity) -> Pace:
    return Pace.from_json(str(stored.values["pace"]))
