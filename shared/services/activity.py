"""The activity: one row per message, response, choice and opt-out change, by hour, newest first.

It is the index by time that the conversations, which are partitions of their own, do not give: the list of
conversations and the analytics are read from it. A row's key comes from what it stands for, so a repetition is the
same row; a message's row holds the greatest step heard of it, as the message itself does (invariant I8). A change to
an hour that is closed marks it first, so that its roll-up counts no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.ports.tables import Entity, EntityChanged, EntityExists, Page, Range, Table, Value, Write, scan
from shared.rules.ids import MessageKey, digest, hour_of, hour_partition, ms_of, newest_first
from shared.rules.phone_numbers import country_of
from shared.rules.states import State, Step
from shared.services.late_marks import LateMarks
from shared.services.messages import Message

_TRANSACTION_LIMIT = 100
EVERYTHING = Range()


class Kind(StrEnum):
    """What a row of the activity stands for."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    RESPONSE = "response"
    CHOICE = "choice"
    OPT_OUT = "optOut"
    OPT_IN = "optIn"


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened, without any text or number of a person.

    `conversation` is empty for an opt-out change that is not about one sender; `step` is the message's, or when the
    change took effect; `country` is the person's; `sent_ms` is when the carrier took the message, 0 if it did not.
    """

    kind: Kind
    row: str
    conversation: str
    sender: str
    step: Step
    tag: str = ""
    segments: int = 0
    keyword: str = ""
    campaign: str = ""
    home: str = ""
    leaked: bool = False
    country: str = ""
    sent_ms: int = 0
    etag: str = ""

    @property
    def was_sent(self) -> bool:
        """Tell whether the carrier took the message, whatever became of it there: a delivery code says so."""
        return self.kind is Kind.OUTBOUND and (self.step.state is State.SENT or bool(self.step.code))

    @property
    def message_key(self) -> MessageKey:
        """Return the key of the message that this row stands for."""
        return MessageKey(self.home or self.conversation, self.row)

    @property
    def at_ms(self) -> int:
        """Return when it happened: when a message was accepted or received, when a change took effect."""
        return ms_of(self.row)

    @property
    def hour_ms(self) -> int:
        """Return the beginning of the hour in which it happened."""
        return hour_of(self.at_ms)

    @property
    def partition(self) -> str:
        """Return the partition: the hour in which it happened."""
        return hour_partition(self.at_ms)

    @classmethod
    def of(cls, message: Message) -> Activity:
        """Return the activity that stands for a message."""
        return cls(
            kind=Kind(message.direction.value),
            row=message.key.row,
            conversation=message.conversation,
            sender=message.sender,
            step=message.history.current,
            tag=message.tag,
            segments=message.segments,
            keyword=message.keyword,
            campaign=message.campaign,
            home=message.key.partition if message.campaign else "",
            leaked=message.trace.leaked,
            country=country_of(message.recipient) or "",
            sent_ms=message.sent_ms,
        )

    @classmethod
    def response_to(cls, message: Message, at_ms: int) -> Activity:
        """Return the activity that stands for the first answer to a message: it counts in the message's hour."""
        return replace(
            cls.of(message),
            kind=Kind.RESPONSE,
            row=f"{newest_first(message.key.at_ms)}-{digest('response', message.id)}",
            step=Step(State.RECEIVED, at_ms),
        )

    @classmethod
    def choice_on(cls, message: Message) -> Activity:
        """Return the activity that stands for the choice noted on a message: it counts in the message's hour."""
        chosen = message.chosen
        at_ms, choice = (chosen.at_ms, chosen.choice.value) if chosen else (0, "")
        return replace(
            cls.of(message),
            kind=Kind.CHOICE,
            row=f"{newest_first(message.key.at_ms)}-{digest('choice', message.id)}",
            step=Step(State.RECEIVED, at_ms, choice),
        )


class ActivityLog:
    """The activity in its table."""

    def __init__(self, table: Table, marks: LateMarks) -> None:
        self._table = table
        self._marks = marks

    async def record(self, activities: Sequence[Activity]) -> tuple[Activity, ...]:
        """Write activities, each merged with what is already known of the same thing; return them with ETags.

        Those that come with an ETag overwrite what had it. All of one hour go in one transaction; only where another
        writer was faster are they written one by one.
        """
        by_partition: dict[str, list[Activity]] = {}
        for activity in activities:
            by_partition.setdefault(activity.partition, []).append(activity)
        chunks = [
            group[start : start + _TRANSACTION_LIMIT]
            for group in by_partition.values()
            for start in range(0, len(group), _TRANSACTION_LIMIT)
        ]
        written = await asyncio.gather(*(self._record_together(chunk) for chunk in chunks))
        return tuple(activity for chunk in written for activity in chunk)

    async def _record_together(self, activities: Sequence[Activity]) -> Sequence[Activity]:
        writes = [Write("replace" if one.etag else "insert", _to_entity(one)) for one in activities]
        try:
            async with self._marks.around(activities[0].hour_ms):
                etags = await self._table.transact(writes)
        except (EntityExists, EntityChanged):
            return await asyncio.gather(*(self.merge(activity) for activity in activities))
        return [replace(one, etag=etag) for one, etag in zip(activities, etags, strict=True)]

    async def merge(self, activity: Activity) -> Activity:
        """Write one activity, keeping the greater step of this one and the stored one; return what is stored.

        When the carrier took the message is kept too, whichever of the two knows it.
        """
        while True:
            entity = await self._table.get(activity.partition, activity.row)
            stored = _from_entity(entity) if entity else None
            merged = _merged(stored, activity) if stored else activity
            if merged == stored:
                return merged
            write = self._table.replace if stored else self._table.insert
            try:
                async with self._marks.around(merged.hour_ms):
                    return replace(merged, etag=await write(_to_entity(merged)))
            except (EntityExists, EntityChanged):
                continue

    async def page(
        self, limit: int, cursor: str | None, within: Range = EVERYTHING
    ) -> tuple[tuple[Activity, ...], str | None]:
        """Return activities, the newest first, and the cursor of the next page."""
        page: Page = await self._table.query(within, limit=limit, cursor=cursor)
        return tuple(_from_entity(entity) for entity in page.entities), page.cursor

    async def between(self, start_ms: int, end_ms: int) -> AsyncIterator[Activity]:
        """Yield the activities from `start_ms` up to but without `end_ms`, the newest first."""
        within = Range(
            partition_from=hour_partition(end_ms),
            partition_to=hour_partition(start_ms) + "~",
            row_from=newest_first(end_ms - 1),
            row_to=newest_first(start_ms) + "~",
        )
        async for entity in scan(self._table, within):
            yield _from_entity(entity)


def _merged(stored: Activity, heard: Activity) -> Activity:
    greater = stored if stored.step.order >= heard.step.order else heard
    return replace(greater, sent_ms=stored.sent_ms or heard.sent_ms, etag=stored.etag)


def _to_entity(activity: Activity) -> Entity:
    values: dict[str, Value] = {
        "kind": activity.kind.value,
        "conversation": activity.conversation,
        "sender": activity.sender,
        "tag": activity.tag,
        "segments": activity.segments,
        "keyword": activity.keyword,
        "state": activity.step.state.value,
        "stateMs": activity.step.at_ms,
        "reason": activity.step.reason,
        "code": activity.step.code,
        "round": activity.step.round,
        "campaign": activity.campaign,
        "home": activity.home,
        "leaked": activity.leaked,
        "country": activity.country,
        "sentMs": activity.sent_ms,
    }
    return Entity(activity.partition, activity.row, values, activity.etag)


def _from_entity(entity: Entity) -> Activity:
    values: Mapping[str, Value] = entity.values
    step = Step(
        State(str(values["state"])),
        int(values["stateMs"]),
        str(values["reason"]),
        str(values["code"]),
        int(values["round"]),
    )
    return Activity(
        kind=Kind(str(values["kind"])),
        row=entity.row,
        conversation=str(values["conversation"]),
        sender=str(values["sender"]),
        step=step,
        tag=str(values["tag"]),
        segments=int(values["segments"]),
        keyword=str(values["keyword"]),
        campaign=str(values["campaign"]),
        home=str(values["home"]),
        # Rows of an earlier version have none of these.
        leaked=bool(values.get("leaked", False)),
        country=str(values.get("country", "")),
        sent_ms=int(values.get("sentMs", 0)),
        etag=entity.etag,
    )
