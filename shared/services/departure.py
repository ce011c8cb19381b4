"""Departure: handing messages of one text to the carrier, and what that means for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.ports.carrier import Addressee, Carrier, SendRequest, SendResult
from shared.ports.clock import Clock
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, CarrierUnavailable, SmsError
from shared.rules.ids import Send, from_ms, to_ms
from shared.rules.reasons import Reason
from shared.rules.states import State, Step
from shared.services.messages import Message

_NOTHING_SENT: dict[type[SmsError], Reason] = {
    CarrierRefused: Reason.CARRIER_REFUSED,
    CarrierThrottled: Reason.CARRIER_THROTTLED,
    CarrierUnavailable: Reason.CARRIER_UNAVAILABLE,
}
NOTHING_SENT = tuple(_NOTHING_SENT)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A message and the step that it is to take."""

    message: Message
    step: Step
    carrier_message_id: str = ""

    @property
    def settled(self) -> Message:
        """Return the message with that step taken."""
        return self.message.with_step(self.step, self.carrier_message_id)


class Departure:
    """The way from a claimed message to what the carrier said of it. It stores nothing."""

    def __init__(self, carrier: Carrier, clock: Clock) -> None:
        self._carrier = carrier
        self._clock = clock

    async def go(self, send: Send, messages: Sequence[Message]) -> Sequence[Settlement]:
        """Hand over the messages (one sender and text) and return what became of each.

        Raises:
            CarrierRefused, CarrierThrottled, CarrierUnavailable: the carrier took none of them.
        """
        if not messages:
            return []
        try:
            results = await self._carrier.send(_request(send, messages))
        except CarrierSilent:
            return self.all(messages, State.UNKNOWN, Reason.CARRIER_SILENT)
        except CarrierRefused as error:
            if error.target != "recipients":
                raise
            return await self._go_apart(send, messages)
        now_ms = to_ms(self._clock.now())
        return [
            Settlement(message, _step_of(result, now_ms), result.message_id or "")
            for message, result in zip(messages, results, strict=True)
        ]

    async def _go_apart(self, send: Send, messages: Sequence[Message]) -> Sequence[Settlement]:
        # Newer versions of ACS refuse the whole request for one number that they do not like. Halving finds it, so
        # that it does not sink the others; what fails on the way fails for its half alone, since others have gone.
        if len(messages) == 1:
            return self.all(messages, State.FAILED, Reason.RECIPIENT_REFUSED)
        middle = len(messages) // 2
        settlements: list[Settlement] = []
        for half in (messages[:middle], messages[middle:]):
            try:
                settlements += await self.go(send, half)
            except NOTHING_SENT as error:
                settlements += self.all(half, State.FAILED, _NOTHING_SENT[type(error)])
        return settlements

    def all(self, messages: Sequence[Message], state: State, reason: str, code: str = "") -> Sequence[Settlement]:
        """Return the same step for every message, now."""
        step = Step(state, to_ms(self._clock.now()), reason, code)
        return [Settlement(message, step) for message in messages]


def reason_of(error: SmsError) -> Reason:
    """Return the reason code of an error that says that nothing was sent."""
    return _NOTHING_SENT[type(error)]


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
    if result.http_status == 429 or result.http_status >= 500:
        return Step(State.FAILED, now_ms, Reason.RECIPIENT_UNAVAILABLE)
    return Step(State.FAILED, now_ms, Reason.RECIPIENT_REFUSED)
