"""Events of Event Grid, as ACS sends them: read whatever their casing and schema, and handed to the services.

An event that cannot be read, or that is not for this app (of another topic, of another type, of a number that is none
of our senders), is kept, noted and never acted upon. It is never answered with an error: Event Grid would send it
again for a day and then drop it. An error is raised only for what may work later, and says nothing of the event's
content, since the host puts the exception's text in its answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import azure.functions as func

from shared.edges.defects import place_of
from shared.edges.invocations import note
from shared.rules.errors import InternalError, SmsError
from shared.rules.ids import to_ms
from shared.rules.phone_numbers import normalize_from_event
from shared.services.bundle import Services
from shared.services.delivery_reports import DeliveryReport
from shared.services.inbound import TextReceived
from shared.services.kept_events import StrangeEvent

TEXT_RECEIVED = "Microsoft.Communication.SMSReceived"
REPORT_RECEIVED = "Microsoft.Communication.SMSDeliveryReportReceived"

Event = func.EventGridEvent | func.CloudEvent
E = TypeVar("E", TextReceived, DeliveryReport)

_VALUE_LIMIT = 16_000
_YEARS = range(2000, 3000)
_LOG = logging.getLogger("sms.events")


class _Unreadable(Exception):
    """The event lacks what it must have, or is not for this app; the message says what, without its content."""


async def text_received(services: Services, event: Event) -> None:
    """Take an SMSReceived event."""
    await _take(services, event, TEXT_RECEIVED, read_text_received, services.inbound.receive)


async def report_received(services: Services, event: Event) -> None:
    """Take an SMSDeliveryReportReceived event."""
    await _take(services, event, REPORT_RECEIVED, read_delivery_report, services.delivery_reports.receive)


async def _take(
    services: Services,
    event: Event,
    expected: str,
    read: Callable[[Event], E],
    receive: Callable[[E], Awaitable[None]],
) -> None:
    try:
        known = _read(services, event, expected, read)
        await (_keep(services, known) if isinstance(known, StrangeEvent) else receive(known))
    except SmsError:
        raise
    except Exception as error:  # noqa: BLE001 - the last boundary: an exception's text would be in the host's answer
        _LOG.error("A defect while taking %s: %s at %s", expected, type(error).__name__, place_of(error))
        raise InternalError("The event could not be taken; the log says more.") from None


async def _keep(services: Services, strange: StrangeEvent) -> None:
    note(kept=1)
    await services.failures.note_event(await services.kept_events.keep(strange), strange.why)


def _read(services: Services, event: Event, expected: str, read: Callable[[Event], E]) -> E | StrangeEvent:
    try:
        _expect(event, expected, services.event_topic)
        known = read(event)
    except _Unreadable as problem:
        return _strange(event, str(problem))
    if services.senders.find(known.sender) is None:
        return _strange(event, "an event of a number that is none of SMS_SENDERS")
    return known


def _expect(event: Event, expected: str, topic: str) -> None:
    if topic and _resource_id(_topic_of(event)) != _resource_id(topic):
        raise _Unreadable("an event of a topic that is not SMS_EVENT_TOPIC")
    if _type_of(event) != expected:
        raise _Unreadable(f"an event that is not {expected}")


def _resource_id(written: str) -> str:
    # Resource ids are the same in any case, and Azure writes them in several.
    return written.strip().rstrip("/").lower()


def _topic_of(event: Event) -> str:
    return str((event.source if isinstance(event, func.CloudEvent) else event.topic) or "")


def read_text_received(event: Event) -> TextReceived:
    """Return the text of an SMSReceived event."""
    data = _data_of(event)
    return TextReceived(
        message_id=_required(data, "messageid"),
        sender=normalize_from_event(_required(data, "to")),
        recipient=normalize_from_event(_required(data, "from")),
        text=_optional(data, "message"),
        received_ms=_received_ms(data, event),
    )


def read_delivery_report(event: Event) -> DeliveryReport:
    """Return the report of an SMSDeliveryReportReceived event."""
    data = _data_of(event)
    return DeliveryReport(
        message_id=_required(data, "messageid"),
        sender=normalize_from_event(_required(data, "from")),
        recipient=normalize_from_event(_required(data, "to")),
        status=_required(data, "deliverystatus"),
        details=_optional(data, "deliverystatusdetails"),
        received_ms=_received_ms(data, event),
        tag=_optional(data, "tag"),
    )


def _type_of(event: Event) -> str:
    return str(event.type if isinstance(event, func.CloudEvent) else event.event_type)


def _data_of(event: Event) -> Mapping[str, object]:
    # The casing of `data` has changed over the years, and differs between samples of today.
    data = event.get_json()
    if isinstance(data, str):
        data = _parsed(data)
    if not isinstance(data, Mapping):
        raise _Unreadable("an event without data")
    if any(isinstance(value, str) and len(value) > _VALUE_LIMIT for value in data.values()):
        raise _Unreadable("an event with a value that is too long")
    return {str(name).lower(): _storable(value) for name, value in data.items()}


def _storable(value: object) -> object:
    # JSON may hold half of a surrogate pair, which no store takes.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


def _parsed(data: str) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _required(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _Unreadable(f"an event without {name}")
    return value


def _optional(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _received_ms(data: Mapping[str, object], event: Event) -> int:
    value = data.get("receivedtimestamp")
    sent = event.time if isinstance(event, func.CloudEvent) else event.event_time
    for at in (_time(value), sent):
        # A time that was never set comes as the year 1, .NET's default.
        if at is not None and at.year in _YEARS:
            return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))
    raise _Unreadable("an event without a time")


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _strange(event: Event, why: str) -> StrangeEvent:
    data = event.get_json()
    return StrangeEvent(str(event.id or ""), _type_of(event), json.dumps(data, default=str), why)
