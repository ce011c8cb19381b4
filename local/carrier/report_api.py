"""`GET /deliveryReports/{outgoingMessageId}`."""

from __future__ import annotations

import time

from aiohttp import web

from local.carrier.clock import to_ticks
from local.carrier.events import Json
from local.carrier.front_door import admit, answer, refuse
from local.carrier.keys import CARRIER
from local.carrier.messages import Message, Report
from local.carrier.sms_errors import ServiceError, not_found


async def show_report(request: web.Request) -> web.Response:
    """Return the report of a message; 404 while there is none."""
    carrier = request.app[CARRIER]
    started = time.perf_counter()
    try:
        await admit(request, carrier)
    except ServiceError as error:
        return refuse(request, started, error, carrier)
    message = carrier.messages.get(request.match_info["message_id"])
    if message is None or message.report is None:
        return answer(request, started, not_found(), 404)
    return answer(request, started, _body(message, message.report))


def _body(message: Message, report: Report) -> Json:
    delivered = report.status == "Delivered"
    segments = message.size.segments
    return {
        "deliveryStatus": report.status,
        "deliveryStatusDetails": report.details,
        "deliveryAttempts": [
            {
                "timestamp": to_ticks(report.attempted_at),
                "segmentsSucceeded": segments if delivered else 0,
                "segmentsFailed": 0 if delivered else segments,
            }
        ],
        "receivedTimestamp": to_ticks(report.received_at),
        "tag": message.tag,
        "messageId": message.message_id,
        "from": message.sender,
        "to": message.recipient,
    }
