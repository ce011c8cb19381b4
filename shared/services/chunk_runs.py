"""Chunk runs: sending the recipients of a chunk group by group, each group as one request, at the sender's pace.

Before a group goes, the chunk's row says which recipients it is and since when: that is the claim, one small write for
up to 100 recipients. After it, one transaction writes a message row for each with what the carrier said. A worker
that dies in between leaves the claim; the next one repeats the group with the same ids inside the repeat window, and
leaves it unknown past it (invariants I2, I7).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.telemetry import Telemetry
from shared.rules.back_off import pause_s
from shared.rules.countries import ByCountry
from shared.rules.errors import CarrierThrottled, DailyCapReached, SmsError
from shared.rules.ids import from_ms, to_ms
from shared.rules.pacing import CAMPAIGN_AHEAD_MS
from shared.rules.quiet_hours import DayHours, next_allowed
from shared.rules.reasons import Reason
from shared.rules.states import State, Step
from shared.services.activity import Activity
from shared.services.allowance import Allowance
from shared.services.campaign_recipients import draft_of
from shared.services.campaign_rows import PreparedRecipient
from shared.services.campaigns import LEASE, Campaign, Campaigns, Chunk, Status
from shared.services.chunk_holds import ChunkHolds, freed, gone_of, segments_of
from shared.services.departure import REQUESTS_AT_ONCE, Claim, Departed, Departure, Overtaken, Settlement, refused
from shared.services.ends import Records
from shared.services.fence import UNREAD
from shared.services.messages import Message

# For how long a worker waits for its moment before it gives the chunk back to the queue.
_PATIENCE_MS = 10_000
_SHORTEST_WAIT_MS = 50
# A text that is let go is on its way within this time: so long before quiet hours begin, none is let go.
_CLOSING_MS = 3_000
_OVERDUE_MS = 60_000
_SOON_MS = 15 * 60_000
# After this long a worker hands the chunk on: well before its function times out, and while its lease lasts.
_SHIFT_MS = 45_000


@dataclass(frozen=True, slots=True)
class _Group:
    """The next recipients of a chunk: how many places they take, and who of them is to be sent, by place.

    `gone`: the segments of those who went, or may have, under the chunk's claim.
    """

    size: int
    left: Mapping[int, PreparedRecipient]
    gone: int = 0

    @property
    def segments(self) -> int:
        """Return the segments of those who are to be sent."""
        return segments_of(self.left.values())

    def only(self, places: Iterable[int]) -> _Group:
        """Return these places alone."""
        return replace(self, left={place: self.left[place] for place in places if place in self.left})

    def cut(self, position: int, count: int) -> _Group:
        """Return it up to the first of `left` who is not among the first `count` of them."""
        left_out = list(self.left)[count:]
        return replace(self.only(list(self.left)[:count]), size=left_out[0] - position) if left_out else self

    def without(self, places: Collection[int]) -> _Group:
        """Return all but these places."""
        return replace(self, left={place: one for place, one in self.left.items() if place not in places})


class ChunkRuns:
    """Does chunks."""

    def __init__(
        self,
        *,
        campaigns: Campaigns,
        records: Records,
        allowance: Allowance,
        departure: Departure,
        queue: Queue,
        hours: ByCountry[DayHours],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._campaigns = campaigns
        self._messages = records.messages
        self._activity = records.activity
        self._ends = records.ends
        self._pacer, self._caps = allowance.pacer, allowance.caps
        self._holds = ChunkHolds(campaigns, allowance.caps)
        self._departure = departure
        self._queue = queue
        self._hours = hours
        self._clock = clock
        self._telemetry = telemetry

    async def enqueue(self, chunk: Chunk, at_ms: int) -> None:
        """Put a chunk into the queue for a time that is soon, leave a later one to the timer.

        The timer looks at it again if nothing comes of it.
        """
        await self._rest_until(chunk, max(at_ms, self._now_ms()))

    async def run(self, campaign_id: str, number: int) -> bool:
        """Do a chunk as far as it can be done now; True when its place is free: it is closed, or waits for long.

        A chunk that is done, or that another worker is at, is left alone.
        """
        campaign = await self._campaigns.find(campaign_id)
        claimed = await self._campaigns.claim(campaign_id, number) if campaign else None
        if campaign is None or claimed is None:
            return False
        with self._telemetry.going_on("send chunk", campaign.traceparent):
            return await self._run(campaign, claimed)

    async def _run(self, campaign: Campaign, claimed: Chunk) -> bool:
        shift_ends_ms = self._now_ms() + _SHIFT_MS
        addressees = await self._campaigns.addressees(campaign.id, claimed.number)
        chunk: Chunk | None = await self._holds.settled(campaign, claimed)
        while chunk and not chunk.closed and chunk.lease_ms:
            if self._now_ms() > shift_ends_ms:
                await self._rest_until(chunk, self._now_ms())
                return False
            chunk = await self._step(campaign, chunk, addressees)
            if chunk and not chunk.closed and chunk.lease_ms:
                campaign = await self._campaigns.get(campaign.id)
        return bool(chunk and (chunk.closed or self._waits_for_long(chunk)))

    def _waits_for_long(self, chunk: Chunk) -> bool:
        # For the daily cap the others wait as well: none of them gets the place.
        now_ms = self._now_ms()
        return chunk.full_until_ms <= now_ms and chunk.wake_ms > now_ms + _SOON_MS + _OVERDUE_MS

    async def _step(self, campaign: Campaign, chunk: Chunk, addressees: Sequence[PreparedRecipient]) -> Chunk | None:
        if chunk.group:
            if chunk.not_before_ms > self._now_ms():
                return await self._rest_until(chunk, chunk.not_before_ms)
            claimed = addressees[chunk.position : chunk.position + chunk.group]
            group = await self._left(campaign, replace(chunk, recorded_to=chunk.total), claimed)
            return await self._at_its_moment(campaign, chunk, group, again=True)
        if chunk.position >= chunk.total:
            return await self._holds.close(campaign, chunk)
        if campaign.status in (Status.CANCELED, Status.DONE):
            return await self._end(campaign, chunk, addressees, State.CANCELED, Reason.CANCELED)
        if campaign.not_after_ms and self._now_ms() > campaign.not_after_ms:
            return await self._end(campaign, chunk, addressees, State.EXPIRED, Reason.EXPIRED)
        if campaign.status is Status.PAUSED:
            released = await self._holds.released(campaign, chunk)
            return await self._campaigns.keep(replace(released, lease_ms=0, wake_ms=0)) if released else None
        begin_ms = max(self._allowed_ms(campaign, addressees[chunk.position]), chunk.not_before_ms)
        if begin_ms > self._now_ms():
            return await self._rest(campaign, chunk, begin_ms)
        return await self._next(campaign, chunk, addressees[chunk.position :])

    async def _next(self, campaign: Campaign, chunk: Chunk, rest: Sequence[PreparedRecipient]) -> Chunk | None:
        following = await self._left(campaign, chunk, _next_group(rest, self._pacer.group_size(campaign.sender)))
        try:
            chunk, fitting = await self._holds.covered(campaign, chunk, tuple(following.left.values()), rest)
        except DailyCapReached as error:
            full_ms = self._now_ms() + (error.retry_after_s or 0) * 1000
            return await self._rest(campaign, replace(chunk, full_until_ms=full_ms), full_ms)
        group = following.cut(chunk.position, len(fitting))
        return await self._at_its_moment(campaign, chunk, group, again=False)

    async def _at_its_moment(self, campaign: Campaign, chunk: Chunk, group: _Group, *, again: bool) -> Chunk | None:
        if not group.left:
            return await self._go_on(campaign, replace(chunk, group=group.size), group.gone)
        room = await self._pacer.reserve_for_campaign(campaign.sender, len(group.left))
        wait_ms = max(0, room.at_ms - self._now_ms())
        if wait_ms > _PATIENCE_MS:
            return await self._rest(campaign, chunk, room.at_ms)
        if not room.reserved:
            await self._clock.sleep(max(wait_ms - CAMPAIGN_AHEAD_MS, _SHORTEST_WAIT_MS) / 1000)
            return chunk
        await self._clock.sleep(wait_ms / 1000)
        if again:
            return await self._repeat(campaign, chunk, group, room.at_ms)
        # The time has moved on while this waited: it must still be one at which these may be texted.
        if not self._may_text(campaign, group):
            return chunk
        return await self._claim_and_send(campaign, chunk, group, room.at_ms)

    async def _claim_and_send(self, campaign: Campaign, chunk: Chunk, group: _Group, go_ms: int) -> Chunk | None:
        now_ms = self._now_ms()
        lease_ms = now_ms + int(LEASE.total_seconds() * 1000)
        taken = replace(self._holds.claimed(chunk, group.segments), group=group.size, first_sent_ms=now_ms)
        claimed = await self._campaigns.keep(replace(taken, lease_ms=lease_ms, wake_ms=lease_ms))
        if claimed is None:
            return None
        if set(claimed.canceled) != set(chunk.canceled):
            group = await self._without_canceled(campaign, claimed, group)
        claims = [Claim(_draft(campaign, claimed, one), retaken=False) for one in group.left.values()]
        return await self._send(campaign, claimed, claims, go_ms, 0)

    async def _repeat(self, campaign: Campaign, chunk: Chunk, group: _Group, go_ms: int) -> Chunk | None:
        lost = [Claim(_draft(campaign, chunk, one), retaken=True) for one in group.left.values()]
        if not self._may_text(campaign, group):
            # The first try may never have reached the carrier: then a repeat would be the first, and too late.
            interrupted = Step(State.UNKNOWN, self._now_ms(), Reason.INTERRUPTED)
            ended = await self._record(campaign, [Settlement(claim.message, interrupted) for claim in lost])
            return await self._go_on(campaign, chunk, group.gone + gone_of(ended))
        return await self._send(campaign, chunk, lost, go_ms, group.gone)

    async def _left(self, campaign: Campaign, chunk: Chunk, group: Sequence[PreparedRecipient]) -> _Group:
        """Return who of a group is still to be sent; before its moment is reserved, since this may take a while."""
        everybody = _Group(len(group), dict(enumerate(group, chunk.position)))
        left = await self._without_canceled(campaign, chunk, everybody)
        return await self._without_recorded(campaign, chunk, left) if chunk.position < chunk.recorded_to else left

    async def _without_canceled(self, campaign: Campaign, chunk: Chunk, group: _Group) -> _Group:
        canceled = group.only(chunk.canceled)
        # Who canceled them writes this too, unless it died.
        waiting = replace(chunk, first_sent_ms=0)
        left = await self._without_recorded(campaign, waiting, canceled)
        end = Step(State.CANCELED, self._now_ms(), Reason.CANCELED)
        ends = [Settlement(_draft(campaign, waiting, one), end) for one in left.left.values()]
        await self._record(campaign, ends)
        return group.without(canceled.left)

    async def _without_recorded(self, campaign: Campaign, chunk: Chunk, group: _Group) -> _Group:
        keys = {place: _draft(campaign, chunk, one).key for place, one in group.left.items()}
        recorded = await asyncio.gather(*(self._messages.get(key) for key in keys.values()))
        # Whoever recorded these may have died before they were counted.
        await self._trace(campaign, [message for message in recorded if message])
        left = group.without([place for place, message in zip(keys, recorded, strict=True) if message])
        of_claim = [one for one in recorded if one and one.first_sent_ms == chunk.first_sent_ms]
        return replace(left, gone=gone_of(of_claim))

    async def _send(
        self, campaign: Campaign, chunk: Chunk, claims: Sequence[Claim], go_ms: int, gone: int
    ) -> Chunk | None:
        last_ms = self._last_ms(campaign, chunk)
        departed = await self._departure.go(campaign.send_of(chunk.number), claims, UNREAD, go_ms, last_ms)
        settlements = [*departed.settlements, *refused(departed, self._now_ms())]
        gone += gone_of(await self._record(campaign, settlements))
        if departed.error and departed.not_taken:
            return await self._wait(campaign, chunk, departed, departed.error, gone)
        return await self._go_on(campaign, chunk, gone)

    async def _wait(
        self, campaign: Campaign, chunk: Chunk, departed: Departed, error: SmsError, gone: int
    ) -> Chunk | None:
        # What has not gone is claimed anew, so that its repeat window begins anew; what may have gone is repeated.
        again = chunk
        may_have_gone = any(claim.retaken for claim in departed.not_taken)
        if not may_have_gone:
            recorded = bool(departed.settlements or departed.refused)
            recorded_to = max(chunk.recorded_to, chunk.position + chunk.group) if recorded else chunk.recorded_to
            again = replace(freed(chunk, gone), group=0, first_sent_ms=0, recorded_to=recorded_to)
        if isinstance(error, Overtaken):
            return again
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = pause_s(chunk.round, f"{chunk.campaign}{chunk.number}".encode(), may_have_gone=may_have_gone)
        if isinstance(error, CarrierThrottled) and error.retry_after_s is None:
            await self._pacer.slow_down(campaign.sender, wait_s)
        until_ms = self._now_ms() + wait_s * 1000
        return await self._rest(campaign, replace(again, round=chunk.round + 1, not_before_ms=until_ms), until_ms)

    async def _record(self, campaign: Campaign, settlements: Sequence[Settlement]) -> Sequence[Message]:
        messages = [settlement.settled for settlement in settlements]
        if not messages:
            return ()
        stored = await self._messages.put_all_new(messages)
        if not stored:
            merged = await asyncio.gather(*(self._put_or_merge(settlement) for settlement in settlements))
            messages = list(merged)
        await self._trace(campaign, messages)
        return messages

    async def _trace(self, campaign: Campaign, messages: Sequence[Message]) -> None:
        await self._ends.tell(messages)
        await self._activity.record([Activity.of(message) for message in messages])
        # A text that can be answered is there for the answer, which may be faster than the report.
        if campaign.words or not campaign.delivery_report:
            await asyncio.gather(*(self._messages.copy_to_conversation(message) for message in messages))

    async def _put_or_merge(self, settlement: Settlement) -> Message:
        stored, is_new = await self._messages.put_new(settlement.settled)
        if is_new:
            return stored
        carrier_message_id = settlement.carrier_message_id
        return await self._messages.settle(stored, settlement.step, carrier_message_id, settlement.trace)

    async def _go_on(self, campaign: Campaign, chunk: Chunk, gone: int) -> Chunk | None:
        done = chunk.position + chunk.group
        forward = replace(freed(chunk, gone), position=done, group=0, first_sent_ms=0, not_before_ms=0, round=0)
        # The next claim writes the row anyway; a worker that dies before it finds the group recorded.
        return await self._holds.close(campaign, forward) if done >= chunk.total else forward

    async def _end(
        self, campaign: Campaign, chunk: Chunk, addressees: Sequence[PreparedRecipient], state: State, reason: Reason
    ) -> Chunk | None:
        rest = await self._left(campaign, chunk, addressees[chunk.position :])
        end = Step(state, self._now_ms(), reason)
        await self._record(campaign, [Settlement(_draft(campaign, chunk, one), end) for one in rest.left.values()])
        released = await self._holds.released(campaign, replace(chunk, position=chunk.total, group=0))
        return await self._campaigns.keep(replace(released, closed=True)) if released else None

    async def _rest(self, campaign: Campaign, chunk: Chunk, until_ms: int) -> Chunk | None:
        # What expires before is not left waiting for longer than that; what may have gone does not expire.
        if campaign.not_after_ms and not chunk.group:
            until_ms = min(until_ms, campaign.not_after_ms + 1)
        is_long = until_ms - self._now_ms() > _SOON_MS
        resting = await self._holds.released(campaign, chunk) if is_long else chunk
        return await self._rest_until(resting, until_ms) if resting else None

    async def _rest_until(self, chunk: Chunk, until_ms: int) -> Chunk | None:
        soon = until_ms - self._now_ms() <= _SOON_MS
        wake_ms = until_ms + _OVERDUE_MS if soon else until_ms - _OVERDUE_MS
        kept = await self._campaigns.keep(replace(chunk, lease_ms=0, wake_ms=wake_ms))
        if kept and soon:
            await self._put(kept, until_ms)
        return kept

    async def _put(self, chunk: Chunk, at_ms: int) -> None:
        delay_s = -(-max(0, at_ms - self._now_ms()) // 1000)
        await self._queue.put(json.dumps({"campaign": chunk.campaign, "chunk": chunk.number}), delay_s=delay_s)

    def _may_text(self, campaign: Campaign, group: _Group) -> bool:
        expired = campaign.not_after_ms and self._now_ms() > campaign.not_after_ms
        first = next(iter(group.left.values()))
        return not expired and self._allowed_ms(campaign, first) <= self._now_ms()

    def _last_ms(self, campaign: Campaign, chunk: Chunk) -> int:
        """Return until when those who may be texted now may still be; 0 is for ever."""
        closing_ms = self._now_ms() + _CLOSING_MS if campaign.quiet else 0
        counted_ms = self._caps.last_ms(chunk.hold)
        return min(filter(None, (campaign.not_after_ms, closing_ms, counted_ms)), default=0)

    def _allowed_ms(self, campaign: Campaign, addressee: PreparedRecipient) -> int:
        """Return when this one may be texted: now, or later; all recipients of a chunk are in the same places."""
        earliest_ms = max(self._now_ms(), campaign.send_at_ms)
        if not campaign.quiet:
            return earliest_ms
        for at_ms in (earliest_ms, earliest_ms + _CLOSING_MS):
            allowed_ms = to_ms(next_allowed(addressee.to, from_ms(at_ms), self._hours))
            if allowed_ms > at_ms:
                return allowed_ms
        return earliest_ms

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _next_group(addressees: Sequence[PreparedRecipient], most: int) -> Sequence[PreparedRecipient]:
    """Return up to `most` recipients, of no more texts than may go side by side: each is a request."""
    texts: set[str] = set()
    for size, one in enumerate(addressees[:most]):
        texts.add(one.text)
        if len(texts) > REQUESTS_AT_ONCE:
            return addressees[:size]
    return addressees[:most]


def _draft(campaign: Campaign, chunk: Chunk, addressee: PreparedRecipient) -> Message:
    return draft_of(campaign, chunk.number, addressee, _first_step(campaign, chunk), chunk.first_sent_ms)


def _first_step(campaign: Campaign, chunk: Chunk) -> Step:
    if chunk.first_sent_ms:
        return Step(State.SENDING, chunk.first_sent_ms)
    return Step(State.QUEUED, campaign.created_ms)
