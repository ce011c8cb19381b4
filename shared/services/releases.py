"""Releases: what a timer does so that nothing waits for ever (invariant I7).

It wakes the batches that are due, keeps a few chunks of each running campaign in the queue, takes up what a worker
that died or a queue that lost a message left, and ends the campaigns whose chunks are all done. It may run twice or
late: what it wakes is leased to one worker, and what is done does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.ports.clock import Clock
from shared.ports.telemetry import Metric, Telemetry
from shared.rules.ids import to_ms
from shared.services.batches import Batches
from shared.services.campaigns import Campaign, Campaigns, Chunk, Status
from shared.services.chunk_runs import ChunkRuns
from shared.services.daily_caps import DailyCaps
from shared.services.dispatch import Dispatch
from shared.services.senders import Senders

_FEWEST_AT_ONCE = 3
_MOST_AT_ONCE = 24
_UNITS_PER_CHUNK_AT_ONCE = 2_000
# Chunks are put into the queue so long before their campaign begins.
_AHEAD_MS = 2 * 60_000


class Releases:
    """Wakes what is due."""

    def __init__(
        self,
        *,
        batches: Batches,
        dispatch: Dispatch,
        campaigns: Campaigns,
        chunk_runs: ChunkRuns,
        senders: Senders,
        caps: DailyCaps,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._batches = batches
        self._dispatch = dispatch
        self._campaigns = campaigns
        self._chunk_runs = chunk_runs
        self._senders = senders
        self._caps = caps
        self._clock = clock
        self._telemetry = telemetry

    async def run(self) -> None:
        """Wake every batch and campaign whose time has come."""
        await self._wake_batches()
        await self._feed_campaigns()

    async def _wake_batches(self) -> None:
        now_ms = oldest_ms = to_ms(self._clock.now())
        async for batch in self._batches.until_soon():
            oldest_ms = min(oldest_ms, batch.due_ms)
            if batch.is_to_wake(now_ms):
                await self._dispatch.wake(batch)
        self._telemetry.measured(Metric.OLDEST_QUEUED, (now_ms - oldest_ms) / 1000, "single")

    async def _feed_campaigns(self) -> None:
        now_ms = oldest_ms = to_ms(self._clock.now())
        async for campaign in self._campaigns.running():
            if campaign.status is Status.RUNNING:
                oldest_ms = min(oldest_ms, max(campaign.send_at_ms, campaign.created_ms))
            await self.feed(campaign)
        self._telemetry.measured(Metric.OLDEST_QUEUED, (now_ms - oldest_ms) / 1000, "campaign")

    async def feed(self, campaign: Campaign) -> None:
        """Keep as many chunks of a campaign going as its sender's rate can use; end it when all are closed."""
        if campaign.status is Status.RUNNING and campaign.send_at_ms > to_ms(self._clock.now()) + _AHEAD_MS:
            return
        chunks = await self._campaigns.chunks(campaign)
        waiting = [chunk for chunk in chunks if not chunk.closed]
        if not waiting:
            ended = Status.CANCELED if campaign.status is Status.CANCELED else Status.DONE
            await self._campaigns.end(campaign, ended)
            return
        if campaign.status is Status.PAUSED:
            # What a worker that died was handing over is settled all the same: its window for repeats ends.
            waiting = [chunk for chunk in waiting if chunk.is_settling]
        elif await self._is_full(campaign, waiting):
            # No chunk would find room before midnight.
            now_ms = to_ms(self._clock.now())
            waiting = [chunk for chunk in waiting if chunk.is_settling and not chunk.is_held(now_ms)]
        for chunk in self._next(campaign, waiting):
            await self._chunk_runs.enqueue(chunk, campaign.send_at_ms if campaign.status is Status.RUNNING else 0)

    async def go_on(self, campaign_id: str, number: int) -> None:
        """Do a chunk, and when its place is free put the next one in it."""
        if not await self._chunk_runs.run(campaign_id, number):
            return
        campaign = await self._campaigns.get(campaign_id)
        if campaign.status is Status.PAUSED:
            return
        place = number + self._at_once(campaign)
        following = await self._campaigns.chunk(campaign_id, place) if place < campaign.chunks else None
        if following and following.may_start(to_ms(self._clock.now())):
            await self._chunk_runs.enqueue(following, campaign.send_at_ms)
        else:
            await self.feed(campaign)

    async def _is_full(self, campaign: Campaign, waiting: Sequence[Chunk]) -> bool:
        now_ms = to_ms(self._clock.now())
        if campaign.status is not Status.RUNNING or not any(one.is_held(now_ms) for one in waiting):
            return False
        # The cap may have been raised, or much been given back.
        return not await self._caps.have_room_again(campaign.caller)

    def _next(self, campaign: Campaign, waiting: Sequence[Chunk]) -> Sequence[Chunk]:
        now_ms = to_ms(self._clock.now())
        room = self._at_once(campaign) - sum(chunk.is_active(now_ms) for chunk in waiting)
        # What waits for the morning need not wait to be canceled.
        canceled = campaign.status is Status.CANCELED
        ready = [
            one
            for one in waiting
            if one.may_start(now_ms) or ((canceled or one.is_held(now_ms)) and not one.is_active(now_ms))
        ]
        return ready[: max(0, room)]

    def _at_once(self, campaign: Campaign) -> int:
        # A sender may be taken out of the settings while its campaigns run: they must not hold up the others.
        sender = self._senders.find(campaign.sender)
        units = sender.rate.units if sender else 0
        return max(_FEWEST_AT_ONCE, min(_MOST_AT_ONCE, units // _UNITS_PER_CHUNK_AT_ONCE))
