"""The two SMS events, in the shapes in which the service has been seen to write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from local.carrier.clock import to_seconds, to_ticks
from local.carrier.messages import Message, Report
from local.carrier.trouble import Casing, Schema, Trouble

SMS_RECEIVED = "Microsoft.Communication.SMSReceived"
DELIVERY_REPORT = "Microsoft.Communication.SMSDeliveryReportReceived"
TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/microsoft.communication/communicationservices/carrier"
)

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text that a person wrote to one of our senders."""

    message_id: str
    person: str
    sender: str
    text: str
    at: datetime
    segments: int


@dataclass(frozen=True, slots=True)
class Event:
    """An event as delivered: `body` is the whole JSON object in the given schema."""

    id: str
    type: str
    schema: Schema
    body: Json
    raised_at: datetime


def received_event(inbound: Inbound, now: datetime, trouble: Trouble) -> Event:
    """Build SMSReceived. As in the service's samples, neither number has a `+` unless `plusInFrom` asks for it."""
    data: Json = {
        "messageId": inbound.message_id,
        "from": _written(inbound.person, plus=trouble.plus_in_from),
        "to": _written(inbound.sender, plus=trouble.plus_in_from),
        "message": inbound.text,
        "receivedTimestamp": to_ticks(inbound.at),
        "segmentCount": inbound.segments,
    }
    return _event(inbound.message_id, SMS_RECEIVED, _subject(inbound.sender), data, now, trouble)


def report_event(event_id: str, message: Message, report: Report, now: datetime, trouble: Trouble) -> Event:
    """Build SMSDeliveryReportReceived for a message."""
    delivered = report.status == "Delivered"
    data: Json = {
        "messageId": message.message_id,
        "from": _written(message.sender, plus=trouble.plus_in_from),
        "to": message.recipient,
        "deliveryStatus": report.status,
        "deliveryStatusDetails": report.details,
        "receivedTimestamp": to_ticks(report.received_at),
        "deliveryAttempts": [
            {
                "timestamp": to_ticks(report.attempted_at),
                "segmentsSucceeded": message.size.segments if delivered else 0,
                "segmentsFailed": 0 if delivered else message.size.segments,
            }
        ],
    }
    if message.tag is not None:
        data["tag"] = message.tag
    return _event(event_id, DELIVERY_REPORT, _subject(message.sender), data, now, trouble)


def _event(event_id: str, kind: str, subject: str, data: Json, now: datetime, trouble: Trouble) -> Event:
    cased = _cased(data, trouble.casing)
    if trouble.event_schema is Schema.CLOUD_EVENTS:
        body = _cloud_event(event_id, kind, subject, cased, now)
    else:
        body = _event_grid_event(event_id, kind, subject, cased, now)
    return Event(event_id, kind, trouble.event_schema, body, now)


def _event_grid_event(event_id: str, kind: str, subject: str, data: Json, now: datetime) -> Json:
    return {
        "id": event_id,
        "topic": TOPIC,
        "subject": subject,
        "data": data,
        "eventType": kind,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": to_seconds(now),
    }


def _cloud_event(event_id: str, kind: str, subject: str, data: Json, now: datetime) -> Json:
    return {
        "id": event_id,
        "source": TOPIC,
        "subject": subject,
        "data": data,
        "type": kind,
        "time": to_ticks(now),
        "specversion": "1.0",
    }


def _written(number: str, *, plus: bool) -> str:
    return number if plus else number.removeprefix("+")


def _subject(sender: str) -> str:
    return f"/phonenumber/{sender.removeprefix('+')}"


def _cased(data: Json, casing: Casing) -> Json:
    if casing is Casing.PASCAL:
        return {_pascal(key): _pascal_within(value) for key, value in data.items()}
    if casing is Casing.MIXED and "tag" in data:
        return {("Tag" if key == "tag" else key): value for key, value in data.items()}
    return data


def _pascal_within(value: object) -> object:
    if isinstance(value, list):
        return [_pascal_within(item) for item in value]
    if isinstance(value, dict):
        return {_pascal(key): item for key, item in value.items()}
    return value


def _pascal(key: str) -> str:
    return key[0].upper() + key[1:]
