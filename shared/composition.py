"""The composition root: the services over their ports, and the real ports from the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from shared.edges.acs import open_carrier
from shared.edges.queue_azure import open_queues
from shared.edges.relay_none import NoRelay
from shared.edges.settings import Settings
from shared.edges.tables_azure import open_tables
from shared.ports.carrier import Carrier
from shared.ports.clock import Clock, SystemClock
from shared.ports.queue import Queues
from shared.ports.relay import Relay
from shared.ports.tables import Tables
from shared.ports.webhook import Webhook
from shared.rules.keywords import KeywordKind
from shared.services.activity import ActivityLog
from shared.services.allowance import Allowance
from shared.services.analytics import Analytics
from shared.services.auto_replies import AutoReplier
from shared.services.auto_reply_rules import AutoReplyRules
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
from shared.services.quick_replies import QuickReplies
from shared.services.recipient_limits import RecipientLimits
from shared.services.releases import Releases
from shared.services.request_rates import RequestRates
from shared.services.rollups import Rollups
from shared.services.sending import Sending, SendPolicy
from shared.services.topic import PatientTopic, TopicPost
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE, Work

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world: the real one, or fakes. Without a `webhook`, no notices are stored for one."""

    tables: Tables
    carrier: Carrier
    relay: Relay
    clock: Clock
    queues: Queues
    webhook: Webhook | None = None


def build(settings: Settings, ports: Ports) -> Services:
    """Return the services over these ports."""
    clock, senders, region = ports.clock, settings.known_senders, settings.default_region or None
    table = ports.tables.table
    marks = LateMarks(table("Rollups"), clock)
    messages, activity = Messages(table("Messages")), ActivityLog(table("Activity"), marks)
    rollups = Rollups(table("Rollups"), activity, marks, clock)
    opt_outs = OptOuts(table("OptOuts"), table("OptOutAnnouncements"), clock)
    lanes, notices_queue = Lanes(table("Outbox"), clock), ports.queues.queue(NOTICES_QUEUE)
    outbox = Outbox(lanes, notices_queue, clock)
    to_webhook = [WebhookRelay(outbox)] if ports.webhook else []
    relay = Relays(*to_webhook, ports.relay)
    patient = Relays(*to_webhook, PatientTopic(ports.relay, outbox))
    ends, failures = Ends(patient), Failures(table("Failures"), ports.queues, patient, clock)
    records = Records(messages, activity, ends)
    deliveries = Deliveries(
        lanes=lanes,
        pauses=Pauses(table("Outbox"), clock),
        webhook=ports.webhook,
        topic=TopicPost(ports.relay),
        queue=notices_queue,
        failures=failures,
        clock=clock,
    )
    consents = Consents(
        opt_outs=opt_outs, messages=messages, activity=activity, relay=patient, senders=senders, clock=clock
    )
    kept_events = KeptEvents(table("KeptEvents"), clock)
    keep = timedelta(hours=settings.idempotency_hours)
    idempotency = Idempotency(table("Idempotency"), clock, keep)
    fences, pacer = Fences(opt_outs, clock), Pacer(table("Paces"), senders, clock)
    caps = DailyCaps(table("DailyUse"), clock, CapLimits(settings.daily_segments, settings.daily_segments_by_caller))
    allowance = Allowance(pacer, caps)
    departure = Departure(
        carrier=ports.carrier,
        fences=fences,
        allowance=allowance,
        clock=clock,
        repeat_window=timedelta(seconds=settings.repeat_window_seconds),
    )
    batches, campaigns = Batches(table("Batches"), clock), Campaigns(table("Campaigns"), clock)
    dispatch = Dispatch(
        records=records,
        batches=batches,
        fences=fences,
        departure=departure,
        allowance=allowance,
        queue=ports.queues.queue(SENDS_QUEUE),
        clock=clock,
    )
    limits = RecipientLimits(table("RecipientUse"), clock, settings.recipient_texts_per_hour)
    sending = Sending(
        dispatch=dispatch,
        batches=batches,
        messages=messages,
        activity=activity,
        ends=ends,
        idempotency=idempotency,
        clock=clock,
        policy=SendPolicy(timedelta(minutes=settings.send_within_minutes), settings.countries, limits),
    )
    chunk_runs = ChunkRuns(
        campaigns=campaigns,
        records=records,
        allowance=allowance,
        departure=departure,
        queue=ports.queues.queue(CAMPAIGNS_QUEUE),
        hours=settings.quiet_hours,
        clock=clock,
    )
    releases = Releases(
        batches=batches,
        dispatch=dispatch,
        campaigns=campaigns,
        chunk_runs=chunk_runs,
        senders=senders,
        caps=caps,
        clock=clock,
    )
    plans = CampaignPlans(
        campaigns=campaigns,
        opt_outs=opt_outs,
        releases=releases,
        idempotency=idempotency,
        caps=caps,
        clock=clock,
        policy=Policy(region, settings.quiet_hours, settings.countries, settings.prices),
    )
    auto_replies = AutoReplyRules(table("AutoReplies"))
    auto_replier = AutoReplier(
        rules=auto_replies,
        table=table("AutoReplies"),
        opt_outs=opt_outs,
        sending=sending,
        senders=senders,
        clock=clock,
    )
    inbound = Inbound(
        messages=messages,
        activity=activity,
        consents=consents,
        relay=relay,
        senders=senders,
        keyword_replier=KeywordReplier(sending, senders, clock, _reply_texts(settings)),
        auto_replier=auto_replier,
        policy=InboundPolicy(settings.opt_out_scope, timedelta(hours=settings.response_window_hours)),
    )
    reports = DeliveryReports(
        messages=messages,
        activity=activity,
        consents=consents,
        kept_events=kept_events,
        relay=relay,
        senders=senders,
        clock=clock,
    )
    recipients = CampaignRecipients(campaigns=campaigns, messages=messages, activity=activity, ends=ends, clock=clock)
    return Services(
        senders=senders,
        region=region,
        event_topic=settings.event_topic,
        sending=sending,
        messages=messages,
        conversations=Conversations(
            messages, activity, ConversationStates(table("Conversations")), [one.name for one in senders.all], clock
        ),
        notes=Notes(table("Conversations"), clock),
        quick_replies=QuickReplies(table("Conversations")),
        opt_out_lists=OptOutLists(opt_outs=opt_outs, consents=consents, senders=senders, clock=clock, region=region),
        analytics=Analytics(activity, rollups),
        rollups=rollups,
        delivery_drops=DeliveryDrops(table("Rollups"), rollups, relay, clock),
        prices=settings.prices,
        health=Health(table("OptOuts"), ports.carrier, clock),
        inbound=inbound,
        auto_replies=auto_replies,
        delivery_reports=reports,
        kept_events=kept_events,
        campaigns=campaigns,
        daily_caps=caps,
        recipient_limits=limits,
        request_rates=RequestRates(table("RequestRates"), clock, settings.requests_per_minute),
        broken_uploads=BrokenUploads(table("Campaigns"), clock),
        campaign_plans=plans,
        campaign_progress=CampaignProgress(
            campaigns=campaigns, messages=table("Messages"), counts=table("Counts"), senders=senders, clock=clock
        ),
        campaign_recipients=recipients,
        explanations=Explanations(messages, recipients, opt_outs),
        releases=releases,
        work=Work(sending, releases, deliveries),
        failures=failures,
        deliveries=deliveries,
        missing_reports=MissingReports(messages, activity, ends, clock, timedelta(hours=settings.report_within_hours)),
    )


def _reply_texts(settings: Settings) -> Mapping[KeywordKind, str]:
    return {
        KeywordKind.OPT_OUT: settings.opt_out_reply,
        KeywordKind.OPT_IN: settings.opt_in_reply,
        KeywordKind.HELP: settings.help_reply,
    }


def connect(settings: Settings) -> Ports:
    """Return the real ports; nothing is called yet."""
    clock = SystemClock()
    return Ports(
        tables=_tables(settings),
        carrier=_carrier(settings, clock),
        relay=_relay(settings),
        clock=clock,
        queues=_queues(settings),
        webhook=_webhook(settings, clock),
    )


def _carrier(settings: Settings, clock: Clock) -> Carrier:
    if settings.acs_connection_string:
        return open_carrier(settings.acs_connection_string, clock=clock)
    return open_carrier(endpoint=settings.acs_endpoint, credential=_identity(settings.client_id), clock=clock)


def _tables(settings: Settings) -> Tables:
    if settings.storage_connection_string:
        return open_tables(settings.storage_connection_string, prefix=settings.table_prefix)
    uri = settings.storage_table_uri or f"https://{settings.storage_account_name}.table.core.windows.net"
    identity = _identity(settings.storage_client_id or settings.client_id)
    return open_tables(table_uri=uri, credential=identity, prefix=settings.table_prefix)


def _queues(settings: Settings) -> Queues:
    prefix = f"{settings.queue_prefix}-"
    if settings.storage_connection_string:
        return open_queues(settings.storage_connection_string, prefix=prefix)
    uri = settings.storage_queue_uri or f"https://{settings.storage_account_name}.queue.core.windows.net"
    identity = _identity(settings.storage_client_id or settings.client_id)
    return open_queues(queue_uri=uri, credential=identity, prefix=prefix)


def _relay(settings: Settings) -> Relay:
    endpoint, schema = settings.relay_topic_endpoint, settings.relay_schema
    if not endpoint:
        return NoRelay()
    from shared.edges.relay_topic import open_relay  # noqa: PLC0415 - slow to import: only where there is a topic

    if settings.relay_topic_key:
        return open_relay(endpoint, source="sms", key=settings.relay_topic_key, schema=schema)
    return open_relay(endpoint, source="sms", credential=_identity(settings.client_id), schema=schema)


def _webhook(settings: Settings, clock: Clock) -> Webhook | None:
    if not settings.webhook_url:
        return None
    from shared.edges.webhook_http import HttpWebhook  # noqa: PLC0415 - only where there is a webhook

    loopback = settings.webhook_loopback == "on"
    return HttpWebhook(settings.webhook_url, settings.webhook_secrets, clock=clock, loopback=loopback)


@cache
def _identity(client_id: str) -> AsyncTokenCredential:
    from azure.identity.aio import (  # noqa: PLC0415 - slow to import: only where keys are not used
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )

    # One certain way to sign in where an identity is given by the platform; a developer's own sign-in elsewhere.
    if "IDENTITY_ENDPOINT" in os.environ:
        return ManagedIdentityCredential(client_id=client_id or None)
    return DefaultAzureCredential(managed_identity_client_id=client_id or None)
