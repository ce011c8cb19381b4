"""The carrier in memory: the fake that keeps what was sent and answers as it is told."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shared.ports.carrier import Addressee, SendRequest, SendResult
from shared.rules.errors import CarrierSilent, CarrierUnavailable, SmsError

OnSend = Callable[[SendRequest], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SentText:
    """A text on its way to one handset, under the id that the carrier gave it."""

    message_id: str
    sender: str
    to: str
    text: str
    tag: str
    repeatability_id: str


@dataclass(slots=True)
class MemoryCarrier:
    """A carrier that answers a repeat from memory, as ACS does, and otherwise what the test has set.

    Attributes:
        on_send: called with each request before anything is taken or refused.
        answers_probe: whether `probe` finds it up.
        requests: each request that came, refused ones too.
        sent: each text that went out, in order; a repeat adds nothing.
    """

    on_send: OnSend | None = None
    answers_probe: bool = True
    requests: list[SendRequest] = field(default_factory=list)
    sent: list[SentText] = field(default_factory=list)
    _failures: deque[SmsError] = field(default_factory=deque)
    _rejections: dict[str, deque[int]] = field(default_factory=dict)
    _answered: dict[str, SendResult] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def fail_next(self, *errors: SmsError) -> None:
        """Raise these, one per call. A CarrierSilent takes the texts first, any other error takes nothing."""
        self._failures.extend(errors)

    def reject_next(self, to: str, *http_statuses: int) -> None:
        """Answer for this recipient with these statuses, one per call, and send it nothing."""
        self._rejections.setdefault(to, deque()).extend(http_statuses)

    def sent_to(self, to: str) -> list[SentText]:
        """Return the texts that went out to one recipient."""
        return [text for text in self.sent if text.to == to]

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Hand over a request; one result per addressee, in order."""
        self.requests.append(request)
        if self.on_send is not None:
            await self.on_send(request)
        failure = self._failures.popleft() if self._failures else None
        if failure is not None and not isinstance(failure, CarrierSilent):
            raise failure
        results = tuple(self._take(request, addressee) for addressee in request.addressees)
        if failure is not None:
            raise failure
        return results

    async def probe(self) -> None:
        """Return if it answers at all; CarrierUnavailable if not."""
        if not self.answers_probe:
            raise CarrierUnavailable("The carrier does not answer. Try again.")

    def _take(self, request: SendRequest, addressee: Addressee) -> SendResult:
        known = self._answered.get(addressee.repeatability_id)
        if known is not None:
            return known
        rejections = self._rejections.get(addressee.to)
        if rejections:
            return SendResult(addressee.to, accepted=False, http_status=rejections.popleft())
        return self._accept(request, addressee)

    def _accept(self, request: SendRequest, addressee: Addressee) -> SendResult:
        message_id = f"Outgoing_{next(self._numbers):06}"
        result = SendResult(addressee.to, accepted=True, http_status=202, message_id=message_id)
        self._answered[addressee.repeatability_id] = result
        self.sent.append(
            SentText(
                message_id,
                request.sender,
                addressee.to,
                request.text,
                request.tag,
                addressee.repeatability_id,
            )
        )
        return result
