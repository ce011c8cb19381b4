"""Dispatch: doing a batch, from its due time to what the carrier said of each message.

The order of things keeps the promises. Room is reserved on the sender's schedule (invariant I4). Opt-outs are read,
then rows are claimed as `sending`, so that a crash leaves a trace; if the claim took long, opt-outs are asked for
again, so that what is known is never old when the request goes out (I1). The ids on the wire come from the request's
key and the recipient: when a worker died between the claim and the answer, the next one repeats the call with the
same ids, which ACS answers for the first (I2). Past the repeat window nobody knows, and the message stays `unknown`
until a report settles it. What cannot go now waits in the queue, and a timer looks after what the queue loses (I7).
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.rules.errors import CarrierRefused, CarrierThrottled, SmsError, StorageUnavailable
from shared.rules.ids import to_ms
from shared.rules.reasons import Reason
from shared.rules.states import State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.batches import Batch, Batches
from shared.services.departure import NOTHING_SENT, Departure, Settlement, reason_of
from shared.services.fence import Fence, Reading
from shared.services.messages import Message, Messages
from shared.services.pacer import Pacer
from shared.services.senders import Senders

FENCE_MAX_AGE = timedelta(milliseconds=500)
_FENCE_TRIES = 4
# For how long a caller waits for room on the sender's schedule before the batch goes to the queue.
_PATIENCE_MS = 1_000
# How late a reserved moment may be used; later, a new one is reserved.
_LATEST_MS = 1_000
# The timer looks after a queued batch this long after it should have gone.
_OVERDUE_MS = 60_000
_LONGEST_WAIT_S = 300
_SOON_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class _Claim:
    """A message that this worker is to send. `retaken`: an earlier worker may have handed it over already."""

    message: Message
    retaken: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """What is known while a batch is done: who has left, its claims, and the activity rows with their ETags."""

    batch: Batch
    reading: Reading
    claims: Sequence[_Claim]
    traces: dict[str, Activity]


class Dispatch:
    """Does batches."""

    def __init__(
        self,
        *,
        messages: Messages,
        activity: ActivityLog,
        batches: Batches,
        fence: Fence,
        pacer: Pacer,
        departure: Departure,
        queue: Queue,
        senders: Senders,
        clock: Clock,
        repeat_window: timedelta,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._batches = batches
        self._fence = fence
        self._pacer = pacer
        self._departure = departure
        self._queue = queue
        self._senders = senders
        self._clock = clock
        self._repeat_ms = int(repeat_window.total_seconds() * 1000)

    async def run(self, batch: Batch) -> tuple[Message, ...]:
        """Do a batch that is leased to this worker, as far as it can be done now; return its messages.

        Raises:
            CarrierRefused: ACS refused it for good, and its messages are `failed`.
            StorageUnavailable: what became of it could not be read or recorded; it will be taken up again.
        """
        now_ms = self._now_ms()
        if batch.due_ms > now_ms:
            return await self._postpone(batch, Step(State.SCHEDULED, now_ms), batch.due_ms)
        batch = await self._with_room(batch)
        if batch.go_ms - now_ms > _PATIENCE_MS:
            return await self._postpone(batch, Step(State.QUEUED, now_ms, round=batch.round), batch.go_ms)
        await self._clock.sleep(max(0, batch.go_ms - now_ms) / 1000)
        return await self._depart(batch)

    async def wake(self, batch: Batch) -> None:
        """Put a batch that is due into the queue, and look at it again if nothing comes of it."""
        at_ms = max(batch.due_ms, batch.go_ms, self._now_ms())
        if await self._batches.keep(replace(batch, wake_ms=at_ms + _OVERDUE_MS)):
            await self._enqueue(batch, at_ms)

    async def _with_room(self, batch: Batch) -> Batch:
        if batch.go_ms and self._now_ms() - batch.go_ms <= _LATEST_MS:
            return batch
        sender = self._senders.choose(batch.sender)
        go_ms = await self._pacer.reserve(sender.pace_key, sender.rate, len(batch.recipients))
        return replace(batch, go_ms=go_ms)

    async def _postpone(self, batch: Batch, step: Step, until_ms: int) -> tuple[Message, ...]:
        drafts = [batch.draft(recipient, step) for recipient in batch.recipients]
        stored, _ = await asyncio.gather(
            asyncio.gather(*(self._messages.claim(draft) for draft in drafts)),
            self._activity.record([Activity.of(draft) for draft in drafts]),
        )
        await self._put_back(batch, until_ms)
        return tuple(message for message, _ in stored)

    async def _put_back(self, batch: Batch, until_ms: int) -> None:
        soon = until_ms - self._now_ms() <= _SOON_MS
        wake_ms = until_ms + _OVERDUE_MS if soon else until_ms - _OVERDUE_MS
        kept = await self._batches.keep(replace(batch, wake_ms=wake_ms, lease_ms=0))
        if kept and soon:
            await self._enqueue(kept, until_ms)

    async def _enqueue(self, batch: Batch, at_ms: int) -> None:
        delay_s = -(-max(0, at_ms - self._now_ms()) // 1000)
        body = json.dumps({"batchPartition": batch.partition, "batchRow": batch.row})
        await self._queue.put(body, delay_s=delay_s)

    async def _depart(self, batch: Batch) -> tuple[Message, ...]:
        if batch.not_after_ms and self._now_ms() > batch.not_after_ms:
            return await self._expire(batch)
        run = await self._claim(batch)
        late, due = await self._sort(run)
        try:
            results = await self._departure.go(batch.send, [claim.message for claim in due])
        except NOTHING_SENT as error:
            return await self._nothing_sent(run, due, late, error)
        settled = await self._record(run, [*late, *results])
        await self._batches.close(batch)
        return settled

    async def _expire(self, batch: Batch) -> tuple[Message, ...]:
        step = Step(State.EXPIRED, self._now_ms(), Reason.EXPIRED)
        drafts = [batch.draft(recipient, step) for recipient in batch.recipients]
        stored = await asyncio.gather(*(self._messages.claim(draft) for draft in drafts))
        await self._activity.record([Activity.of(message) for message, _ in stored])
        await self._batches.close(batch)
        return tuple(message for message, _ in stored)

    async def _claim(self, batch: Batch) -> _Run:
        reading = await self._read_fence(batch, batch.recipients)
        now_ms = self._now_ms()
        sending = Step(State.SENDING, now_ms, round=batch.round)
        suppressed = Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT)
        drafts = [
            replace(batch.draft(one, suppressed if one in reading.blocked else sending), first_sent_ms=now_ms)
            for one in batch.recipients
        ]
        stored, traces = await asyncio.gather(
            asyncio.gather(*(self._messages.claim(draft) for draft in drafts)),
            self._activity.record([Activity.of(draft) for draft in drafts]),
        )
        claims = [_Claim(message, retaken) for message, retaken in stored]
        return _Run(batch, reading, claims, {trace.row: trace for trace in traces})

    async def _read_fence(self, batch: Batch, recipients: Sequence[str]) -> Reading:
        if batch.confirms_opt_out:
            return Reading(frozenset(), self._clock.now())
        return await self._fence.read(batch.sender, recipients)

    async def _fresh_reading(self, run: _Run, claims: Sequence[_Claim]) -> Reading:
        reading = run.reading
        for _ in range(_FENCE_TRIES):
            if run.batch.confirms_opt_out or self._clock.now() - reading.read_at <= FENCE_MAX_AGE:
                return reading
            reading = await self._read_fence(run.batch, [claim.message.recipient for claim in claims])
        raise StorageUnavailable("Storage is too slow to check opt-outs right before sending. Try again later.")

    async def _sort(self, run: _Run) -> tuple[Sequence[Settlement], Sequence[_Claim]]:
        claims = [claim for claim in run.claims if claim.message.state is State.SENDING]
        blocked = run.reading.blocked | (await self._fresh_reading(run, claims)).blocked
        now_ms = self._now_ms()
        interrupted = Step(State.UNKNOWN, now_ms, Reason.INTERRUPTED)
        suppressed = Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT)
        late: list[Settlement] = []
        due: list[_Claim] = []
        for claim in claims:
            left = claim.message.recipient in blocked
            too_old = claim.message.first_sent_ms + self._repeat_ms < now_ms
            if claim.retaken and (left or too_old):
                late.append(Settlement(claim.message, interrupted))
            elif left:
                late.append(Settlement(claim.message, suppressed))
            else:
                due.append(claim)
        return late, due

    async def _nothing_sent(
        self, run: _Run, due: Sequence[_Claim], late: Sequence[Settlement], error: SmsError
    ) -> tuple[Message, ...]:
        # What an earlier worker may have handed over stays `sending`: it is repeated until its window is over.
        ours = [claim.message for claim in due if not claim.retaken]
        retaken = len(ours) < len(due)
        if isinstance(error, CarrierRefused):
            settled = await self._record(run, [*late, *self._departure.all(ours, State.FAILED, reason_of(error))])
            await (self._wait(run.batch, error) if retaken else self._batches.close(run.batch))
            raise error
        waiting = Step(State.QUEUED, self._now_ms(), reason_of(error), round=run.batch.round + 1)
        settled = await self._record(run, [*late, *(Settlement(message, waiting) for message in ours)])
        await self._wait(run.batch, error)
        return settled

    async def _wait(self, batch: Batch, error: SmsError) -> None:
        wait_s = error.retry_after_s if error.retry_after_s is not None else _pause_s(batch)
        if isinstance(error, CarrierThrottled):
            sender = self._senders.choose(batch.sender)
            await self._pacer.slow_down(sender.pace_key, sender.rate, wait_s)
        again = replace(batch, round=batch.round + 1, go_ms=0)
        await self._put_back(again, self._now_ms() + wait_s * 1000)

    async def _record(self, run: _Run, settlements: Sequence[Settlement]) -> tuple[Message, ...]:
        steps = [_trace_of(settlement.settled, run.traces) for settlement in settlements]
        settled, _ = await asyncio.gather(
            asyncio.gather(
                *(self._messages.settle(one.message, one.step, one.carrier_message_id) for one in settlements)
            ),
            self._activity.record(steps),
        )
        by_row = {message.key.row: message for message in settled}
        return tuple(by_row.get(claim.message.key.row, claim.message) for claim in run.claims)

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _trace_of(message: Message, traces: dict[str, Activity]) -> Activity:
    activity = Activity.of(message)
    trace = traces.get(activity.row)
    return replace(activity, etag=trace.etag) if trace else activity


def _pause_s(batch: Batch) -> int:
    # Spread by the batch's own id, so that what failed together does not come back together.
    base = min(_LONGEST_WAIT_S, 5 * 2 ** min(batch.round, 8))
    return base + zlib.crc32(batch.send.id.bytes) % base
