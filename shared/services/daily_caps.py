"""Daily caps: how many segments may be sent on a UTC day, in all and by each caller, exact over all instances.

Whoever is about to send first has the segments counted here: no more than the cap has room for, however many ask at
once. What did not go is given back. The counters of a day and the changes to them are rows of one partition, and a
change is one transaction: the counters by their ETags, and a row of its own with the number that its holder gave it.
So a change is made once, however often it is asked for, and a crash neither loses nor doubles it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Write, scan
from shared.rules.errors import DailyCapReached
from shared.rules.holds import Hold, day_end_ms, day_of
from shared.rules.ids import DAY_MS, to_ms

_LOG = logging.getLogger(__name__)
_ALL = "all"
# Yesterday's rows may still be asked for by a worker whose clock is late.
_KEPT_DAYS = 2
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class CapLimits:
    """How many segments may be sent in a day: in all, and by each caller; 0 is no limit."""

    all: int = 0
    by_caller: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds: an id of its own, and the caller for whom it sends; none for what the app sends by itself."""

    id: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What may still be sent today, and on a whole day, in segments."""

    today: int
    daily: int


class DailyCaps:
    """The counters of the days in their table."""

    def __init__(self, table: Table, clock: Clock, limits: CapLimits) -> None:
        self._table = table
        self._clock = clock
        self._limits = limits
        # One at a time in a process: they would only make each other's writes fail, and begin again.
        self._turn = asyncio.Lock()
        self._known: dict[tuple[str, str], Entity] = {}

    @property
    def are_set(self) -> bool:
        """Tell whether there is any cap."""
        return bool(self._limits.all or self._limits.by_caller)

    @property
    def today(self) -> int:
        """Return the UTC day."""
        return day_of(self._now_ms())

    def last_ms(self, hold: Hold) -> int:
        """Return until when what is held may be sent: to the end of its day; 0 is for ever."""
        return day_end_ms(hold.day * DAY_MS) - 1 if self.are_set and hold.turn else 0

    def is_over(self, claimed_ms: int) -> bool:
        """Tell whether what was counted at this time may not be sent any more, since another day has begun."""
        return self.are_set and day_of(claimed_ms) != self.today

    async def take(self, holder: Holder, hold: Hold, wanted: int, least: int) -> Hold:
        """Hold more segments today, up to `wanted`; what is held of another day is given back.

        With nothing wanted, the next change of this holder is used up: what a worker that died had asked for is held
        now, and one that is only slow gets nothing any more.

        Raises:
            DailyCapReached: there is no room for `least` of them today.
        """
        if not self.are_set:
            return hold
        if hold.day != self.today and hold.segments:
            hold = await self.give_back(holder, hold.without(hold.segments))
        turn = replace(hold, day=self.today, turn=hold.turn + 1)
        async with self._turn:
            granted = max(0, await self._change(holder, turn, wanted, least))
        if granted < min(least, wanted):
            raise self._reached(holder)
        return replace(turn, segments=turn.segments + granted)

    async def give_back(self, holder: Holder, hold: Hold) -> Hold:
        """Give back what is to be, once; return the hold without it."""
        if hold.back and self.are_set:
            async with self._turn:
                made = await self._change(holder, hold, -hold.back, 0)
                if made >= 0:
                    # A worker that died took some under this number and never wrote it down: that goes back too.
                    await self._change(holder, hold, -hold.back - made, 0, "back")
        return replace(hold, back=0)

    async def room(self, caller: str) -> Room | None:
        """Return what this caller may still send; None without a cap."""
        if not self.are_set:
            return None
        holder = Holder("", caller)
        counters = await self._counters(_partition(self.today), holder, fresh=True)
        limits = [limit for limit in (self._limit(counter) for counter in counters) if limit]
        if not limits:
            return None
        return Room(max(0, self._room(counters)), min(limits))

    async def have_room_again(self, caller: str) -> bool:
        """Tell whether a tenth of a day's segments is free, so that what waits for tomorrow need not."""
        room = await self.room(caller)
        return room is None or room.today * 10 >= room.daily

    async def clear(self) -> int:
        """Delete the rows of days that are over; return how many."""
        over = Range(partition_to=_partition(self.today - _KEPT_DAYS + 1))
        found = [entity async for entity in scan(self._table, over, ("segments",))]
        for start in range(0, len(found), _AT_ONCE):
            part = found[start : start + _AT_ONCE]
            await asyncio.gather(*(self._table.delete(one.partition, one.row) for one in part))
        return len(found)

    async def _change(self, holder: Holder, hold: Hold, wanted: int, least: int, also: str = "") -> int:
        """Return by how many segments the counters were changed, now or when this change was asked for first."""
        partition, row = _partition(hold.day), f"change.{holder.id}.{hold.turn:06d}{also}"
        fresh = False
        while True:
            counters = await self._counters(partition, holder, fresh=fresh)
            granted = wanted if wanted <= 0 else min(wanted, self._room(counters))
            is_refused = wanted > 0 and granted < max(1, least)
            if fresh or is_refused:
                made = await self._table.get(partition, row)
                if made:
                    return int(made.values["segments"])
            if is_refused and fresh:
                return 0
            if not is_refused and await self._write(counters, Entity(partition, row, {"segments": granted})):
                return granted
            fresh = True

    async def _write(self, counters: Sequence[Entity], change: Entity) -> bool:
        segments = int(change.values["segments"])
        after = [replace(one, values={"segments": int(one.values["segments"]) + segments}) for one in counters]
        writes = [Write("replace" if one.etag else "insert", one) for one in after]
        for one in counters:
            self._known.pop((one.partition, one.row), None)
        try:
            etags = await self._table.transact([*writes, Write("insert", change)])
        except (EntityExists, EntityChanged):
            return False
        self._known |= {
            (one.partition, one.row): replace(one, etag=etag) for one, etag in zip(after, etags, strict=False)
        }
        return True

    async def _counters(self, partition: str, holder: Holder, *, fresh: bool) -> list[Entity]:
        rows = [_ALL, *([f"caller.{holder.caller}"] if holder.caller else [])]
        known = [None if fresh else self._known.get((partition, row)) for row in rows]
        if not all(known):
            known = list(await asyncio.gather(*(self._table.get(partition, row) for row in rows)))
        # Those of other days, and of callers who came once, are not kept in mind for ever.
        self._known = {key: one for key, one in self._known.items() if key[0] == partition}
        return [one or Entity(partition, row, {"segments": 0}) for one, row in zip(known, rows, strict=True)]

    def _room(self, counters: Sequence[Entity]) -> int:
        rooms = [limit - int(one.values["segments"]) for one in counters if (limit := self._limit(one))]
        return min(rooms, default=_NO_LIMIT)

    def _limit(self, counter: Entity) -> int:
        return self._limits.all if counter.row == _ALL else self._limits.by_caller

    def _reached(self, holder: Holder) -> DailyCapReached:
        _LOG.warning("The daily cap is reached; texts wait for midnight UTC, or are refused.")
        now_ms = self._now_ms()
        whose = "SMS_DAILY_SEGMENTS" + (" or SMS_DAILY_SEGMENTS_BY_CALLER" if holder.caller else "")
        return DailyCapReached(
            f"There is no room for this today: see {whose}. Send it after midnight UTC, or raise the cap.",
            retry_after_s=-(-(day_end_ms(now_ms) - now_ms) // 1000),
        )

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


_NO_LIMIT = 10**12


def _partition(day: int) -> str:
    return f"{day:06d}"
