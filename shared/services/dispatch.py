"""Dispatch: doing a batch, from its due time to what the carrier said of each message.

The order of things keeps the promises. Opt-outs are read, then rows are claimed as `sending`, so that a crash leaves
a trace. Room is reserved on the sender's schedule (invariant I4); at that moment, right before the call, opt-outs are
asked for again if what is known of them is old (I1). The ids on the wire come from the request's key and the
recipient: when a worker died between the claim and the answer, the next one repeats the call with the same ids, which
ACS answers for the first (I2). Past the repeat window nobody knows, and the message stays `unknown` until a report
settles it. What cannot go now waits in the queue, and a timer looks after what the queue loses (I7).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.rules.back_off import pause_s
from shared.rules.errors import CarrierRefused, CarrierThrottled, DailyCapReached, SmsError
from shared.rules.holds import Hold
from shared.rules.ids import to_ms
from shared.rules.pacing import LATENESS_MS
from shared.rules.reasons import Reason
from shared.rules.states import ENDS, WAITING, State, Step
from shared.services.activity import Activity
from shared.services.allowance import Allowance
from shared.services.batches import Batch, Batches
from shared.services.departure import Claim, Departed, Departure, Overtaken, Settlement, reason_of, refused
from shared.services.ends import Records
from shared.services.fence import OPEN, Fence, Fences
from shared.services.messages import Message

# For how long a worker waits for its moment; what goes later waits in the queue, and comes out this much before.
_AHEAD_MS = 2_000
# The timer looks after a queued batch this long after it should have gone.
_OVERDUE_MS = 60_000
# What is due later than this waits for the timer, not in the queue.
_SOON_MS = 15 * 60_000
_KNOWN = {State.SENT, *ENDS}


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A batch whose rows have been claimed: who has left, the claims, and the activity rows with their ETags."""

    batch: Batch
    fence: Fence
    claims: Sequence[Claim]
    traces: Mapping[str, Activity]

    @property
    def ended(self) -> Sequence[Message]:
        """Return the messages that have ended, of which the application may not have been told."""
        new = [claim.message for claim in self.claims if not claim.retaken]
        return [*new, *_untold(self.batch, [claim.message for claim in self.claims if claim.retaken])]

    @property
    def open(self) -> Sequence[Claim]:
        """Return the claims that are to be handed over."""
        return [claim for claim in self.claims if claim.message.state is State.SENDING]


class Dispatch:
    """Does batches."""

    def __init__(
        self,
        *,
        records: Records,
        batches: Batches,
        fences: Fences,
        departure: Departure,
        allowance: Allowance,
        queue: Queue,
        clock: Clock,
    ) -> None:
        self._messages = records.messages
        self._activity = records.activity
        self._ends = records.ends
        self._batches = batches
        self._fences = fences
        self._departure = departure
        self._pacer, self._caps = allowance.pacer, allowance.caps
        self._queue = queue
        self._clock = clock

    async def run(self, batch: Batch, *, asked: bool = False) -> tuple[Message, ...]:
        """Do a batch that is leased to this worker, as far as it can be done now; return its messages.

        `asked`: a caller waits for the answer, and is told if the daily cap has no room, instead of the texts waiting.

        Raises:
            DailyCapReached: a caller waits, and nothing of the batch has been stored; it is forgotten.
            CarrierRefused: ACS refused it for good, and none of its messages has gone.
            StorageUnavailable: what became of it could not be read or recorded; it will be taken up again.
        """
        now_ms = self._now_ms()
        if batch.next_ms - now_ms > _AHEAD_MS:
            state = State.SCHEDULED if batch.ready_ms == batch.due_ms else State.QUEUED
            return await self._postpone(batch, Step(state, now_ms, round=batch.round))
        await self._clock.sleep(max(0, batch.begin_ms - now_ms) / 1000)
        if batch.not_after_ms and self._now_ms() > batch.not_after_ms:
            return await self._expire(batch)
        try:
            batch = await self._covered(batch)
        except DailyCapReached as error:
            return await self._hold_up(batch, error, asked=asked)
        claimed = await self._claim(batch)
        if claimed.open and batch.go_ms + LATENESS_MS < self._now_ms():
            batch = replace(batch, go_ms=await self._pacer.reserve(batch.sender, len(claimed.open)))
        return await self._depart(replace(claimed, batch=batch))

    async def wake(self, batch: Batch) -> None:
        """Put a batch that is due into the queue, and look at it again if nothing comes of it."""
        at_ms = max(batch.next_ms, self._now_ms())
        if await self._batches.keep(replace(batch, wake_ms=at_ms + _OVERDUE_MS)):
            await self._enqueue(batch, at_ms)

    async def _postpone(self, batch: Batch, step: Step) -> tuple[Message, ...]:
        # What waits already says why.
        drafts = [batch.draft(recipient, step) for recipient in batch.recipients]
        stored = await asyncio.gather(*(self._messages.put_new(draft) for draft in drafts))
        messages = tuple(message for message, _ in stored)
        await self._ends.tell(_untold(batch, messages))
        await self._activity.record([Activity.of(message) for message in messages])
        await self._put_back(batch, batch.next_ms)
        return messages

    async def _expire(self, batch: Batch) -> tuple[Message, ...]:
        expired = Step(State.EXPIRED, self._now_ms(), Reason.EXPIRED)
        drafts = [batch.draft(recipient, expired) for recipient in batch.recipients]
        messages = tuple(await asyncio.gather(*(self._expire_one(draft) for draft in drafts)))
        await self._ends.tell(messages)
        messages = await self._agreed(messages)
        # What a worker that died had asked of the daily cap is found by asking for nothing.
        batch = replace(batch, hold=await self._caps.take(batch.holder, await self._settled(batch), 0, 0))
        await self._close(batch, messages)
        return messages

    async def _expire_one(self, draft: Message) -> Message:
        message, _ = await self._messages.claim(draft)
        if message.state is not State.SENDING:
            return message
        # An earlier worker may have handed it over; it is not repeated any more.
        return await self._messages.settle(message, Step(State.UNKNOWN, self._now_ms(), Reason.INTERRUPTED))

    async def _covered(self, batch: Batch) -> Batch:
        """Return the batch with all that may still go counted for today's cap."""
        hold = await self._settled(batch)
        lacking = batch.needed - hold.on(self._caps.today)
        if lacking > 0:
            hold = await self._caps.take(batch.holder, hold, lacking, lacking)
        return replace(batch, hold=hold)

    async def _settled(self, batch: Batch) -> Hold:
        return await self._caps.give_back(batch.holder, batch.hold)

    async def _hold_up(self, batch: Batch, error: DailyCapReached, *, asked: bool) -> tuple[Message, ...]:
        first = [batch.draft(one, Step(State.QUEUED, self._now_ms(), Reason.DAILY_CAP)) for one in batch.recipients]
        if asked and not any(await asyncio.gather(*(self._messages.get(draft.key) for draft in first))):
            await self._batches.close(batch)
            raise error
        messages = await asyncio.gather(*(self._hold_up_one(draft) for draft in first))
        await self._ends.tell(_untold(batch, messages))
        await self._activity.record([Activity.of(message) for message in messages])
        if any(one.is_open for one in messages):
            until_ms = self._now_ms() + (error.retry_after_s or 0) * 1000
            again = replace(batch, round=batch.round + 1, go_ms=0, not_before_ms=until_ms)
            await self._put_back(again, again.next_ms)
        else:
            await self._close(batch, messages)
        return tuple(messages)

    async def _hold_up_one(self, draft: Message) -> Message:
        message, is_new = await self._messages.put_new(draft)
        if is_new or message.state not in WAITING:
            return message
        step = replace(draft.history.current, round=message.history.current.round + 1)
        return await self._messages.settle(message, step)

    async def _put_back(self, batch: Batch, until_ms: int) -> None:
        soon = until_ms - self._now_ms() <= _SOON_MS
        wake_ms = until_ms + _OVERDUE_MS if soon else until_ms - _OVERDUE_MS
        kept = await self._batches.keep(replace(batch, wake_ms=wake_ms, lease_ms=0))
        if kept:
            await self._settled(kept)
        if kept and soon:
            await self._enqueue(kept, until_ms)

    async def _enqueue(self, batch: Batch, at_ms: int) -> None:
        delay_s = max(0, at_ms - _AHEAD_MS // 2 - self._now_ms()) // 1000
        await self._queue.put(json.dumps({"batchPartition": batch.partition, "batchRow": batch.row}), delay_s=delay_s)

    async def _claim(self, batch: Batch) -> _Claimed:
        fence = OPEN if batch.confirms_opt_out else await self._fences.read(batch.sender, batch.recipients)
        now_ms = self._now_ms()
        sending = Step(State.SENDING, now_ms, round=batch.round)
        suppressed = Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT)
        drafts = [
            replace(batch.draft(one, suppressed if one in fence.blocked else sending), first_sent_ms=now_ms)
            for one in batch.recipients
        ]
        stored, traces = await asyncio.gather(
            asyncio.gather(*(self._messages.claim(draft) for draft in drafts)),
            self._activity.record([Activity.of(draft) for draft in drafts if draft.state is State.SENDING]),
        )
        traced = {trace.row: trace for trace in traces}
        # An earlier worker may have stored more than this one drafted, and died before it traced that.
        stored_now = [Activity.of(message) for message, _ in stored]
        ahead = [one for one in stored_now if one.row not in traced or traced[one.row].step.order < one.step.order]
        traced |= {trace.row: trace for trace in await self._activity.record(ahead)}
        claims = [
            Claim(await self._caught_up(message, traced.get(message.key.row)), again) for message, again in stored
        ]
        return _Claimed(batch, fence, claims, traced)

    async def _depart(self, claimed: _Claimed) -> tuple[Message, ...]:
        batch = claimed.batch
        departed = await self._wait_and_go(batch, claimed.open, claimed.fence)
        settlements = [*departed.settlements, *self._not_taken(departed)]
        settled = await self._record(settlements, claimed.traces)
        await self._ends.tell(claimed.ended)
        messages = tuple(settled.get(claim.message.key.row, claim.message) for claim in claimed.claims)
        if departed.error and departed.not_taken:
            may_have_gone = any(claim.retaken for claim in departed.not_taken)
            await self._wait(batch.counted(messages), departed.error, may_have_gone=may_have_gone)
        else:
            await self._close_or_leave(batch, messages)
        if isinstance(departed.error, CarrierRefused) and all(one.state is State.FAILED for one in messages):
            raise departed.error
        return messages

    async def _wait_and_go(self, batch: Batch, claims: Sequence[Claim], fence: Fence) -> Departed:
        wait_ms = max(0, batch.go_ms - self._now_ms())
        if wait_ms > _AHEAD_MS:
            full = Overtaken("There is no room for these texts now; they go later.", retry_after_s=wait_ms // 1000)
            return Departed(not_taken=claims, error=full)
        await self._clock.sleep(wait_ms / 1000)
        if batch.not_after_ms and self._now_ms() > batch.not_after_ms:
            expired = Step(State.EXPIRED, self._now_ms(), Reason.EXPIRED)
            interrupted = Step(State.UNKNOWN, self._now_ms(), Reason.INTERRUPTED)
            return Departed([Settlement(one.message, interrupted if one.retaken else expired) for one in claims])
        last_ms = min(filter(None, (batch.not_after_ms, self._caps.last_ms(batch.hold))), default=0)
        return await self._departure.go(batch.send, claims, fence, batch.go_ms, last_ms)

    def _not_taken(self, departed: Departed) -> Sequence[Settlement]:
        now_ms, why = self._now_ms(), reason_of(departed.error) if departed.error else ""
        # What an earlier worker may have handed over stays `sending`: it is repeated until its window is over.
        waiting = [
            Settlement(one.message, Step(State.QUEUED, now_ms, why, round=one.message.history.current.round + 1))
            for one in departed.not_taken
            if not one.retaken
        ]
        return [*refused(departed, now_ms), *waiting]

    async def _close_or_leave(self, batch: Batch, messages: Sequence[Message]) -> None:
        # Another worker may be at some of them; then the timer comes back to see.
        if not any(one.is_open for one in messages):
            await self._close(batch, messages)

    async def _close(self, batch: Batch, messages: Sequence[Message]) -> None:
        counted: Batch | None = batch.counted(messages)
        if counted and counted.hold.back:
            # Written first: another worker may have taken the batch over, and then it is for that one to give back.
            counted = await self._batches.keep(counted)
            if counted:
                await self._settled(counted)
        if counted:
            await self._batches.close(counted)

    async def _wait(self, batch: Batch, error: SmsError, *, may_have_gone: bool) -> None:
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = pause_s(batch.round, batch.send.id.bytes, may_have_gone=may_have_gone)
        if isinstance(error, CarrierThrottled) and error.retry_after_s is None:
            await self._pacer.slow_down(batch.sender, wait_s)
        # A moment that was reserved and is still to come is kept.
        go_ms = batch.go_ms if isinstance(error, Overtaken) and batch.go_ms > self._now_ms() else 0
        not_before_ms = 0 if go_ms else self._now_ms() + wait_s * 1000
        again = replace(batch, round=batch.round + 1, go_ms=go_ms, not_before_ms=not_before_ms)
        await self._put_back(again, again.next_ms)

    async def _record(self, settlements: Sequence[Settlement], traces: Mapping[str, Activity]) -> dict[str, Message]:
        if any(one.step.reason == Reason.INTERRUPTED for one in settlements):
            return await self._record_in_turn(settlements)
        steps = [_following(traces[one.message.key.row], Activity.of(one.settled)) for one in settlements]
        writes = (
            self._messages.settle(one.message, one.step, one.carrier_message_id, one.trace) for one in settlements
        )
        settled, _ = await asyncio.gather(asyncio.gather(*writes), self._activity.record(steps))
        await self._ends.tell(settled)
        return {message.key.row: message for message in settled}

    async def _record_in_turn(self, settlements: Sequence[Settlement]) -> dict[str, Message]:
        # Another worker may have been told more: the activity says what the messages say then.
        writes = (
            self._messages.settle(one.message, one.step, one.carrier_message_id, one.trace) for one in settlements
        )
        settled = await asyncio.gather(*writes)
        await self._ends.tell(settled)
        return {message.key.row: message for message in await self._agreed(settled)}

    async def _agreed(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Write the activity of messages, and into these what it knows more; return them."""
        written = {one.row: one for one in await self._activity.record([Activity.of(message) for message in messages])}
        agreed = [await self._caught_up(message, written.get(message.key.row)) for message in messages]
        await self._ends.tell(
            [now for before, now in zip(messages, agreed, strict=True) if now.state is not before.state]
        )
        return tuple(agreed)

    async def _caught_up(self, message: Message, trace: Activity | None) -> Message:
        # Both are written at once: a worker may have died when only the activity was.
        if trace is None or trace.step.state not in _KNOWN or trace.step.order <= message.history.current.order:
            return message
        return await self._messages.settle(message, trace.step)

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _untold(batch: Batch, messages: Sequence[Message]) -> Sequence[Message]:
    """Return those of which an earlier worker may not have told, if they have ended: it, or who canceled, died."""
    return [one for one in messages if batch.interrupted or one.state is State.CANCELED]


def _following(trace: Activity, end: Activity) -> Activity:
    """Return the end under the trace's ETag; without it, so to be merged, if the trace knows more already."""
    return replace(end, etag=trace.etag if trace.step.order < end.step.order else "")
