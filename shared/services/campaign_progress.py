"""Campaign progress: how many recipients are in which state, and who they are.

Messages are counted in their rows, block by block. A block whose messages have all ended is counted once, and the
count kept for a while, so that looking at a large campaign costs little.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.tables import Entity, Range, Table, Value, scan
from shared.rules.errors import InvalidRequest
from shared.rules.ids import MessageKey, Send, block_id, to_ms
from shared.rules.pacing import campaign_duration_ms
from shared.rules.states import ENDS
from shared.services.campaign_rows import PreparedRecipient, RowError
from shared.services.campaigns import CHUNKS_PER_BLOCK, Campaign, Campaigns, Chunk, Status
from shared.services.senders import Senders

_COUNTED_FOR_MS = 10 * 60_000
_MOST_PROBLEMS = 100
_CURSOR = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is. `gone`: recipients with a row of their own; `ends_ms`: when the last will leave, about.

    `held_until_ms`: until when the daily cap holds it up; None if it does not.
    """

    campaign: Campaign
    counts: Mapping[str, int]
    gone: int
    ends_ms: int | None
    held_until_ms: int | None
    errors: Sequence[RowError]


@dataclass(frozen=True, slots=True)
class RecipientState:
    """Where one recipient of a campaign is, and what it has chosen, if anything."""

    row: int
    to: str
    id: str
    state: str
    reason: str = ""
    choice: str = ""


class CampaignProgress:
    """Reads how far campaigns are."""

    def __init__(self, *, campaigns: Campaigns, messages: Table, counts: Table, senders: Senders, clock: Clock) -> None:
        self._campaigns = campaigns
        self._messages = messages
        self._counts = counts
        self._senders = senders
        self._clock = clock

    async def of(self, campaign_id: str) -> Progress:
        """Return how far a campaign is; NotFound if there is none."""
        campaign = await self._campaigns.get(campaign_id)
        sizes: Counter[int] = Counter()
        chunks = await self._campaigns.chunks(campaign)
        for chunk in chunks:
            sizes[chunk.number // CHUNKS_PER_BLOCK] += chunk.total
        counted = await asyncio.gather(*(self._count(campaign, block, size) for block, size in sizes.items()))
        counts: Counter[str] = Counter()
        for one in counted:
            counts.update(one)
        gone = counts.total()
        waiting = campaign.recipients - gone
        if waiting:
            counts[self._waiting_state(campaign)] += waiting
        problems = await self._campaigns.problems(campaign_id) if campaign.errors else []
        return Progress(
            campaign=campaign,
            counts=counts,
            gone=gone,
            ends_ms=self._ends_ms(campaign, chunks) if waiting else None,
            held_until_ms=self._held_until_ms(campaign, chunks),
            errors=problems[:_MOST_PROBLEMS],
        )

    async def recipients(
        self, campaign_id: str, state: str | None, limit: int, cursor: str | None
    ) -> tuple[tuple[RecipientState, ...], str | None]:
        """Return the recipients of one block after another, those in `state` only if one is given.

        A page is a block or what is left of it: it may be short, or empty, while more follow.

        Raises:
            NotFound: there is no such campaign.
            InvalidRequest: the cursor is not one of this list.
        """
        campaign = await self._campaigns.get(campaign_id)
        block, first = _position(cursor)
        chunks = range(block * CHUNKS_PER_BLOCK, min((block + 1) * CHUNKS_PER_BLOCK, campaign.chunks))
        if not chunks:
            return (), None
        found: list[RecipientState] = []
        for place, one in enumerate(await self._states(campaign, chunks)):
            if place >= first and state in (None, one.state):
                if len(found) == limit:
                    return tuple(found), f"{block}.{place}"
                found.append(one)
        return tuple(found), f"{block + 1}.0" if chunks.stop < campaign.chunks else None

    async def _states(self, campaign: Campaign, chunks: range) -> Sequence[RecipientState]:
        """Return where the recipients of the chunks of one block are."""
        send = campaign.send_of(chunks.start)
        parts = await asyncio.gather(*(self._campaigns.addressees(campaign.id, number) for number in chunks))
        rows = {
            entity.row: entity.values
            async for entity in scan(self._messages, Range(send.block_partition), ("state", "reason", "choice"))
        }
        waiting = self._waiting_state(campaign)
        return [
            _state_of(one, MessageKey.outbound(send, campaign.sender, one.to), rows, waiting)
            for addressees in parts
            for one in addressees
        ]

    async def _count(self, campaign: Campaign, block: int, size: int) -> Mapping[str, int]:
        send = Send(block_id(campaign.id, block), campaign.created_ms, block=True)
        kept = await self._counts.get(send.block_partition, "counts")
        now_ms = to_ms(self._clock.now())
        if kept and int(kept.values["countedMs"]) + _COUNTED_FOR_MS > now_ms:
            return dict(json.loads(str(kept.values["counts"])))
        counts: Counter[str] = Counter()
        async for entity in scan(self._messages, Range(send.block_partition), ("state",)):
            counts[str(entity.values["state"])] += 1
        if counts.total() == size and set(counts) <= {state.value for state in ENDS}:
            values: dict[str, Value] = {"counts": json.dumps(counts), "countedMs": now_ms}
            await self._counts.upsert(Entity(send.block_partition, "counts", values))
        return counts

    def _waiting_state(self, campaign: Campaign) -> str:
        return campaign.waiting_state(to_ms(self._clock.now())).value

    def _held_until_ms(self, campaign: Campaign, chunks: Sequence[Chunk]) -> int | None:
        now_ms = to_ms(self._clock.now())
        held = [chunk.full_until_ms for chunk in chunks if chunk.is_held(now_ms)]
        return max(held, default=None) if campaign.status is Status.RUNNING else None

    def _ends_ms(self, campaign: Campaign, chunks: Sequence[Chunk]) -> int | None:
        sender = self._senders.find(campaign.sender)
        if campaign.status is not Status.RUNNING or sender is None:
            return None
        now_ms = to_ms(self._clock.now())
        begins_ms = ends_ms = max(now_ms, campaign.send_at_ms, self._held_until_ms(campaign, chunks) or 0)
        waits_ms = {chunk: 0 if chunk.is_active(now_ms) else chunk.wake_ms for chunk in chunks if not chunk.closed}
        # Those that wait the longest first: whatever they wait for, all of them have to go after it.
        units = 0
        for chunk in sorted(waits_ms, key=lambda one: waits_ms[one], reverse=True):
            units += chunk.total - chunk.position
            ends_ms = max(ends_ms, max(begins_ms, waits_ms[chunk]) + campaign_duration_ms(units, sender.rate))
        return ends_ms


def _position(cursor: str | None) -> tuple[int, int]:
    match = _CURSOR.fullmatch(cursor or "0.0")
    if match is None:
        raise InvalidRequest(
            "This is not a page of this list. Begin without `skipToken`.", code="InvalidSkipToken", target="skipToken"
        )
    return int(match[1]), int(match[2])


def _state_of(
    one: PreparedRecipient, key: MessageKey, rows: Mapping[str, Mapping[str, object]], waiting: str
) -> RecipientState:
    stored = rows.get(key.row)
    if stored is None:
        return RecipientState(one.row, one.to, key.id, waiting)
    return RecipientState(
        one.row, one.to, key.id, str(stored["state"]), str(stored["reason"]), str(stored.get("choice", ""))
    )
