"""`POST /sms`, as Azure Communication Services answers it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from aiohttp import web

from local.carrier.acceptance import Result
from local.carrier.carrier import Carrier
from local.carrier.clock import utc_now
from local.carrier.events import Json
from local.carrier.front_door import admit, answer, drop_connection, refuse
from local.carrier.keys import CARRIER
from local.carrier.request_log import LoggedRequest
from local.carrier.senders import Sender
from local.carrier.sms_errors import ServiceError, unauthorized
from local.carrier.sms_requests import SendRequest, parse_send


@dataclass(slots=True)
class _Call:
    """What the request log will say of a call; it fills up as the call goes on."""

    request: web.Request
    carrier: Carrier
    started: float = field(default_factory=time.perf_counter)
    body: SendRequest | None = None
    results: tuple[Result, ...] = ()

    def log(self, http_status: int | None) -> None:
        addressees = self.body.addressees if self.body else ()
        self.carrier.requests.add(
            LoggedRequest(
                at=utc_now(),
                sender=self.body.sender if self.body else None,
                recipient_count=len(addressees),
                http_status=http_status,
                results=tuple(result.http_status for result in self.results),
                repeatability_ids=tuple(one.repeatability_id for one in addressees if one.repeatability_id),
                client_request_id=self.request.headers.get("x-ms-client-request-id"),
            )
        )
        self.carrier.changes.bump()


async def send(request: web.Request) -> web.Response:
    """Send one text to 1 to 100 recipients; 202 with a result for each."""
    call = _Call(request, request.app[CARRIER])
    switches = call.carrier.switches
    await asyncio.sleep(switches.trouble.latency_ms / 1000)
    if switches.dice.chance("reset", switches.trouble.reset):
        return _drop(call)
    try:
        call.results = await _accept(call)
    except ServiceError as error:
        call.log(error.status)
        return refuse(request, call.started, error, call.carrier)
    if switches.dice.chance("silent", switches.trouble.silent):
        return _drop(call)
    call.log(202)
    return answer(request, call.started, {"value": [_item(one) for one in call.results]}, 202)


async def _accept(call: _Call) -> tuple[Result, ...]:
    raw = await admit(call.request, call.carrier)
    call.body = parse_send(raw)
    sender = call.carrier.senders.find(call.body.sender)
    if sender is None:
        raise unauthorized()
    _strike(call.carrier)
    _limit(call.carrier, sender, len(call.body.addressees))
    return await call.carrier.acceptance.accept(call.body)


def _strike(carrier: Carrier) -> None:
    trouble, dice = carrier.switches.trouble, carrier.switches.dice
    if dice.chance("unavailable", trouble.unavailable):
        raise ServiceError(503, "ServiceUnavailable", "The service is unavailable.")
    if dice.chance("throttle", trouble.throttle):
        raise _throttled(carrier)


def _limit(carrier: Carrier, sender: Sender, units: int) -> None:
    if carrier.switches.trouble.rate_limits and not carrier.rate_limits.admit(sender, units):
        raise _throttled(carrier)


def _throttled(carrier: Carrier) -> ServiceError:
    return ServiceError(
        429,
        "TooManyRequests",
        "The rate limit of this sender is exceeded.",
        retry_after=carrier.switches.trouble.throttle_retry_after,
    )


def _drop(call: _Call) -> web.Response:
    call.log(None)
    return drop_connection(call.request)


def _item(result: Result) -> Json:
    item: Json = {"to": result.to}
    if result.message_id is not None:
        item["messageId"] = result.message_id
    item["httpStatusCode"] = result.http_status
    if result.repeatability is not None:
        item["repeatabilityResult"] = result.repeatability
    if result.error is not None:
        item["errorMessage"] = result.error
    item["successful"] = result.http_status == 202
    return item
