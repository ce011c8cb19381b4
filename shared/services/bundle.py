"""All services together, as the edges are given them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.rules.countries import ByCountry
from shared.services.analytics import Analytics
from shared.services.auto_reply_rules import AutoReplyRules
from shared.services.broken_uploads import BrokenUploads
from shared.services.campaign_plans import CampaignPlans
from shared.services.campaign_progress import CampaignProgress
from shared.services.campaign_recipients import CampaignRecipients
from shared.services.campaigns import Campaigns
from shared.services.conversations import Conversations
from shared.services.daily_caps import DailyCaps
from shared.services.deliveries import Deliveries
from shared.services.delivery_drops import DeliveryDrops
from shared.services.delivery_reports import DeliveryReports
from shared.services.explanations import Explanations
from shared.services.failures import Failures
from shared.services.health import Health
from shared.services.inbound import Inbound
from shared.services.kept_events import KeptEvents
from shared.services.messages import Messages
from shared.services.missing_reports import MissingReports
from shared.services.notes import Notes
from shared.services.opt_out_lists import OptOutLists
from shared.services.quick_replies import QuickReplies
from shared.services.recipient_limits import RecipientLimits
from shared.services.releases import Releases
from shared.services.request_rates import RequestRates
from shared.services.rollups import Rollups
from shared.services.senders import Senders
from shared.services.sending import Sending
from shared.services.work import Work


@dataclass(frozen=True, slots=True)
class Services:
    """What the functions call."""

    senders: Senders
    region: str | None
    event_topic: str
    sending: Sending
    messages: Messages
    conversations: Conversations
    notes: Notes
    quick_replies: QuickReplies
    opt_out_lists: OptOutLists
    analytics: Analytics
    rollups: Rollups
    delivery_drops: DeliveryDrops
    prices: ByCountry[Decimal]
    health: Health
    inbound: Inbound
    auto_replies: AutoReplyRules
    delivery_reports: DeliveryReports
    kept_events: KeptEvents
    campaigns: Campaigns
    daily_caps: DailyCaps
    recipient_limits: RecipientLimits
    request_rates: RequestRates
    broken_uploads: BrokenUploads
    campaign_plans: CampaignPlans
    campaign_progress: CampaignProgress
    campaign_recipients: CampaignRecipients
    releases: Releases
    work: Work
    failures: Failures
    deliveries: Deliveries
    explanations: Explanations
    missing_reports: MissingReports
