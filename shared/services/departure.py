"""Departure: handing messages of one sender to the carrier, behind the fence, and what that means for each of them.

Messages of one text share a request; requests of different texts go side by side, a few at once. Right before they go,
the fence and the sender's pace are looked at (invariants I1, I4). A request is made once: what was not taken or not
answered is for the caller to repeat, with the same ids and at a moment of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce

from shared.ports.carrier import Addressee, Carrier, SendRequest, SendResult
from shared.ports.clock import Clock
from shared.ports.telemetry import Metric, Telemetry
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    SmsError,
    StorageUnavailable,
)
from shared.rules.ids import Send, from_ms, to_ms
from shared.rules.reasons import Reason
from shared.rules.states import State, Step
from shared.services.allowance import Allowance
from shared.services.batches import LEASE
from shared.services.fence import MAX_AGE, Fence, Fences
from shared.services.messages import UNTRACED, Message, Trace

# For how long the halves of a refused request may take: well below a worker's lease.
_APART_MS = 30_000
# So many requests, one for each text, leave within a tenth of a second of one look at the fence.
REQUESTS_AT_ONCE = 32
# Where storage is so slow that each look is old when it is there, the moment is given up after so many.
_LOOKS = 4


class Overtaken(SmsError):
    """The moment that was reserved has passed, or the carrier has asked for a pause meanwhile."""

    code = "Overtaken"
    http_status = 503
    permanent = False


_NOT_TAKEN: dict[type[SmsError], str] = {
    CarrierRefused: Reason.CARRIER_REFUSED,
    CarrierThrottled: Reason.CARRIER_THROTTLED,
    CarrierUnavailable: Reason.CARRIER_UNAVAILABLE,
    CarrierSilent: Reason.CARRIER_SILENT,
    Overtaken: "",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this worker is to send. `retaken`: an earlier worker may have handed it over already."""

    message: Message
    retaken: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """A message and the step that it is to take."""

    message: Message
    step: Step
    carrier_message_id: str = ""
    trace: Trace = UNTRACED

    @property
    def is_sent(self) -> bool:
        """Tell whether the carrier took the message."""
        return self.step.state is State.SENT

    @property
    def settled(self) -> Message:
        """Return the message with that step taken."""
        return self.message.with_step(self.step, self.carrier_message_id, self.trace)


@dataclass(frozen=True, slots=True)
class Departed:
    """What came of a departure: settlements, and the messages that the carrier did not take.

    `refused`: those that it would refuse again. `not_taken`: those that may be repeated; of those with CarrierSilent it
    is not known whether the carrier took them, and they count as retaken. `error`: why, of several the one that asks
    for the longest pause.
    """

    settlements: Sequence[Settlement] = ()
    not_taken: Sequence[Claim] = field(default_factory=tuple)
    refused: Sequence[Claim] = field(default_factory=tuple)
    error: SmsError | None = None

    def and_then(self, other: Departed) -> Departed:
        """Return both together."""
        return Departed(
            [*self.settlements, *other.settlements],
            [*self.not_taken, *other.not_taken],
            [*self.refused, *other.refused],
            max(filter(None, (self.error, other.error)), key=_weight, default=None),
        )


def _weight(error: SmsError) -> tuple[bool, bool, int]:
    return not isinstance(error, CarrierRefused), not isinstance(error, Overtaken), error.retry_after_s or 0


class Departure:
    """The way from a claimed message to what the carrier said of it. It stores nothing."""

    def __init__(
        self,
        *,
        carrier: Carrier,
        fences: Fences,
        allowance: Allowance,
        clock: Clock,
        telemetry: Telemetry,
        repeat_window: timedelta,
    ) -> None:
        self._carrier = carrier
        self._fences = fences
        self._pacer, self._caps = allowance.pacer, allowance.caps
        self._clock = clock
        self._telemetry = telemetry
        self._repeat_window = repeat_window

    async def go(self, send: Send, claims: Sequence[Claim], fence: Fence, go_ms: int, last_ms: int = 0) -> Departed:
        """Hand over the claims that the fence lets pass, at the moment reserved for them.

        They are of one sender, and of REQUESTS_AT_ONCE texts at most. `go_ms` is that moment; when it has passed, or
        the sender has been slowed since, none is handed over. Nor is any after `last_ms`, when they may not be texted
        any more (0: always).
        """
        apart_ms = self._now_ms() + _APART_MS
        until_ms = min(last_ms, apart_ms) if last_ms else apart_ms
        return await self._go(send, claims, fence, go_ms, until_ms) if claims else Departed()

    async def _go(self, send: Send, claims: Sequence[Claim], fence: Fence, go_ms: int, until_ms: int) -> Departed:
        sender, recipients = claims[0].message.sender, [claim.message.recipient for claim in claims]
        try:
            fence, may_go = await self._look(sender, recipients, fence, go_ms)
        except StorageUnavailable:
            # Nothing has been handed over, so there is nothing unknown either: these wait for another moment.
            return _overtaken(claims)
        verdicts = [(claim, self._verdict(claim, fence)) for claim in claims]
        held = Departed([Settlement(claim.message, step) for claim, step in verdicts if step])
        due = [claim for claim, step in verdicts if step is None]
        if not due:
            return held
        if not may_go or self._pacer.is_slowed(sender) or self._now_ms() > until_ms:
            return held.and_then(_overtaken(due))
        requests = (self._hand_over(send, of_one_text, fence, until_ms) for of_one_text in _by_text(due))
        handed = reduce(Departed.and_then, await asyncio.gather(*requests))
        return held.and_then(await self._with_leaks(sender, fence, handed))

    async def _look(self, sender: str, recipients: Sequence[str], fence: Fence, go_ms: int) -> tuple[Fence, bool]:
        """Return a fence and whether the moment holds; neither is seen so long ago that it may have changed."""
        for _ in range(_LOOKS):
            begun_at = self._clock.now()
            fence, may_go = await asyncio.gather(
                self._fences.fresh(fence, sender, recipients), self._pacer.may_go(sender, go_ms)
            )
            # Each may have taken longer than the other is good for.
            fence = await self._fences.fresh(fence, sender, recipients)
            if self._clock.now() - begun_at <= MAX_AGE:
                return fence, may_go
        return fence, False

    async def _with_leaks(self, sender: str, fence: Fence, departed: Departed) -> Departed:
        requested = {one.message.recipient: one.trace.requested_ms for one in departed.settlements if one.is_sent}
        leaked = await self._fences.leaked(fence, sender, requested)
        if leaked:
            self._telemetry.measured(Metric.LEAKS, len(leaked))
        marked = [
            replace(one, trace=replace(one.trace, leaked=one.is_sent and one.message.recipient in leaked))
            for one in departed.settlements
        ]
        return replace(departed, settlements=marked)

    def _verdict(self, claim: Claim, fence: Fence) -> Step | None:
        """Return the step of a message that must not be sent now, None if it is to be sent."""
        now_ms = self._now_ms()
        blocked = claim.message.recipient in fence.blocked
        # Past the lease another worker may have sent it, though this one never was interrupted, only slow.
        window = self._repeat_window if claim.retaken else max(self._repeat_window, LEASE)
        too_old = claim.message.first_sent_ms + window // timedelta(milliseconds=1) < now_ms
        # What a repeat sends after midnight would be counted on no day.
        too_old |= claim.retaken and self._caps.is_over(claim.message.first_sent_ms)
        if too_old or (blocked and claim.retaken):
            return Step(State.UNKNOWN, now_ms, Reason.INTERRUPTED)
        return Step(State.SUPPRESSED, now_ms, Reason.OPTED_OUT) if blocked else None

    async def _hand_over(self, send: Send, due: Sequence[Claim], fence: Fence, until_ms: int) -> Departed:
        requested_ms = self._now_ms()
        try:
            results = await self._carrier.send(_request(send, [claim.message for claim in due]))
        except CarrierSilent as error:
            return Departed(not_taken=[replace(claim, retaken=True) for claim in due], error=error)
        except CarrierRefused as error:
            if error.target == "recipients":
                return await self._go_apart(send, due, fence, until_ms)
            return Departed(refused=due, error=error)
        except CarrierThrottled as error:
            # At once, before anything is written of these texts: others are about to send.
            if error.retry_after_s is not None:
                await self._pacer.slow_down(due[0].message.sender, error.retry_after_s)
            return Departed(not_taken=due, error=error)
        except CarrierUnavailable as error:
            return Departed(not_taken=due, error=error)
        now_ms = self._now_ms()
        trace = Trace(to_ms(fence.read_at) if fence.read_at else 0, requested_ms)
        return Departed([_settlement(claim, said, now_ms, trace) for claim, said in zip(due, results, strict=True)])

    async def _go_apart(self, send: Send, due: Sequence[Claim], fence: Fence, until_ms: int) -> Departed:
        # Newer versions of ACS refuse the whole request for one number that they do not like. Halving finds it, so
        # that it does not sink the others.
        if len(due) == 1:
            refused = Step(State.FAILED, self._now_ms(), Reason.RECIPIENT_REFUSED)
            return Departed([Settlement(due[0].message, refused)])
        middle = len(due) // 2
        first = await self._go_half(send, due[:middle], fence, until_ms)
        return first.and_then(await self._go_half(send, due[middle:], fence, until_ms))

    async def _go_half(self, send: Send, half: Sequence[Claim], fence: Fence, until_ms: int) -> Departed:
        # ACS counts what it refuses too, so the moment of the whole is used up: each half needs its own.
        try:
            go_ms = await self._pacer.reserve(half[0].message.sender, len(half))
        except StorageUnavailable:
            return _overtaken(half)
        if go_ms > until_ms:
            return _overtaken(half)
        await self._clock.sleep(max(0, go_ms - self._now_ms()) / 1000)
        return await self._go(send, half, fence, go_ms, until_ms)

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def refused(departed: Departed, now_ms: int) -> Sequence[Settlement]:
    """Return what follows for the messages that the carrier refuses for good.

    What an earlier worker may have handed over may have been sent: that is not known, and a repeat would tell no more.
    """
    failed = Step(State.FAILED, now_ms, Reason.CARRIER_REFUSED)
    interrupted = Step(State.UNKNOWN, now_ms, Reason.INTERRUPTED)
    return [Settlement(claim.message, interrupted if claim.retaken else failed) for claim in departed.refused]


def reason_of(error: SmsError) -> str:
    """Return why messages wait that the carrier did not take; empty for a moment that has passed."""
    return _NOT_TAKEN[type(error)]


def _by_text(claims: Sequence[Claim]) -> Sequence[Sequence[Claim]]:
    by_text: dict[str, list[Claim]] = {}
    for claim in claims:
        by_text.setdefault(claim.message.text, []).append(claim)
    return tuple(by_text.values())


def _overtaken(claims: Sequence[Claim]) -> Departed:
    error = Overtaken("The moment for these texts has passed; they go a little later.", retry_after_s=1)
    return Departed(not_taken=claims, error=error)


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


def _settlement(claim: Claim, said: SendResult, now_ms: int, trace: Trace) -> Settlement:
    return Settlement(claim.message, _step_of(said, now_ms), said.message_id or "", trace)


def _step_of(result: SendResult, now_ms: int) -> Step:
    if result.accepted:
        return Step(State.SENT, now_ms)
    if result.http_status == 429 or result.http_status >= 500:
        return Step(State.FAILED, now_ms, Reason.RECIPIENT_UNAVAILABLE)
    return Step(State.FAILED, now_ms, Reason.RECIPIENT_REFUSED)
