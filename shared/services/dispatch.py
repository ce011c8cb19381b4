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
from datetime import timedelta

from shared.ports.carrier import Addressee, Carrier, SendRequest, SendResult
from shared.ports.clock import Clock
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    SmsError,
)
from shared.rules.ids import Send, from_ms, to_ms
from shared.rules.reasons import Reason
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.fence import Fence, Fences
from shared.services.idempotency import LEASE
from shared.services.messages import Message, Messages

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
class _Settlement:
    """A message and the step that it is to take."""

    message: Message
    step: Step
    carrier_message_id: str = ""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What came of handing over: settlements, and the error by which a request was not taken, if one was.

    `apart`: the request was cut into parts, which fail each for itself.
    """

    settlements: Sequence[_Settlement] = ()
    error: SmsError | None = None
    apart: bool = False


class Dispatch:
    """Sends messages of one text and records what became of each."""

    def __init__(
        self,
        *,
        messages: Messages,
        activity: ActivityLog,
        fences: Fences,
        carrier: Carrier,
        clock: Clock,
        repeat_window: timedelta,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._fences = fences
        self._carrier = carrier
        self._clock = clock
        self._repeat_window = repeat_window

    async def run(self, send: Send, drafts: Sequence[Message], *, fenced: bool = True) -> tuple[Message, ...]:
        """Send the drafts (state `sending`, one sender and text) and return them as they ended, in their order.

        `fenced=False` is for the one text that a person who opted out still gets: the confirmation.

        Raises:
            CarrierRefused, CarrierThrottled, CarrierUnavailable: ACS took none of it, and the messages are `failed`.
            StillOpen: ACS took none of it now and may later, but may have taken some from a worker that died.
            StorageUnavailable: what became of the messages could not be read or recorded.
        """
        fence = await self._fences.read(drafts) if fenced else Fence()
        claims, traces = await self._claim(drafts, fence)
        unsettled = [claim for claim in claims if claim.message.state is State.SENDING]
        delivery = await self._deliver(send, unsettled, fence)
        settled = await self._record(delivery.settlements, traces)
        if delivery.error:
            if len(settled) < len(unsettled):
                raise StillOpen(delivery.error) from delivery.error
            if not delivery.apart and not any(claim.retaken for claim in claims):
                raise delivery.error
        return tuple(settled.get(claim.message.key.row, claim.message) for claim in claims)

    async def _claim(self, drafts: Sequence[Message], fence: Fence) -> tuple[Sequence[_Claim], dict[str, Activity]]:
        now_ms = self._now_ms()
        suppressed = History((Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT),))
        marked = [
            replace(draft, history=suppressed)
            if draft.recipient in fence.blocked
            else replace(draft, first_sent_ms=now_ms)
            for draft in drafts
        ]
        stored, traces = await asyncio.gather(
            asyncio.gather(*(self._messages.put_new(message) for message in marked)),
            self._activity.record([Activity.of(message) for message in marked if message.state is State.SENDING]),
        )
        claims = [_Claim(message, retaken=not is_new) for message, is_new in stored]
        traced = {trace.row: trace for trace in traces}
        # An earlier worker may have stored more than this one drafted, and died before it traced that.
        stored_now = (Activity.of(claim.message) for claim in claims)
        ahead = [one for one in stored_now if one.row not in traced or traced[one.row].step.order < one.step.order]
        return claims, traced | {trace.row: trace for trace in await self._activity.record(ahead)}

    async def _deliver(self, send: Send, claims: Sequence[_Claim], fence: Fence) -> _Delivery:
        fence = await self._fences.fresh(fence, [claim.message for claim in claims])
        verdicts = [(claim, self._verdict(claim, fence)) for claim in claims]
        late = [_Settlement(claim.message, step) for claim, step in verdicts if step]
        due = [claim for claim, step in verdicts if step is None]
        handed_over = await self._hand_over(send, due, fence)
        return replace(handed_over, settlements=[*late, *handed_over.settlements])

    def _verdict(self, claim: _Claim, fence: Fence) -> Step | None:
        """Return the step of a message that must not be sent now, None if it is to be sent."""
        now_ms = self._now_ms()
        blocked = claim.message.recipient in fence.blocked
        # Past the lease another worker may have sent it, though this one never was interrupted, only slow.
        window = self._repeat_window if claim.retaken else max(self._repeat_window, LEASE)
        too_old = claim.message.first_sent_ms + window // timedelta(milliseconds=1) < now_ms
        if too_old or (blocked and claim.retaken):
            return Step(State.UNKNOWN, now_ms, Reason.INTERRUPTED)
        return Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT) if blocked else None

    async def _hand_over(self, send: Send, due: Sequence[_Claim], fence: Fence) -> _Delivery:
        if not due:
            return _Delivery()
        messages = [claim.message for claim in due]
        try:
            results = await self._carrier.send(_request(send, messages))
        except CarrierSilent:
            silent = Step(State.UNKNOWN, self._now_ms(), Reason.CARRIER_SILENT)
            return _Delivery([_Settlement(message, silent) for message in messages])
        except CarrierRefused as error:
            if error.target == "recipients":
                return await self._hand_over_apart(send, due, fence)
            return _Delivery(_not_sent(due, error, self._now_ms()), error)
        except NOTHING_SENT as error:
            return _Delivery(_not_sent(due, error, self._now_ms()), error)
        now_ms = self._now_ms()
        pairs = zip(messages, results, strict=True)
        return _Delivery([_Settlement(one, _step_of(said, now_ms), said.message_id or "") for one, said in pairs])

    async def _hand_over_apart(self, send: Send, due: Sequence[_Claim], fence: Fence) -> _Delivery:
        # Newer versions of ACS refuse the whole request for one number that they do not like. Halving finds it, so
        # that it does not sink the others; what fails on the way fails for its half alone, since others have gone.
        if len(due) == 1:
            refused = Step(State.FAILED, self._now_ms(), Reason.RECIPIENT_REFUSED)
            return _Delivery([_Settlement(due[0].message, refused)])
        middle = len(due) // 2
        first = await self._deliver(send, due[:middle], fence)
        second = await self._deliver(send, due[middle:], fence)
        return _Delivery([*first.settlements, *second.settlements], first.error or second.error, apart=True)

    async def _record(self, settlements: Sequence[_Settlement], traces: dict[str, Activity]) -> dict[str, Message]:
        ends = [one.message.with_step(one.step, one.carrier_message_id) for one in settlements]
        steps = [_following(traces[message.key.row], Activity.of(message)) for message in ends]
        writes: list[Awaitable[Message]] = [
            self._messages.settle(one.message, one.step, one.carrier_message_id) for one in settlements
        ]
        settled, _ = await asyncio.gather(asyncio.gather(*writes), self._activity.record(steps))
        return {message.key.row: message for message in settled}

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _following(trace: Activity, end: Activity) -> Activity:
    """Return the end under the trace's ETag; without it, so to be merged, if the trace knows more already."""
    return replace(end, etag=trace.etag if trace.step.order < end.step.order else "")


def _not_sent(due: Sequence[_Claim], error: SmsError, now_ms: int) -> Sequence[_Settlement]:
    """Return what follows from ACS having taken nothing.

    What an earlier worker may have handed over stays open, to be repeated, unless a repeat would be refused for good.
    """
    failed = Step(State.FAILED, now_ms, _NOTHING_SENT[type(error)])
    interrupted = Step(State.UNKNOWN, now_ms, Reason.INTERRUPTED)
    return [
        _Settlement(claim.message, interrupted if claim.retaken else failed)
        for claim in due
        if error.permanent or not claim.retaken
    ]


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
