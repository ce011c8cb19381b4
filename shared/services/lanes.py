"""Lanes: what the webhook is still to be told, a lane per conversation, in the order in which it was stored.

A lane is a partition: one row says where it stands (`next`, `position`), one row each is a notice that waits, and one
each remembers the id of a notice, so that it is stored once however often it is told. An open lane, one in which
something waits, has a row in an index by time, from which a timer wakes it. The index row is written before the lane
opens, and deleted after it has closed or moved, so there is always one; what a crash leaves over is found by the timer.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, Write, scan
from shared.ports.webhook import Delivery
from shared.rules.ids import digest, to_ms

LEASE = timedelta(seconds=60)
# A transaction has room for a hundred rows: the lane's, and two for each notice.
_AT_ONCE = 49
_INDEX = "due"
_HEAD = "lane"
_NOTICES = "notice."


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a lane stands. Times in ms; 0 is none.

    `next`: the number that its next notice gets; `position`: the first that was not acknowledged; `due`: its row in the
    index, empty when it is closed; `revision`: how often that has changed; `lease_ms`: until when a worker is at it,
    and which one, since no two leases end at the same moment; `wake_ms`: not to be tried before; `tries`: how often the
    first notice was tried in vain.
    """

    id: str
    next: int = 0
    position: int = 0
    due: str = ""
    revision: int = 0
    lease_ms: int = 0
    wake_ms: int = 0
    tries: int = 0
    etag: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether something waits in it."""
        return bool(self.due)

    def looked_at(self, at_ms: int) -> Lane:
        """Return the lane with that time in the index."""
        revision = self.revision + 1
        return replace(self, due=f"{at_ms:014d}.{self.id}.{revision}", revision=revision)

    def acknowledged(self, lease_ms: int) -> Lane:
        """Return the lane with its first notice done, leased on; closed if that was the last."""
        done = replace(self, position=self.position + 1, tries=0, wake_ms=0)
        if done.position < done.next:
            return replace(done, lease_ms=lease_ms)
        return replace(done, due="", lease_ms=0)


@dataclass(frozen=True, slots=True)
class Due:
    """A row of the index: which lane it is for."""

    row: str
    etag: str

    @property
    def lane(self) -> str:
        """Return the id of the lane."""
        return self.row.split(".")[1]


class Lanes:
    """The lanes in their table."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def get(self, lane_id: str) -> Lane:
        """Return the lane; one without an ETag if there is none yet."""
        entity = await self._table.get(lane_id, _HEAD)
        return _from_entity(entity) if entity else Lane(lane_id)

    async def add(self, lane_id: str, deliveries: Sequence[Delivery], due_ms: int) -> bool:
        """Store what is not stored yet behind all that waits; return whether the lane was closed before.

        A lane that this opens is in the index at `due_ms`.
        """
        opened = False
        for start in range(0, len(deliveries), _AT_ONCE):
            opened |= await self._add(lane_id, deliveries[start : start + _AT_ONCE], due_ms)
        return opened

    async def _add(self, lane_id: str, deliveries: Sequence[Delivery], due_ms: int) -> bool:
        fresh = deliveries
        while fresh:
            lane = await self.get(lane_id)
            grown = lane if lane.is_open else lane.looked_at(due_ms)
            grown = replace(grown, next=lane.next + len(fresh))
            if not lane.is_open:
                await self._table.upsert(Entity(_INDEX, grown.due))
            numbered = enumerate(fresh, lane.next)
            rows = [write for number, one in numbered for write in _notice_writes(lane_id, number, one)]
            try:
                await self._table.transact([Write("replace" if lane.etag else "insert", _to_entity(grown)), *rows])
            except (EntityExists, EntityChanged):
                fresh = [one for one in fresh if not await self._table.get(lane_id, _id_row(one.id))]
            else:
                return not lane.is_open
        return False

    async def take(self, lane_id: str, *, again: bool = False) -> Lane | None:
        """Lease an open lane to this worker; None if nothing waits, another is at it, or it is not to be tried yet.

        With `again` it is tried now, as if it never had been.
        """
        while True:
            lane, now_ms = await self.get(lane_id), self._now_ms()
            if not lane.is_open or lane.lease_ms > now_ms or (lane.wake_ms > now_ms and not again):
                return None
            wanted = replace(lane, wake_ms=0, tries=0) if again else lane
            with contextlib.suppress(EntityChanged):
                taken = await self._save(replace(wanted, lease_ms=self._lease_ms()))
                if lane.lease_ms:
                    await self._sweep(taken)
                return taken

    async def first(self, lane: Lane) -> Delivery | None:
        """Return the notice that is next, None if its row is gone."""
        entity = await self._table.get(lane.id, _notice_row(lane.position))
        return Delivery(str(entity.values["noticeId"]), str(entity.values["body"])) if entity else None

    async def renew(self, lane: Lane) -> Lane | None:
        """Go on with a lane for another lease; None if it has been lost to another worker."""
        return await self._change(lane, lambda now: replace(now, lease_ms=self._lease_ms()))

    async def acknowledge(self, lane: Lane) -> Lane | None:
        """Note that the first notice has arrived, and go on; None if the lane has been lost to another worker."""
        return await self._change(lane, lambda now: now.acknowledged(self._lease_ms()))

    async def put_off(self, lane: Lane, *, wake_ms: int, due_ms: int, tries: int) -> bool:
        """Give a lane back that is to be tried at `wake_ms`, and for the timer to look at by `due_ms`.

        Return whether it was still this worker's.
        """

        def later(now: Lane) -> Lane:
            return replace(now.looked_at(due_ms), wake_ms=wake_ms, tries=tries, lease_ms=0)

        return await self._change(lane, later) is not None

    async def give_back(self, lane: Lane) -> None:
        """Give a lane back that is not done."""
        await self._change(lane, lambda now: replace(now, lease_ms=0))

    async def due(self, most: int) -> AsyncIterator[Due]:
        """Yield the index rows whose time has come, up to `most`, the earliest first."""
        page = await self._table.query(Range(_INDEX, row_to=f"{self._now_ms() + 1:014d}"), limit=most)
        for entity in page.entities:
            yield Due(entity.row, entity.etag)

    async def look_again(self, lane: Lane, due_ms: int) -> None:
        """Let the timer look at a lane at another time, unless somebody has changed it since it was read."""
        moved = lane.looked_at(due_ms)
        await self._table.upsert(Entity(_INDEX, moved.due))
        with contextlib.suppress(EntityChanged):
            await self._save(moved)
            await self._table.delete(_INDEX, lane.due)

    async def clear(self, lane: Lane, stale: Due) -> None:
        """Delete an index row that is not that of its lane, with what the same crash may have left in the lane.

        The lane is written first: who was about to open it by this row cannot, and comes with another.
        """
        with contextlib.suppress(EntityExists, EntityChanged):
            await self._save(lane)
            await self._sweep(lane)
            await self._table.delete(_INDEX, stale.row, stale.etag)

    async def _change(self, lane: Lane, change: Callable[[Lane], Lane]) -> Lane | None:
        """Write a change of a leased lane, whatever is added to it meanwhile; None if the lease is another's now."""
        now = lane
        while now.lease_ms == lane.lease_ms:
            changed = change(now)
            if changed.is_open and changed.due != now.due:
                await self._table.upsert(Entity(_INDEX, changed.due))
            try:
                saved = await self._save(changed)
            except EntityChanged:
                now = await self.get(lane.id)
            else:
                await self._tidy(now, saved)
                return saved
        return None

    async def _tidy(self, before: Lane, after: Lane) -> None:
        # The index row goes last: by it the timer finds what a crash leaves here.
        if after.position > before.position:
            await self._table.delete(before.id, _notice_row(before.position))
        if after.due != before.due:
            await self._table.delete(_INDEX, before.due)

    async def _save(self, lane: Lane) -> Lane:
        write = self._table.replace if lane.etag else self._table.insert
        return replace(lane, etag=await write(_to_entity(lane)))

    async def _sweep(self, lane: Lane) -> None:
        done = Range(lane.id, row_from=_NOTICES, row_to=_notice_row(lane.position))
        for row in [entity.row async for entity in scan(self._table, done, ("noticeId",))]:
            await self._table.delete(lane.id, row)

    def _lease_ms(self) -> int:
        return self._now_ms() + LEASE // timedelta(milliseconds=1)

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _notice_row(number: int) -> str:
    return f"{_NOTICES}{number:012d}"


def _id_row(notice_id: str) -> str:
    return f"id.{digest('notice', notice_id)}"


def _notice_writes(lane_id: str, number: int, delivery: Delivery) -> tuple[Write, Write]:
    values: dict[str, Value] = {"noticeId": delivery.id, "body": delivery.body}
    return (
        Write("insert", Entity(lane_id, _notice_row(number), values)),
        Write("insert", Entity(lane_id, _id_row(delivery.id))),
    )


def _to_entity(lane: Lane) -> Entity:
    values: dict[str, Value] = {
        "next": lane.next,
        "position": lane.position,
        "due": lane.due,
        "revision": lane.revision,
        "leaseMs": lane.lease_ms,
        "wakeMs": lane.wake_ms,
        "tries": lane.tries,
    }
    return Entity(lane.id, _HEAD, values, lane.etag)


def _from_entity(entity: Entity) -> Lane:
    values = entity.values
    return Lane(
        id=entity.partition,
        next=int(values["next"]),
        position=int(values["position"]),
        due=str(values["due"]),
        revision=int(values["revision"]),
        lease_ms=int(values["leaseMs"]),
        wake_ms=int(values["wakeMs"]),
        tries=int(values["tries"]),
        etag=entity.etag,
    )
