"""Batches: requests that are not done yet, each with all that is needed to do it, in the order of their due times.

A batch is written before anything is sent and deleted when every message of it has gone or ended. So what is in this
table is exactly the open work: a timer wakes what is due, also what a worker that died left behind (invariant I7).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, scan
from shared.rules.choices import NO_WORDS, ChoiceWords
from shared.rules.holds import NOTHING, Hold
from shared.rules.ids import MessageKey, Send, to_ms
from shared.rules.segments import count_segments
from shared.rules.states import WAITING, History, Step
from shared.services.daily_caps import Holder
from shared.services.messages import Direction, Message

LEASE = timedelta(seconds=60)
_HOUR_MS = 3_600_000
# What is due a little after the hour is woken before it.
_SOON_MS = 2 * 60_000


@dataclass(frozen=True, slots=True)
class Batch:
    """One text to up to 100 recipients. Times in ms; 0 is none.

    `due_ms`: not before; `not_before_ms`: likewise, after the carrier took nothing; `not_after_ms`: not later;
    `go_ms`: when the sender's pace has room for it (reserved); `wake_ms`: when the timer looks at it again;
    `lease_ms`: until when a worker is at it; `round`: how often the carrier took nothing. `caller`: who asked for
    it; `words`: by which the text can be answered; `hold`: what it has of the daily cap; `used`: segments of its
    texts that have gone, or may have; `left`: of those that wait, None before the first was tried. `interrupted`,
    which is not stored: the worker before this one did not give it back; nor `is_new`: this worker has stored it.
    `traceparent`: the trace in which it was accepted.
    """

    send: Send
    sender: str
    recipients: tuple[str, ...]
    text: str
    tag: str
    delivery_report: bool
    confirms_opt_out: bool
    due_ms: int
    not_after_ms: int = 0
    not_before_ms: int = 0
    go_ms: int = 0
    wake_ms: int = 0
    lease_ms: int = 0
    round: int = 0
    caller: str = ""
    words: ChoiceWords = NO_WORDS
    hold: Hold = NOTHING
    used: int = 0
    left: int | None = None
    traceparent: str = ""
    interrupted: bool = False
    is_new: bool = False
    etag: str = ""

    @property
    def partition(self) -> str:
        """Return the partition: the hour in which the batch was first due, the earliest first."""
        return _hour(self.due_ms)

    @property
    def row(self) -> str:
        """Return the row key."""
        return str(self.send.id)

    @property
    def begin_ms(self) -> int:
        """Return when a worker may begin with the batch; one that will be too late begins with nothing but that."""
        too_late = self.not_after_ms and self.ready_ms > self.not_after_ms
        return self.not_after_ms + 1 if too_late else max(self.due_ms, self.not_before_ms)

    @property
    def ready_ms(self) -> int:
        """Return when the texts may go, as far as it is known."""
        return max(self.due_ms, self.not_before_ms, self.go_ms)

    @property
    def next_ms(self) -> int:
        """Return when there is something to do: when the texts may go, or when it is too late for them."""
        return min(self.ready_ms, self.not_after_ms + 1) if self.not_after_ms else self.ready_ms

    def is_to_wake(self, now_ms: int) -> bool:
        """Tell whether its time to be looked at has come."""
        return self.wake_ms <= now_ms

    @property
    def holder(self) -> Holder:
        """Return who this is to the daily caps: a request whose first try was refused is accepted anew."""
        return Holder(f"{self.row}.{self.send.accepted_ms}", self.caller)

    @property
    def needed(self) -> int:
        """Return how many segments may still go."""
        whole = count_segments(self.text).segments * len(self.recipients)
        return whole if self.left is None else self.left

    def counted(self, messages: Sequence[Message]) -> Batch:
        """Return the batch with its hold counted anew, by what its messages are now; what is not needed goes back."""
        used = sum(one.segments for one in messages if one.may_have_gone)
        left = sum(one.segments for one in messages if one.state in WAITING)
        if not self.hold.turn:
            return replace(self, used=used, left=left)
        rest = max(0, self.hold.segments - (used - self.used))
        return replace(self, hold=replace(self.hold, segments=rest).without(rest - left), used=used, left=left)

    def draft(self, recipient: str, step: Step) -> Message:
        """Return the message to one recipient, as it is stored first."""
        count = count_segments(self.text)
        return Message(
            key=MessageKey.outbound(self.send, self.sender, recipient),
            direction=Direction.OUTBOUND,
            sender=self.sender,
            recipient=recipient,
            text=self.text,
            history=History((step,)),
            tag=self.tag,
            encoding=count.encoding.value,
            segments=count.segments,
            delivery_report=self.delivery_report,
            words=self.words,
            traceparent=self.traceparent,
        )


class Batches:
    """The open batches in their table."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def open(self, batch: Batch) -> Batch | None:
        """Store a batch and lease it to this worker; None if another worker is at it."""
        leased = self._leased(batch)
        try:
            return replace(leased, is_new=True, etag=await self._table.insert(_to_entity(leased)))
        except EntityExists:
            return await self.claim(batch.partition, batch.row)

    async def claim(self, partition: str, row: str) -> Batch | None:
        """Lease a batch to this worker; None if it is done, or another worker is at it."""
        entity = await self._table.get(partition, row)
        if entity is None:
            return None
        batch = _from_entity(entity)
        if batch.lease_ms > to_ms(self._clock.now()):
            return None
        return await self.keep(self._leased(replace(batch, interrupted=bool(batch.lease_ms))))

    async def keep(self, batch: Batch) -> Batch | None:
        """Write a batch that was read; None if somebody else has written it since."""
        try:
            return replace(batch, etag=await self._table.replace(_to_entity(batch)))
        except EntityChanged:
            return None

    async def close(self, batch: Batch) -> None:
        """Forget a batch: every message of it has gone or ended."""
        await self._table.delete(batch.partition, batch.row)

    async def until_soon(self) -> AsyncIterator[Batch]:
        """Yield the batches that are due or will be soon, the longest due first."""
        now_ms = to_ms(self._clock.now())
        async for entity in scan(self._table, Range(partition_to=_hour(now_ms + _SOON_MS) + "~")):
            yield _from_entity(entity)

    def _leased(self, batch: Batch) -> Batch:
        until_ms = to_ms(self._clock.now() + LEASE)
        return replace(batch, lease_ms=until_ms, wake_ms=max(batch.wake_ms, until_ms))


def _hour(ms: int) -> str:
    return f"{ms - ms % _HOUR_MS:014d}"


def _to_entity(batch: Batch) -> Entity:
    values: dict[str, Value] = {
        "acceptedMs": batch.send.accepted_ms,
        "sender": batch.sender,
        "recipients": json.dumps(batch.recipients),
        "text": batch.text,
        "tag": batch.tag,
        "deliveryReport": batch.delivery_report,
        "confirmsOptOut": batch.confirms_opt_out,
        "dueMs": batch.due_ms,
        "notAfterMs": batch.not_after_ms,
        "notBeforeMs": batch.not_before_ms,
        "goMs": batch.go_ms,
        "wakeMs": batch.wake_ms,
        "leaseMs": batch.lease_ms,
        "round": batch.round,
        "caller": batch.caller,
        "choiceWords": batch.words.to_json(),
        "hold": batch.hold.to_json(),
        "used": batch.used,
        "left": -1 if batch.left is None else batch.left,
        "traceparent": batch.traceparent,
    }
    return Entity(batch.partition, batch.row, values, batch.etag)


def _from_entity(entity: Entity) -> Batch:
    values = entity.values
    return Batch(
        send=Send(UUID(entity.row), int(values["acceptedMs"])),
        sender=str(values["sender"]),
        recipients=tuple(json.loads(str(values["recipients"]))),
        text=str(values["text"]),
        tag=str(values["tag"]),
        delivery_report=bool(values["deliveryReport"]),
        confirms_opt_out=bool(values["confirmsOptOut"]),
        due_ms=int(values["dueMs"]),
        not_after_ms=int(values["notAfterMs"]),
        not_before_ms=int(values["notBeforeMs"]),
        go_ms=int(values["goMs"]),
        wake_ms=int(values["wakeMs"]),
        lease_ms=int(values["leaseMs"]),
        round=int(values["round"]),
        # Rows of an earlier version have none of these.
        caller=str(values.get("caller", "")),
        words=ChoiceWords.from_json(str(values.get("choiceWords", ""))),
        hold=Hold.from_json(str(values.get("hold", ""))),
        used=int(values.get("used", 0)),
        left=left if (left := int(values.get("left", -1))) >= 0 else None,
        traceparent=str(values.get("traceparent", "")),
        etag=entity.etag,
    )
