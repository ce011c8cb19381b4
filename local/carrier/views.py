"""How the control API shows the carrier's state."""

from __future__ import annotations

from datetime import datetime

from local.carrier import app_webhook
from local.carrier.carrier import ACCESS_KEY, TOPIC_KEY, Carrier
from local.carrier.clock import to_milliseconds, utc_now
from local.carrier.codes import MAGIC
from local.carrier.event_log import EventRecord
from local.carrier.events import Json
from local.carrier.handsets import Bubble, Handset, shown
from local.carrier.messages import Message
from local.carrier.request_log import LoggedRequest
from local.carrier.senders import Sender
from local.carrier.subscriptions import Subscription
from local.carrier.topic import PATH


def overview(carrier: Carrier, base_url: str) -> Json:
    """Return `GET /_carrier`; `base_url` is the address under which the caller reached the carrier."""
    return {
        "connectionString": f"endpoint={base_url}/;accesskey={ACCESS_KEY}",
        "endpoint": base_url,
        "senders": [_sender(sender) for sender in carrier.senders.all()],
        "clock": to_milliseconds(utc_now()),
        "startedAt": to_milliseconds(carrier.started_at),
        "trouble": carrier.switches.trouble.as_json(),
        "topicEndpoint": f"{base_url}{PATH}",
        "topicKey": TOPIC_KEY,
        "webhookUrl": f"{base_url}{app_webhook.PATH}",
        "webhookSecret": app_webhook.SECRET,
        "subscriptions": [_subscription(one) for one in carrier.grid.subscriptions],
        "version": carrier.changes.version,
    }


def handset(shown_handset: Handset) -> Json:
    """Return one handset with its newest texts, oldest first."""
    return {
        "number": shown_handset.number,
        "lastActivityAt": to_milliseconds(shown_handset.last_activity_at),
        "messages": [_bubble(bubble) for bubble in shown(shown_handset)],
    }


def message(one: Message) -> Json:
    """Return one accepted message."""
    return {
        "messageId": one.message_id,
        "repeatabilityRequestId": one.repeatability_id,
        "from": one.sender,
        "to": one.recipient,
        "text": one.text,
        "tag": one.tag,
        "deliveryReport": one.report_wanted,
        "acceptedAt": to_milliseconds(one.accepted_at),
        "requestCount": one.request_count,
        "deliveryStatus": one.report.status if one.report else None,
        "deliveryCode": one.report.code if one.report else None,
        "reportedAt": _optional(one.report_sent_at),
        "segments": one.size.segments,
    }


def logged_request(one: LoggedRequest) -> Json:
    """Return one call of `POST /sms`."""
    return {
        "at": to_milliseconds(one.at),
        "from": one.sender,
        "recipientCount": one.recipient_count,
        "httpStatus": one.http_status,
        "results": list(one.results),
        "repeatabilityRequestIds": list(one.repeatability_ids),
        "clientRequestId": one.client_request_id,
    }


def event_record(record: EventRecord) -> Json:
    """Return one event whole, with its delivery attempts."""
    return {
        "event": record.event.body,
        "subscription": record.subscription,
        "attempts": [
            {"at": to_milliseconds(one.at), "httpStatus": one.http_status, "error": one.error}
            for one in record.attempts
        ],
        "state": record.state.value,
    }


def magic_table() -> list[Json]:
    """Return the magic recipients."""
    return [{"suffix": magic.suffix, "meaning": magic.meaning} for magic in MAGIC.values()]


def unchanged(item: Json) -> Json:
    """Return what is JSON already."""
    return item


def _sender(sender: Sender) -> Json:
    return {
        "sender": sender.value,
        "type": sender.type.value,
        "requestsPerMinute": sender.per_minute,
        "unitsPerMinute": sender.per_minute,
        "optOuts": sender.opt_outs.value,
    }


def _subscription(subscription: Subscription) -> Json:
    return {
        "name": subscription.name,
        "endpoint": subscription.endpoint,
        "eventType": subscription.event_type,
        "state": subscription.state.value,
    }


def _bubble(bubble: Bubble) -> Json:
    return {
        "id": bubble.id,
        "direction": bubble.direction.value,
        "sender": bubble.sender,
        "text": bubble.text,
        "at": to_milliseconds(bubble.at),
        "state": bubble.state.value,
        "code": bubble.code,
        "encoding": bubble.size.encoding.value,
        "segments": bubble.size.segments,
        "network": bubble.network,
    }


def _optional(moment: datetime | None) -> str | None:
    return to_milliseconds(moment) if moment else None
