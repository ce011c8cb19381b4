"""Chunk holds: what the chunks of campaigns have of the daily caps, from before their groups go until they rest.

A chunk asks for all that is left of it at once, so that its groups need not ask. With the claim of a group its segments
leave the hold; what did not go of them comes back into it. What is left when the chunk rests for long or is done is
given back: written in the chunk's row first, since another worker may have taken the chunk over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

from shared.rules.errors import DailyCapReached
from shared.rules.segments import count_segments
from shared.services.campaign_rows import PreparedRecipient
from shared.services.campaigns import Campaign, Campaigns, Chunk
from shared.services.daily_caps import DailyCaps
from shared.services.messages import Message


class ChunkHolds:
    """Takes from the daily caps for chunks, and gives back."""

    def __init__(self, campaigns: Campaigns, caps: DailyCaps) -> None:
        self._campaigns = campaigns
        self._caps = caps

    async def settled(self, campaign: Campaign, chunk: Chunk) -> Chunk:
        """Return the chunk with that given back of which a worker has written that it is to be."""
        return replace(chunk, hold=await self._caps.give_back(chunk.holder(campaign.caller), chunk.hold))

    async def covered(
        self, campaign: Campaign, chunk: Chunk, group: Sequence[PreparedRecipient], rest: Sequence[PreparedRecipient]
    ) -> tuple[Chunk, Sequence[PreparedRecipient]]:
        """Return the chunk with some of today's cap, and those of the next group who fit in it: one at least.

        `rest` is all that is left of the chunk, the group included.

        Raises:
            DailyCapReached: there is not enough for the next recipient.
        """
        held = chunk.hold.on(self._caps.today)
        if not self._caps.are_set or held >= segments_of(group):
            return chunk, group
        first = segments_of(group[:1])
        try:
            wanted, least = segments_of(rest) - held, max(1, first - held)
            chunk = replace(chunk, hold=await self._caps.take(chunk.holder(campaign.caller), chunk.hold, wanted, least))
        except DailyCapReached:
            if held < first:
                raise
        sums = accumulate(segments_of([one]) for one in group)
        return chunk, group[: sum(needed <= chunk.hold.segments for needed in sums)]

    def claimed(self, chunk: Chunk, segments: int) -> Chunk:
        """Return the chunk with so many segments out of its hold, for the group that it claims."""
        taken = min(segments, chunk.hold.segments) if self._caps.are_set else 0
        left = replace(chunk.hold, segments=chunk.hold.segments - taken)
        return replace(chunk, hold=left, claimed=taken, full_until_ms=0)

    async def released(self, campaign: Campaign, chunk: Chunk) -> Chunk | None:
        """Return the chunk with all given back that it holds; None if another worker has it."""
        # What a worker that died had asked for is found by asking for nothing.
        hold = await self._caps.take(chunk.holder(campaign.caller), chunk.hold, 0, 0)
        return await self._given_back(campaign, replace(chunk, hold=hold))

    async def close(self, campaign: Campaign, chunk: Chunk) -> Chunk | None:
        """Close a chunk that is done, and give back what it holds; None if another worker has it."""
        settled = await self._given_back(campaign, chunk)
        return await self._campaigns.keep(replace(settled, closed=True)) if settled else None

    async def _given_back(self, campaign: Campaign, chunk: Chunk) -> Chunk | None:
        if not chunk.hold.segments:
            return chunk
        kept = await self._campaigns.keep(replace(chunk, hold=chunk.hold.without(chunk.hold.segments)))
        return await self.settled(campaign, kept) if kept else None


def segments_of(addressees: Iterable[PreparedRecipient]) -> int:
    """Return the segments of the texts to these recipients."""
    return sum(count_segments(one.text).segments for one in addressees)


def gone_of(messages: Iterable[Message]) -> int:
    """Return the segments of those that went, or may have."""
    return sum(one.segments for one in messages if one.may_have_gone)


def freed(chunk: Chunk, gone: int) -> Chunk:
    """Return the chunk without its claim on the cap: what has not gone of it is held again."""
    spare = max(0, chunk.claimed - gone)
    return replace(chunk, claimed=0, hold=replace(chunk.hold, segments=chunk.hold.segments + spare))
