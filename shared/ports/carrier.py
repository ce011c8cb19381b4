"""The carrier: Azure Communication Services, as far as sending needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient of a request, with the id under which ACS knows a repeat of it."""

    to: str
    repeatability_id: str


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One text from one sender to 1 to 100 recipients. Repeating it as it is sends nothing twice."""

    sender: str
    text: str
    addressees: tuple[Addressee, ...]
    first_sent: datetime
    tag: str
    delivery_report: bool = True


@dataclass(frozen=True, slots=True)
class SendResult:
    """What ACS said of one recipient, in the order of the request. `message_id` is opaque."""

    to: str
    accepted: bool
    http_status: int
    message_id: str | None = None


class Carrier(Protocol):
    """The way out to the phones."""

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Hand over a request and return one result per addressee, in order.

        Raises:
            CarrierRefused: ACS refused it for good (bad sender, bad credentials).
            CarrierThrottled: over the limit, nothing was sent; `retry_after_s` when ACS named a time.
            CarrierUnavailable: ACS did not take it, nothing was sent.
            CarrierSilent: no answer; it may have been sent.
        """
        ...

    async def probe(self) -> None:
        """Return if ACS answers at all; CarrierUnavailable if not."""
        ...
