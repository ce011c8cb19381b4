"""Event Grid's side of a webhook: the handshake and the delivery of one event."""

from __future__ import annotations

import json

import aiohttp

from local.carrier.clock import to_ticks, utc_now
from local.carrier.event_log import Attempt
from local.carrier.events import TOPIC, Event, Json
from local.carrier.ids import new_guid
from local.carrier.subscriptions import Subscription
from local.carrier.trouble import Schema

ANSWER_WITHIN_S = 30
"""Event Grid waits so long for an answer. In real time, whatever the time scale."""

ORIGIN = "eventgrid.azure.net"


class Webhooks:
    """One HTTP session for all endpoints. `open` and `close` it inside the running loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Begin."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64))

    async def close(self) -> None:
        """End, and close the connections."""
        if self._session is not None:
            await self._session.close()

    async def shake_hands(self, subscription: Subscription, schema: Schema) -> bool:
        """Tell whether the endpoint proves that it wants events, in the way of the given schema."""
        handshake = _is_allowed if schema is Schema.CLOUD_EVENTS else _echoes_code
        try:
            return await handshake(self._opened(), subscription)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def deliver(self, subscription: Subscription, event: Event, count: int) -> Attempt:
        """Post an event once; `count` is how often it was tried before. Never raises for a failure."""
        headers, body = _delivery_of(subscription, event, count)
        at = utc_now()
        try:
            async with self._opened().post(subscription.url, data=body, headers=headers) as answer:
                return Attempt(at, answer.status, None)
        except TimeoutError:
            return Attempt(at, None, "TimedOut")
        except aiohttp.ClientError:
            return Attempt(at, None, "SocketError")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the webhooks are not open")
        return self._session


async def _echoes_code(session: aiohttp.ClientSession, subscription: Subscription) -> bool:
    code = new_guid()
    headers = _headers(subscription, "SubscriptionValidation")
    async with session.post(subscription.url, json=[_validation(code)], headers=headers) as answer:
        # The Functions host answers with text/plain, so the type is not checked; 202 is not accepted.
        body = json.loads(await answer.text())
        return answer.status == 200 and isinstance(body, dict) and body.get("validationResponse") == code


async def _is_allowed(session: aiohttp.ClientSession, subscription: Subscription) -> bool:
    async with session.options(subscription.url, headers={"WebHook-Request-Origin": ORIGIN}) as answer:
        return answer.status == 200 and answer.headers.get("WebHook-Allowed-Origin") in {ORIGIN, "*"}


def _validation(code: str) -> Json:
    return {
        "id": new_guid(),
        "topic": TOPIC,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": to_ticks(utc_now()),
        "metadataVersion": "1",
        "dataVersion": "1",
    }


def _headers(subscription: Subscription, kind: str) -> dict[str, str]:
    return {"aeg-event-type": kind, "aeg-subscription-name": subscription.name.upper()}


def _delivery_of(subscription: Subscription, event: Event, count: int) -> tuple[dict[str, str], bytes]:
    headers = _headers(subscription, "Notification")
    headers["aeg-delivery-count"] = str(count)
    headers["aeg-output-event-id"] = new_guid()
    if event.schema is Schema.CLOUD_EVENTS:
        headers["Content-Type"] = "application/cloudevents+json; charset=utf-8"
        return headers, _encoded(event.body)
    headers["Content-Type"] = "application/json; charset=utf-8"
    headers["aeg-data-version"] = str(event.body["dataVersion"])
    headers["aeg-metadata-version"] = str(event.body["metadataVersion"])
    return headers, _encoded([event.body])


def _encoded(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
