"""Dispatch: from claimed rows to what ACS said of each, for one text to up to 100 recipients.

The order of things keeps the promises. Opt-outs are read first, then rows are claimed as `sending`, so that a crash
leaves a trace; if the claim took long, one query tells who may have left meanwhile, so that what is known is never
old when the request goes out (invariant I1). The ids on the wire come from the request's key and the recipient: when
a worker died between the claim and the answer, the next one repeats the call with the same ids, which ACS answers for
the first (I2). Past the repeat window nobody knows, and the message stays `unknown` until a report settles it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.ports.carrier import Addressee, Carrier, SendRequest, SendResult
from shared.ports.clock import Clock
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    SmsError,
    StorageUnavailable,
)
from shared.rules.ids import Send, from_ms, recipient_key, to_ms
from shared.rules.reasons import Reason
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.messages import Message, Messages
from shared.services.opt_outs import OptOuts

FENCE_MAX_AGE = timedelta(milliseconds=500)
_FENCE_TRIES = 4
_NOTHING_SENT: dict[type[SmsError], Reason] = {
    CarrierRefused: Reason.CARRIER_REFUSED,
    CarrierThrottled: Reason.CARRIER_THROTTLED,
    CarrierUnavailable: Reason.CARRIER_UNAVAILABLE,
}
NOTHING_SENT = tuple(_NOTHING_SENT)


class StillOpen(Exception):
    """ACS took nothing this time, but an earlier worker may have handed it over: to be repeated with the same ids."""

    def __init__(self, cause: SmsError) -> None:
        super().__init__("An earlier attempt has not been settled.")
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Claim:
    """A message that this worker is to send. `retaken`: an earlier worker may have handed it over already."""

    message: Message
    retaken: bool


@dataclass(frozen=True, slots=True)
class _Fence:
    """Who has opted out, and when the reading of it began."""

    blocked: frozenset[str]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class _Settlement:
    """A message and the step that it is to take."""

    message: Message
    step: Step
    carrier_message_id: str = ""


class Dispatch:
    """Sends messages of one text and records what became of each."""

    def __init__(
        self,
        *,
        messages: Messages,
        activity: ActivityLog,
        opt_outs: OptOuts,
        carrier: Carrier,
        clock: Clock,
        repeat_window: timedelta,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._opt_outs = opt_outs
        self._carrier = carrier
        self._clock = clock
        self._repeat_window = repeat_window

    async def run(self, send: Send, drafts: Sequence[Message], *, fenced: bool = True) -> tuple[Message, ...]:
        """Send the drafts (state `sending`, one sender and text) and return them as they ended, in their order.

        `fenced=False` is for the one text that a person who opted out still gets: the confirmation.

        Raises:
            CarrierRefused, CarrierThrottled, CarrierUnavailable: ACS took none of it, and the messages are `failed`.
            StillOpen: ACS took none of it now, but may have taken some from a worker that died.
            StorageUnavailable: what became of the messages could not be read or recorded.
        """
        fence = await self._fence(drafts, fenced=fenced)
        claims, traces = await self._claim(drafts, fence)
        due, late = await self._due(claims, fence, fenced=fenced)
        try:
            results = await self._call(send, [claim.message for claim in due])
        except NOTHING_SENT as error:
            await self._abandon(due, late, traces, error)
            raise
        settled = await self._record([*late, *results], traces)
        return tuple(settled.get(claim.message.key.row, claim.message) for claim in claims)

    async def _fence(self, drafts: Sequence[Message], *, fenced: bool) -> _Fence:
        read_at = self._clock.now()
        if not fenced:
            return _Fence(frozenset(), read_at)
        standings = await asyncio.gather(*(self._opt_outs.standing(draft.recipient) for draft in drafts))
        pairs = zip(drafts, standings, strict=True)
        return _Fence(frozenset(d.recipient for d, standing in pairs if standing.blocks(d.sender)), read_at)

    async def _claim(self, drafts: Sequence[Message], fence: _Fence) -> tuple[Sequence[_Claim], dict[str, Activity]]:
        now_ms = to_ms(self._clock.now())
        suppressed = History((Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT),))
        marked = [
            replace(draft, history=suppressed)
            if draft.recipient in fence.blocked
            else replace(draft, first_sent_ms=now_ms)
            for draft in drafts
        ]
        stored, traces = await asyncio.gather(
            asyncio.gather(*(self._messages.put_new(message) for message in marked)),
            self._activity.record([Activity.of(message) for message in marked]),
        )
        claims = [_Claim(message, retaken=not is_new) for message, is_new in stored]
        return claims, {trace.row: trace for trace in traces}

    async def _due(
        self, claims: Sequence[_Claim], fence: _Fence, *, fenced: bool
    ) -> tuple[Sequence[_Claim], Sequence[_Settlement]]:
        open_claims = [claim for claim in claims if claim.message.state is State.SENDING]
        fence = await self._fresh_fence(open_claims, fence, fenced=fenced)
        now_ms = to_ms(self._clock.now())
        window_ms = int(self._repeat_window.total_seconds() * 1000)
        late: list[_Settlement] = []
        due: list[_Claim] = []
        for claim in open_claims:
            too_old = claim.retaken and claim.message.first_sent_ms + window_ms < now_ms
            blocked = claim.message.recipient in fence.blocked
            if too_old or (blocked and claim.retaken):
                late.append(_Settlement(claim.message, Step(State.UNKNOWN, now_ms, Reason.INTERRUPTED)))
            elif blocked:
                late.append(_Settlement(claim.message, Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT)))
            else:
                due.append(claim)
        return due, late

    async def _fresh_fence(self, claims: Sequence[_Claim], fence: _Fence, *, fenced: bool) -> _Fence:
        for _ in range(_FENCE_TRIES):
            if not fenced or self._clock.now() - fence.read_at <= FENCE_MAX_AGE:
                return fence
            read_at = self._clock.now()
            left = await self._opt_outs.left_since(fence.read_at)
            suspects = [one.message for one in claims if recipient_key(one.message.recipient) in left]
            again = await self._fence(suspects, fenced=fenced)
            fence = _Fence(fence.blocked | again.blocked, read_at)
        raise StorageUnavailable("Storage is too slow to check opt-outs right before sending. Try again later.")

    async def _call(self, send: Send, messages: Sequence[Message]) -> Sequence[_Settlement]:
        if not messages:
            return []
        try:
            results = await self._carrier.send(_request(send, messages))
        except CarrierSilent:
            step = Step(State.UNKNOWN, to_ms(self._clock.now()), Reason.CARRIER_SILENT)
            return [_Settlement(message, step) for message in messages]
        except CarrierRefused as error:
            if error.target != "recipients":
                raise
            return await self._call_apart(send, messages)
        now_ms = to_ms(self._clock.now())
        return [
            _Settlement(message, _step_of(result, now_ms), result.message_id or "")
            for message, result in zip(messages, results, strict=True)
        ]

    async def _call_apart(self, send: Send, messages: Sequence[Message]) -> Sequence[_Settlement]:
        # Newer versions of ACS refuse the whole request for one number that they do not like. Halving finds it, so
        # that it does not sink the others; what fails on the way fails for its half alone, since others have gone.
        if len(messages) == 1:
            return self._all_failed(messages, Reason.RECIPIENT_REFUSED)
        middle = len(messages) // 2
        settlements: list[_Settlement] = []
        for half in (messages[:middle], messages[middle:]):
            try:
                settlements += await self._call(send, half)
            except NOTHING_SENT as error:
                settlements += self._all_failed(half, _NOTHING_SENT[type(error)])
        return settlements

    def _all_failed(self, messages: Sequence[Message], reason: Reason) -> Sequence[_Settlement]:
        failed = Step(State.FAILED, to_ms(self._clock.now()), reason)
        return [_Settlement(message, failed) for message in messages]

    async def _abandon(
        self,
        due: Sequence[_Claim],
        late: Sequence[_Settlement],
        traces: dict[str, Activity],
        error: SmsError,
    ) -> None:
        ours = self._all_failed([claim.message for claim in due if not claim.retaken], _NOTHING_SENT[type(error)])
        await self._record([*late, *ours], traces)
        if len(ours) < len(due):
            raise StillOpen(error) from error

    async def _record(self, settlements: Sequence[_Settlement], traces: dict[str, Activity]) -> dict[str, Message]:
        ends = [one.message.with_step(one.step, one.carrier_message_id) for one in settlements]
        steps = [
            replace(Activity.of(message), etag=traces[message.key.row].etag)
            if message.key.row in traces
            else Activity.of(message)
            for message in ends
        ]
        writes: list[Awaitable[Message]] = [
            self._messages.settle(one.message, one.step, one.carrier_message_id) for one in settlements
        ]
        settled, _ = await asyncio.gather(asyncio.gather(*writes), self._activity.record(steps))
        return {message.key.row: message for message in settled}


def _request(send: Send, messages: Sequence[Message]) -> SendRequest:
    first = messages[0]
    return SendRequest(
        sender=first.sender,
        text=first.text,
        addressees=tuple(Addressee(one.recipient, send.repeatability_id(one.recipient)) for one in messages),
        first_sent=from_ms(min(one.first_sent_ms for one in messages)),
        tag=send.tag,
        delivery_report=first.delivery_report,
    )


def _step_of(result: SendResult, now_ms: int) -> Step:
    if result.accepted:
        return Step(State.SENT, now_ms)
    if result.http_status == 0:
        return Step(State.UNKNOWN, now_ms, Reason.CARRIER_SILENT)
    if result.http_status == 429 or result.http_status >= 500:
        return Step(State.FAILED, now_ms, Reason.RECIPIENT_UNAVAILABLE)
    return Step(State.FAILED, now_ms, Reason.RECIPIENT_REFUSED)
