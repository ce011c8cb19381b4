"""Event Grid subscriptions: which events go to which webhook."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from local.carrier.event_log import EventRecord
from local.carrier.events import DELIVERY_REPORT, SMS_RECEIVED


class SubscriptionState(StrEnum):
    """Whether the endpoint has passed the handshake."""

    PENDING = "pending"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Job:
    """An event to deliver in an epoch, which a reset ends; a `copy` is a further delivery, tried once only."""

    record: EventRecord
    epoch: int
    copy: bool = False


@dataclass(slots=True)
class Subscription:
    """One event type and its webhook. Events wait here until the endpoint has passed the handshake."""

    name: str
    endpoint: str
    event_type: str
    key: str | None = None
    state: SubscriptionState = SubscriptionState.PENDING
    waiting: list[Job] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The endpoint with its key, which is shown nowhere."""
        return f"{self.endpoint}&code={quote(self.key, safe='')}" if self.key else self.endpoint


def subscriptions_to(functions_url: str, key: str | None) -> tuple[Subscription, ...]:
    """Return the two subscriptions of the app: inbound texts and delivery reports."""
    webhook = f"{functions_url.rstrip('/')}/runtime/webhooks/EventGrid?functionName="
    return (
        Subscription("sms-received", f"{webhook}sms_received", SMS_RECEIVED, key),
        Subscription("sms-delivery-report", f"{webhook}sms_delivery_report", DELIVERY_REPORT, key),
    )
