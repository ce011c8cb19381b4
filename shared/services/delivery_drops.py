"""Delivery drops: the application is warned, once, when the rate of a sender or a country falls below its own past.

The rates come from the roll-ups: the latest hours that are complete, and the two weeks before them. A row per drop says
that it was warned of; it goes when the rate has come back, so that the next drop is one more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from shared.ports.clock import Clock
from shared.ports.relay import Relay
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, scan
from shared.rules.delivery_rates import Arrivals, has_dropped, has_recovered
from shared.rules.ids import DAY_MS, HOUR_MS, digest, to_ms
from shared.services.notices import delivery_rate_dropped
from shared.services.rollups import Rollups
from shared.services.tallies import GroupBy, Tally

_PARTITION = "drop"
_NOW_MS = 6 * HOUR_MS
_BEFORE_MS = 14 * DAY_MS
_WATCHED = (GroupBy.SENDER, GroupBy.COUNTRY)


@dataclass(frozen=True, slots=True)
class Drop:
    """A rate that has dropped: of a sender or a country, what it was before, and what it was when that was seen."""

    of: GroupBy
    group: str
    since_ms: int
    now: Arrivals
    before: Arrivals
    told: bool = False
    etag: str = ""

    @property
    def row(self) -> str:
        """Return the key of its row: there is one drop of a group at a time."""
        return digest("drop", self.of.value, self.group)


class DeliveryDrops:
    """Watches the rates."""

    def __init__(self, table: Table, rollups: Rollups, relay: Relay, clock: Clock) -> None:
        self._table = table
        self._rollups = rollups
        self._relay = relay
        self._clock = clock

    async def watch(self) -> Sequence[Drop]:
        """Warn of the rates that have dropped since the last look, forget those that are back; return the former.

        It may run twice at a time, or be interrupted: the notice of a drop always has the same id.

        Raises:
            StorageUnavailable, RelayUnavailable: the next look tells of what this one could not.
        """
        now_ms = to_ms(self._clock.now())
        known = {drop.row: drop async for drop in self._known()}
        fresh: list[Drop] = []
        for of in _WATCHED:
            for group, (now, before) in (await self._rates(of, now_ms)).items():
                seen = Drop(of, group, now_ms, now, before)
                drop = known.pop(seen.row, None)
                if drop is None and has_dropped(now, before) and (kept := await self._insert(seen)):
                    fresh.append(kept)
                elif drop and has_recovered(now, drop.before.rate):
                    await self._forget(drop)
                elif drop and not drop.told:
                    fresh.append(drop)
        for drop in fresh:
            await self._tell(drop)
        return fresh

    async def _rates(self, of: GroupBy, now_ms: int) -> dict[str, tuple[Arrivals, Arrivals]]:
        rolled = await self._rollups.rolled(now_ms - DAY_MS, now_ms)
        begin_ms = rolled.end_ms - _NOW_MS
        rates: dict[str, tuple[Arrivals, Arrivals]] = defaultdict(lambda: (Arrivals(), Arrivals()))
        async for hour_ms, group, tally in self._rollups.read(of, begin_ms - _BEFORE_MS, rolled.end_ms):
            if not group or not rolled.start_ms <= hour_ms < rolled.end_ms:
                continue
            now, before = rates[group]
            arrivals = _arrivals(tally)
            rates[group] = (now + arrivals, before) if hour_ms >= begin_ms else (now, before + arrivals)
        return rates

    async def _known(self) -> AsyncIterator[Drop]:
        async for entity in scan(self._table, Range(_PARTITION)):
            yield _from_entity(entity)

    async def _insert(self, drop: Drop) -> Drop | None:
        try:
            return replace(drop, etag=await self._table.insert(_to_entity(drop)))
        except EntityExists:
            return None

    async def _tell(self, drop: Drop) -> None:
        await self._relay.publish([delivery_rate_dropped(drop.of, drop.group, drop.since_ms, drop.now, drop.before)])
        try:
            await self._table.replace(_to_entity(replace(drop, told=True)))
        except EntityChanged:
            return

    async def _forget(self, drop: Drop) -> None:
        try:
            await self._table.delete(_PARTITION, drop.row, drop.etag)
        except EntityChanged:
            return


def _arrivals(tally: Tally) -> Arrivals:
    return Arrivals(tally["delivered"], tally["delivered"] + tally["failed"] + tally["unknown"])


def _to_entity(drop: Drop) -> Entity:
    values: dict[str, Value] = {
        "of": drop.of.value,
        "group": drop.group,
        "sinceMs": drop.since_ms,
        "delivered": drop.now.delivered,
        "settled": drop.now.settled,
        "deliveredBefore": drop.before.delivered,
        "settledBefore": drop.before.settled,
        "told": drop.told,
    }
    return Entity(_PARTITION, drop.row, values, drop.etag)


def _from_entity(entity: Entity) -> Drop:
    values = entity.values
    return Drop(
        GroupBy(str(values["of"])),
        str(values["group"]),
        int(values["sinceMs"]),
        Arrivals(int(values["delivered"]), int(values["settled"])),
        Arrivals(int(values["deliveredBefore"]), int(values["settledBefore"])),
        bool(values["told"]),
        entity.etag,
    )
