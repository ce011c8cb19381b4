"""The composition root: the services over their ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from shared.edges.settings import Settings
from shared.ports.carrier import Carrier
from shared.ports.clock import Clock
from shared.ports.queue import Queues
from shared.ports.relay import Relay
from shared.ports.tables import Tables
from shared.ports.telemetry import NoTelemetry, Telemetry
from shared.ports.webhook import Webhook
from shared.rules.keywords import KeywordKind
from shared.services.activity import ActivityLog
from shared.services.allowance import Allowance
from shared.services.analytics import Analytics
from shared.services.auto_replies import AutoReplier
from shared.services.auto_reply_rules import AutoReplyRules, auto_reply_rules
from shared.services.batches import Batches
from shared.services.broken_uploads import BrokenUploads
from shared.services.bundle import Services
from shared.services.campaign_plans import CampaignPlans, Policy
from shared.services.campaign_progress import CampaignProgress
from shared.services.campaign_recipients import CampaignRecipients
from shared.services.campaigns import Campaigns
from shared.services.chunk_runs import ChunkRuns
from shared.services.consent import Consents
from shared.services.conversation_states import ConversationStates
from shared.services.conversations import Conversations
from shared.services.daily_caps import CapLimits, DailyCaps
from shared.services.deliveries import Deliveries
from shared.services.delivery_drops import DeliveryDrops
from shared.services.delivery_reports import DeliveryReports
from shared.services.departure import Departure
from shared.services.dispatch import Dispatch
from shared.services.ends import Ends, Records
from shared.services.explanations import Explanations
from shared.services.failures import Failures
from shared.services.fence import Fences
from shared.services.health import Health
from shared.services.idempotency import Idempotency
from shared.services.inbound import Inbound, InboundPolicy
from shared.services.kept_events import KeptEvents
from shared.services.keyword_replies import KeywordReplier
from shared.services.lanes import Lanes
from shared.services.late_marks import LateMarks
from shared.services.messages import Messages
from shared.services.missing_reports import MissingReports
from shared.services.notes import Notes
from shared.services.opt_out_lists import OptOutLists
from shared.services.opt_outs import OptOuts
from shared.services.outbox import NOTICES_QUEUE, Outbox, Relays, WebhookRelay
from shared.services.pacer import Pacer
from shared.services.pauses import Pauses
from shared.services.quick_replies import quick_replies
from shared.services.recipient_limits import RecipientLimits
from shared.services.releases import Releases
from shared.services.request_rates import RequestRates
from shared.services.rollups import Rollups
from shared.services.sending import Sending, SendPolicy
from shared.services.topic import PatientTopic, TopicPost
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE, Work


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world: the real one, or fakes. Without a `webhook`, no notices are stored for one."""

    tables: Tables
    carrier: Carrier
    relay: Relay
    clock: Clock
    queues: Queues
    webhook: Webhook | None = None
    telemetry: Telemetry = field(default_factory=NoTelemetry)


class _Parts:
    """The services and what they share, each made once, when it is first asked for."""

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self.settings = settings
        self.ports = ports
        self.table = ports.tables.table
        self.clock = ports.clock
        self.telemetry = ports.telemetry
        self.senders = settings.known_senders
        self.region = settings.default_region or None

    @cached_property
    def messages(self) -> Messages:
        return Messages(self.table("Messages"))

    @cached_property
    def activity(self) -> ActivityLog:
        return ActivityLog(self.table("Activity"), self._marks)

    @cached_property
    def _marks(self) -> LateMarks:
        return LateMarks(self.table("Rollups"), self.clock)

    @cached_property
    def rollups(self) -> Rollups:
        return Rollups(self.table("Rollups"), self.activity, self._marks, self.clock)

    @cached_property
    def opt_outs(self) -> OptOuts:
        return OptOuts(self.table("OptOuts"), self.table("OptOutAnnouncements"), self.clock)

    @cached_property
    def _lanes(self) -> Lanes:
        return Lanes(self.table("Outbox"), self.clock)

    @cached_property
    def _outbox(self) -> Outbox:
        return Outbox(self._lanes, self.ports.queues.queue(NOTICES_QUEUE), self.clock)

    @property
    def _to_webhook(self) -> list[Relay]:
        return [WebhookRelay(self._outbox)] if self.ports.webhook else []

    @cached_property
    def relay(self) -> Relay:
        return Relays(*self._to_webhook, self.ports.relay)

    @cached_property
    def patient_relay(self) -> Relay:
        """Give the relay of what must not wait for the topic: what that does not take is tried later."""
        return Relays(*self._to_webhook, PatientTopic(self.ports.relay, self._outbox))

    @cached_property
    def ends(self) -> Ends:
        return Ends(self.patient_relay)

    @cached_property
    def records(self) -> Records:
        return Records(self.messages, self.activity, self.ends)

    @cached_property
    def failures(self) -> Failures:
        return Failures(self.table("Failures"), self.ports.queues, self.patient_relay, self.clock)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(
            lanes=self._lanes,
            pauses=Pauses(self.table("Outbox"), self.clock),
            webhook=self.ports.webhook,
            topic=TopicPost(self.ports.relay),
            queue=self.ports.queues.queue(NOTICES_QUEUE),
            failures=self.failures,
            clock=self.clock,
        )

    @cached_property
    def consents(self) -> Consents:
        return Consents(
            opt_outs=self.opt_outs,
            messages=self.messages,
            activity=self.activity,
            relay=self.patient_relay,
            senders=self.senders,
            clock=self.clock,
        )

    @cached_property
    def kept_events(self) -> KeptEvents:
        return KeptEvents(self.table("KeptEvents"), self.clock)

    @cached_property
    def idempotency(self) -> Idempotency:
        return Idempotency(self.table("Idempotency"), self.clock, timedelta(hours=self.settings.idempotency_hours))

    @cached_property
    def fences(self) -> Fences:
        return Fences(self.opt_outs, self.clock)

    @cached_property
    def caps(self) -> DailyCaps:
        limits = CapLimits(self.settings.daily_segments, self.settings.daily_segments_by_caller)
        return DailyCaps(self.table("DailyUse"), self.clock, limits)

    @cached_property
    def allowance(self) -> Allowance:
        return Allowance(Pacer(self.table("Paces"), self.senders, self.clock, self.telemetry), self.caps)

    @cached_property
    def departure(self) -> Departure:
        return Departure(
            carrier=self.ports.carrier,
            fences=self.fences,
            allowance=self.allowance,
            clock=self.clock,
            telemetry=self.telemetry,
            repeat_window=timedelta(seconds=self.settings.repeat_window_seconds),
        )

    @cached_property
    def batches(self) -> Batches:
        return Batches(self.table("Batches"), self.clock)

    @cached_property
    def campaigns(self) -> Campaigns:
        return Campaigns(self.table("Campaigns"), self.clock)

    @cached_property
    def dispatch(self) -> Dispatch:
        return Dispatch(
            records=self.records,
            batches=self.batches,
            fences=self.fences,
            departure=self.departure,
            allowance=self.allowance,
            queue=self.ports.queues.queue(SENDS_QUEUE),
            clock=self.clock,
        )

    @cached_property
    def recipient_limits(self) -> RecipientLimits:
        return RecipientLimits(self.table("RecipientUse"), self.clock, self.settings.recipient_texts_per_hour)

    @cached_property
    def sending(self) -> Sending:
        within = timedelta(minutes=self.settings.send_within_minutes)
        return Sending(
            dispatch=self.dispatch,
            batches=self.batches,
            records=self.records,
            idempotency=self.idempotency,
            clock=self.clock,
            telemetry=self.telemetry,
            policy=SendPolicy(within, self.settings.countries, self.recipient_limits),
        )

    @cached_property
    def chunk_runs(self) -> ChunkRuns:
        return ChunkRuns(
            campaigns=self.campaigns,
            records=self.records,
            allowance=self.allowance,
            departure=self.departure,
            queue=self.ports.queues.queue(CAMPAIGNS_QUEUE),
            hours=self.settings.quiet_hours,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def releases(self) -> Releases:
        return Releases(
            batches=self.batches,
            dispatch=self.dispatch,
            campaigns=self.campaigns,
            chunk_runs=self.chunk_runs,
            senders=self.senders,
            caps=self.caps,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def campaign_plans(self) -> CampaignPlans:
        settings = self.settings
        return CampaignPlans(
            campaigns=self.campaigns,
            opt_outs=self.opt_outs,
            releases=self.releases,
            idempotency=self.idempotency,
            caps=self.caps,
            clock=self.clock,
            telemetry=self.telemetry,
            policy=Policy(self.region, settings.quiet_hours, settings.countries, settings.prices),
        )

    @cached_property
    def campaign_progress(self) -> CampaignProgress:
        return CampaignProgress(
            campaigns=self.campaigns,
            messages=self.table("Messages"),
            counts=self.table("Counts"),
            senders=self.senders,
            clock=self.clock,
        )

    @cached_property
    def campaign_recipients(self) -> CampaignRecipients:
        return CampaignRecipients(
            campaigns=self.campaigns,
            messages=self.messages,
            activity=self.activity,
            ends=self.ends,
            clock=self.clock,
        )

    @cached_property
    def auto_replies(self) -> AutoReplyRules:
        return auto_reply_rules(self.table("AutoReplies"))

    @cached_property
    def inbound(self) -> Inbound:
        replier = AutoReplier(
            rules=self.auto_replies,
            table=self.table("AutoReplies"),
            opt_outs=self.opt_outs,
            sending=self.sending,
            senders=self.senders,
            clock=self.clock,
        )
        window = timedelta(hours=self.settings.response_window_hours)
        return Inbound(
            messages=self.messages,
            activity=self.activity,
            consents=self.consents,
            relay=self.relay,
            senders=self.senders,
            keyword_replier=KeywordReplier(self.sending, self.senders, self.clock, _reply_texts(self.settings)),
            auto_replier=replier,
            policy=InboundPolicy(self.settings.opt_out_scope, window),
        )

    @cached_property
    def delivery_reports(self) -> DeliveryReports:
        return DeliveryReports(
            messages=self.messages,
            activity=self.activity,
            consents=self.consents,
            kept_events=self.kept_events,
            relay=self.relay,
            senders=self.senders,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def missing_reports(self) -> MissingReports:
        within = timedelta(hours=self.settings.report_within_hours)
        return MissingReports(
            messages=self.messages,
            activity=self.activity,
            ends=self.ends,
            clock=self.clock,
            telemetry=self.telemetry,
            within=within,
        )

    @cached_property
    def conversations(self) -> Conversations:
        states, names = ConversationStates(self.table("Conversations")), [one.name for one in self.senders.all]
        return Conversations(self.messages, self.activity, states, names, self.clock)

    @cached_property
    def opt_out_lists(self) -> OptOutLists:
        return OptOutLists(
            opt_outs=self.opt_outs,
            consents=self.consents,
            senders=self.senders,
            clock=self.clock,
            region=self.region,
        )


def build(settings: Settings, ports: Ports) -> Services:
    """Return the services over these ports."""
    parts = _Parts(settings, ports)
    table, clock = parts.table, parts.clock
    return Services(
        senders=parts.senders,
        region=parts.region,
        event_topic=settings.event_topic,
        sending=parts.sending,
        messages=parts.messages,
        conversations=parts.conversations,
        notes=Notes(table("Conversations"), clock),
        quick_replies=quick_replies(table("Conversations")),
        opt_out_lists=parts.opt_out_lists,
        analytics=Analytics(parts.activity, parts.rollups),
        rollups=parts.rollups,
        delivery_drops=DeliveryDrops(table("Rollups"), parts.rollups, parts.relay, clock),
        prices=settings.prices,
        health=Health(table("OptOuts"), ports.carrier, clock),
        inbound=parts.inbound,
        auto_replies=parts.auto_replies,
        delivery_reports=parts.delivery_reports,
        kept_events=parts.kept_events,
        campaigns=parts.campaigns,
        daily_caps=parts.caps,
        recipient_limits=parts.recipient_limits,
        request_rates=RequestRates(table("RequestRates"), clock, settings.requests_per_minute),
        broken_uploads=BrokenUploads(table("Campaigns"), clock),
        campaign_plans=parts.campaign_plans,
        campaign_progress=parts.campaign_progress,
        campaign_recipients=parts.campaign_recipients,
        explanations=Explanations(parts.messages, parts.campaign_recipients, parts.opt_outs),
        releases=parts.releases,
        work=Work(parts.sending, parts.releases, parts.deliveries),
        failures=parts.failures,
        deliveries=parts.deliveries,
        missing_reports=parts.missing_reports,
    )


def _reply_texts(settings: Settings) -> Mapping[KeywordKind, str]:
    return {
        KeywordKind.OPT_OUT: settings.opt_out_reply,
        KeywordKind.OPT_IN: settings.opt_in_reply,
        KeywordKind.HELP: settings.help_reply,
    }
