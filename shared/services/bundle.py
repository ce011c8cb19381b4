"""All services together, as the edges are given them."""

from __future__ import annotations

from dataclasses import dataclass

from shared.services.analytics import Analytics
from shared.services.conversations import Conversations
from shared.services.delivery_reports import DeliveryReports
from shared.services.health import Health
from shared.services.inbound import Inbound
from shared.services.kept_events import KeptEvents
from shared.services.messages import Messages
from shared.services.opt_out_lists import OptOutLists
from shared.services.senders import Senders
from shared.services.sending import Sending


@dataclass(frozen=True, slots=True)
class Services:
    """What the functions call."""

    senders: Senders
    region: str | None
    sending: Sending
    messages: Messages
    conversations: Conversations
    opt_out_lists: OptOutLists
    analytics: Analytics
    health: Health
    inbound: Inbound
    delivery_reports: DeliveryReports
    kept_events: KeptEvents
