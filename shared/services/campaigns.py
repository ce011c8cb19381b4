"""Campaigns as they are stored: one partition each, with the campaign, its chunks, and the recipients of each chunk.

A chunk is up to 100 recipients whose number and placeholders are kept in one row, so that 100,000 recipients are a
thousand small writes, not a hundred thousand. Messages get rows of their own when they leave (see chunk_runs).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, Write, scan
from shared.rules.choices import NO_WORDS, ChoiceWords
from shared.rules.errors import NotFound, StorageUnavailable
from shared.rules.holds import NOTHING, Hold
from shared.rules.ids import Send, block_id, newest_first, to_ms
from shared.rules.pacing import Rate, group_size
from shared.rules.states import State
from shared.services.campaign_rows import PreparedRecipient, RowError
from shared.services.daily_caps import Holder

LEASE = timedelta(seconds=60)
CHUNKS_PER_BLOCK = 10
# The row of a campaign in its partition, and the partitions of all of them and of those that have not ended.
CAMPAIGN = "campaign"
INDEX = "index"
RUNNING = "running"
_ACTIVE_MS = 5 * 60_000
# Well below the lease of the request that starts a campaign.
_STORED_WITHIN = timedelta(seconds=45)
_TRANSACTION_LIMIT = 100
_TRANSACTION_CHARACTERS = 1_000_000


class Status(StrEnum):
    """Where a campaign is: running (or waiting for its time), paused, canceled, or done.

    `held` is shown and never stored: it runs, and waits for another day since the daily cap has no room.
    """

    RUNNING = "running"
    PAUSED = "paused"
    CANCELED = "canceled"
    DONE = "done"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign. Times in ms, 0 is none; `quiet` tells whether quiet hours are kept, `caller` who started it.

    `words`: by which its texts can be answered.
    `traceparent`: the trace in which it was accepted.
    """

    id: str
    name: str
    sender: str
    text: str
    tag: str
    created_ms: int
    send_at_ms: int
    not_after_ms: int
    quiet: bool
    delivery_report: bool
    status: Status
    chunks: int
    recipients: int
    duplicates: int
    errors: int
    caller: str = ""
    words: ChoiceWords = NO_WORDS
    traceparent: str = ""
    etag: str = ""

    def send_of(self, chunk: int) -> Send:
        """Return the request that the messages of a chunk belong to: that of its block."""
        return Send(block_id(self.id, chunk // CHUNKS_PER_BLOCK), self.created_ms, block=True)

    def waiting_state(self, now_ms: int) -> State:
        """Return the state of the recipients whose turn has not come."""
        if self.status is Status.CANCELED:
            return State.CANCELED
        return State.SCHEDULED if self.send_at_ms > now_ms else State.QUEUED


@dataclass(frozen=True, slots=True)
class Chunk:
    """How far a chunk is. Times in ms, 0 is none.

    `position`: how many recipients have been done; `group`: how many are being handed over, since `first_sent_ms`;
    `recorded_to`: of the places before this one, some at or behind `position` may have been done already, and have
    rows; `not_before_ms`: until when ACS asks for a pause; `wake_ms`: when the timer looks at it; 0 is when its
    turn comes; `canceled`: the places of recipients that were canceled one by one before their group was claimed;
    `revision`: how often workers have written it. `hold`: what it has of the daily cap, besides `claimed`, the
    segments of the group; `full_until_ms`: until when the cap has no room.
    """

    campaign: str
    number: int
    total: int
    position: int = 0
    group: int = 0
    first_sent_ms: int = 0
    recorded_to: int = 0
    not_before_ms: int = 0
    wake_ms: int = 0
    lease_ms: int = 0
    round: int = 0
    closed: bool = False
    canceled: tuple[int, ...] = ()
    revision: int = 0
    hold: Hold = NOTHING
    claimed: int = 0
    full_until_ms: int = 0
    etag: str = ""

    def holder(self, caller: str) -> Holder:
        """Return who this is to the daily caps."""
        return Holder(f"{self.campaign}.{self.number:05d}", caller)

    @property
    def is_settling(self) -> bool:
        """Tell whether a worker has it, or has died and left something to be settled: texts, or a part of the cap."""
        return bool(self.group or self.lease_ms or self.hold.segments or self.hold.back)

    def is_active(self, now_ms: int) -> bool:
        """Tell whether a worker or the queue has it; one that waits for long, for the morning say, is not active."""
        until_ms = max(self.wake_ms, self.lease_ms)
        return not self.closed and now_ms < until_ms <= now_ms + _ACTIVE_MS

    def is_held(self, now_ms: int) -> bool:
        """Tell whether it waits for another day, since the daily cap has no room."""
        return not self.closed and self.full_until_ms > now_ms

    def may_start(self, now_ms: int) -> bool:
        """Tell whether neither a worker nor the queue has it, and it waits for nothing else."""
        return not self.closed and max(self.wake_ms, self.lease_ms) <= now_ms


class Campaigns:
    """The campaigns in their table."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def create(
        self, campaign: Campaign, chunks: Sequence[Sequence[PreparedRecipient]], problems: Sequence[RowError]
    ) -> None:
        """Store a campaign with its recipients; it is there only when all of it is.

        The first write lists it as running, so that what is left of it is found if this breaks off. The last one is the
        campaign itself, so that a half-written one is never seen, and never sent.

        Raises:
            StorageUnavailable: also when it takes so long that another worker may have begun anew, and begun to send:
                from then on, no write of this one may undo the other's.
        """
        now = self._clock.now()
        until = now + _STORED_WITHIN
        begun: dict[str, Value] = {"begunMs": to_ms(now), "createdMs": campaign.created_ms}
        await self._table.upsert(Entity(RUNNING, campaign.id, begun))
        writes = [
            Write("upsert", entity)
            for number, addressees in enumerate(chunks)
            for entity in (
                _chunk_entity(Chunk(campaign.id, number, len(addressees))),
                Entity(campaign.id, _names_row(number), {"names": _names_json(addressees)}),
            )
        ]
        writes += [Write("upsert", entity) for entity in _problem_entities(campaign.id, problems)]
        for transaction in _transactions(writes):
            if self._clock.now() > until:
                raise StorageUnavailable("Storage is too slow for this campaign now. Try again later.")
            await self._table.transact(transaction)
        listed = index_row(campaign.id, campaign.created_ms)
        await self._table.upsert(Entity(INDEX, listed, {"campaign": campaign.id}))
        with contextlib.suppress(EntityExists):
            await self._table.insert(_campaign_entity(campaign))

    async def find(self, campaign_id: str) -> Campaign | None:
        """Return a campaign, None if there is none."""
        entity = await self._table.get(campaign_id, CAMPAIGN)
        return _campaign_from(entity) if entity else None

    async def get(self, campaign_id: str) -> Campaign:
        """Return a campaign; NotFound if there is none."""
        campaign = await self.find(campaign_id)
        if campaign is None:
            raise NotFound("There is no campaign with this id.", code="CampaignNotFound", target="id")
        return campaign

    async def set_status(self, campaign_id: str, status: Status) -> Campaign:
        """Change where a campaign is; one that has ended stays as it is."""
        while True:
            campaign = await self.get(campaign_id)
            if campaign.status in (status, Status.CANCELED, Status.DONE):
                return campaign
            try:
                await self._table.replace(_campaign_entity(replace(campaign, status=status)))
            except EntityChanged:
                continue
            return replace(campaign, status=status)

    async def end(self, campaign: Campaign, status: Status) -> None:
        """Note that no chunk is left to do: the timer need not look at the campaign again."""
        await self.set_status(campaign.id, status)
        await self._table.delete(RUNNING, campaign.id)

    async def page(self, limit: int, cursor: str | None) -> tuple[tuple[Campaign, ...], str | None]:
        """Return campaigns, the newest first, and the next page's cursor."""
        page = await self._table.query(Range(INDEX), limit=limit, cursor=cursor)
        found = await asyncio.gather(*(self.find(str(entity.values["campaign"])) for entity in page.entities))
        return tuple(campaign for campaign in found if campaign), page.cursor

    async def running(self) -> AsyncIterator[Campaign]:
        """Yield the campaigns that have not ended."""
        async for entity in scan(self._table, Range(RUNNING)):
            campaign = await self.find(entity.row)
            if campaign:
                yield campaign

    async def chunks(self, campaign: Campaign) -> Sequence[Chunk]:
        """Return all chunks of a campaign, in order."""
        # A first try that broke off may have left more of them, if another rate cut it into smaller ones.
        rows = Range(campaign.id, row_from="chunk.", row_to=_chunk_row(campaign.chunks))
        return [_chunk_from(entity) async for entity in scan(self._table, rows)]

    async def chunk(self, campaign_id: str, number: int) -> Chunk | None:
        """Return one chunk, None if there is none."""
        entity = await self._table.get(campaign_id, _chunk_row(number))
        return _chunk_from(entity) if entity else None

    async def claim(self, campaign_id: str, number: int) -> Chunk | None:
        """Lease a chunk to this worker; None if it is done, or another worker is at it."""
        chunk = await self.chunk(campaign_id, number)
        now = self._clock.now()
        if chunk is None or chunk.closed or chunk.lease_ms > to_ms(now):
            return None
        until_ms = to_ms(now + LEASE)
        return await self.keep(replace(chunk, lease_ms=until_ms, wake_ms=max(chunk.wake_ms, until_ms)))

    async def keep(self, chunk: Chunk) -> Chunk | None:
        """Write a chunk that was read, with what was canceled in it since; None if another worker has written it."""
        while True:
            following = replace(chunk, revision=chunk.revision + 1)
            try:
                return replace(following, etag=await self._table.replace(_chunk_entity(following)))
            except EntityChanged:
                stored = await self.chunk(chunk.campaign, chunk.number)
                if stored is None or stored.revision != chunk.revision:
                    return None
                chunk = replace(chunk, canceled=stored.canceled, etag=stored.etag)

    async def cancel_place(self, chunk: Chunk, place: int) -> bool:
        """Cancel one recipient of a chunk that was read; False if it has been written since, and must be read again.

        No group that is claimed from now on holds this recipient. A worker that has the chunk goes on with it.
        """
        try:
            await self._table.replace(_chunk_entity(replace(chunk, canceled=(*chunk.canceled, place))))
        except EntityChanged:
            return False
        return True

    async def addressees(self, campaign_id: str, number: int) -> tuple[PreparedRecipient, ...]:
        """Return the recipients of a chunk, in the order in which they are texted."""
        entity = await self._table.get(campaign_id, _names_row(number))
        return _addressees(str(entity.values["names"])) if entity else ()

    async def problems(self, campaign_id: str) -> Sequence[RowError]:
        """Return what was wrong with rows of the upload, by row."""
        rows = Range(campaign_id, row_from="problems.", row_to="problems/")
        return [
            RowError(*problem)
            async for entity in scan(self._table, rows)
            for problem in json.loads(str(entity.values["problems"]))
        ]


def chunked(
    addressees: Sequence[PreparedRecipient], places: Callable[[PreparedRecipient], object], rate: Rate
) -> list[list[PreparedRecipient]]:
    """Cut recipients into chunks: up to 100 of the same places each, and no more text than one row holds.

    A full chunk is whole requests of the size that the rate asks for, so that none is left with a few recipients.
    """
    size = _TRANSACTION_LIMIT - _TRANSACTION_LIMIT % group_size(rate)
    chunks: list[list[PreparedRecipient]] = []
    room = 0
    here: object = None
    texts: set[str] = set()
    for one in addressees:
        needed = 32 + (0 if one.text in texts else len(json.dumps(one.text)))
        before, here = here, places(one)
        if not chunks or len(chunks[-1]) == size or needed > room or here != before:
            chunks.append([])
            room, texts = _NAMES_CHARACTERS, set()
            needed = 32 + len(json.dumps(one.text))
        chunks[-1].append(one)
        texts.add(one.text)
        room -= needed
    return chunks


# A string property holds 32,768 characters.
_NAMES_CHARACTERS = 30_000


def _names_json(addressees: Sequence[PreparedRecipient]) -> str:
    texts = list(dict.fromkeys(one.text for one in addressees))
    places = {text: place for place, text in enumerate(texts)}
    return json.dumps(
        {"texts": texts, "to": [[one.row, one.to, places[one.text]] for one in addressees]}, separators=(",", ":")
    )


def _addressees(stored: str) -> tuple[PreparedRecipient, ...]:
    names = json.loads(stored)
    return tuple(PreparedRecipient(row, number, names["texts"][place]) for row, number, place in names["to"])


def _problem_entities(campaign_id: str, problems: Sequence[RowError]) -> list[Entity]:
    parts = [problems[start : start + 150] for start in range(0, len(problems), 150)]
    return [
        Entity(
            campaign_id,
            f"problems.{number:05d}",
            {"problems": json.dumps([[one.row, one.code, one.message] for one in part])},
        )
        for number, part in enumerate(parts)
    ]


def _transactions(writes: Sequence[Write]) -> list[list[Write]]:
    transactions: list[list[Write]] = []
    size = 0
    for write in writes:
        needed = sum(len(str(value)) for value in write.entity.values.values()) + 500
        full = not transactions or len(transactions[-1]) == _TRANSACTION_LIMIT
        if full or size + needed > _TRANSACTION_CHARACTERS:
            transactions.append([])
            size = 0
        transactions[-1].append(write)
        size += needed
    return transactions


def index_row(campaign_id: str, created_ms: int) -> str:
    """Return the row of a campaign in the list of all."""
    return f"{newest_first(created_ms)}-{campaign_id}"


def _chunk_row(number: int) -> str:
    return f"chunk.{number:05d}"


def _names_row(number: int) -> str:
    return f"names.{number:05d}"


def _campaign_entity(campaign: Campaign) -> Entity:
    values: dict[str, Value] = {
        "name": campaign.name,
        "sender": campaign.sender,
        "text": campaign.text,
        "tag": campaign.tag,
        "createdMs": campaign.created_ms,
        "sendAtMs": campaign.send_at_ms,
        "notAfterMs": campaign.not_after_ms,
        "quiet": campaign.quiet,
        "deliveryReport": campaign.delivery_report,
        "status": campaign.status.value,
        "chunks": campaign.chunks,
        "recipients": campaign.recipients,
        "duplicates": campaign.duplicates,
        "errors": campaign.errors,
        "caller": campaign.caller,
        "choiceWords": campaign.words.to_json(),
        "traceparent": campaign.traceparent,
    }
    return Entity(campaign.id, CAMPAIGN, values, campaign.etag)


def _campaign_from(entity: Entity) -> Campaign:
    values = entity.values
    return Campaign(
        id=entity.partition,
        name=str(values["name"]),
        sender=str(values["sender"]),
        text=str(values["text"]),
        tag=str(values["tag"]),
        created_ms=int(values["createdMs"]),
        send_at_ms=int(values["sendAtMs"]),
        not_after_ms=int(values["notAfterMs"]),
        quiet=bool(values["quiet"]),
        delivery_report=bool(values["deliveryReport"]),
        status=Status(str(values["status"])),
        chunks=int(values["chunks"]),
        recipients=int(values["recipients"]),
        duplicates=int(values["duplicates"]),
        errors=int(values["errors"]),
        caller=str(values.get("caller", "")),
        words=ChoiceWords.from_json(str(values.get("choiceWords", ""))),
        traceparent=str(values.get("traceparent", "")),
        etag=entity.etag,
    )


def _chunk_entity(chunk: Chunk) -> Entity:
    values: dict[str, Value] = {
        "total": chunk.total,
        "position": chunk.position,
        "group": chunk.group,
        "firstSentMs": chunk.first_sent_ms,
        "recordedTo": chunk.recorded_to,
        "notBeforeMs": chunk.not_before_ms,
        "wakeMs": chunk.wake_ms,
        "leaseMs": chunk.lease_ms,
        "round": chunk.round,
        "closed": chunk.closed,
        "canceled": json.dumps(chunk.canceled),
        "revision": chunk.revision,
        "hold": chunk.hold.to_json(),
        "claimed": chunk.claimed,
        "fullUntilMs": chunk.full_until_ms,
    }
    return Entity(chunk.campaign, _chunk_row(chunk.number), values, chunk.etag)


def _chunk_from(entity: Entity) -> Chunk:
    values = entity.values
    return Chunk(
        campaign=entity.partition,
        number=int(entity.row.removeprefix("chunk.")),
        total=int(values["total"]),
        position=int(values["position"]),
        group=int(values["group"]),
        first_sent_ms=int(values["firstSentMs"]),
        not_before_ms=int(values["notBeforeMs"]),
        wake_ms=int(values["wakeMs"]),
        lease_ms=int(values["leaseMs"]),
        round=int(values["round"]),
        closed=bool(values["closed"]),
        # Rows of an earlier version have none of these.
        recorded_to=int(values.get("recordedTo", 0)),
        canceled=tuple(json.loads(str(values.get("canceled", "[]")))),
        revision=int(values.get("revision", 0)),
        hold=Hold.from_json(str(values.get("hold", ""))),
        claimed=int(values.get("claimed", 0)),
        full_until_ms=int(values.get("fullUntilMs", 0)),
        etag=entity.etag,
    )
