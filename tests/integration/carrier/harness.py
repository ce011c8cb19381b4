"""A carrier on a free port with a webhook receiver beside it, and typed ways to talk to both."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from azure.communication.sms.aio import SmsClient
from azure.core.credentials import AzureKeyCredential

from local.carrier.app import build
from local.carrier.carrier import ACCESS_KEY, Carrier, Config
from local.carrier.keys import CARRIER
from local.carrier.senders import DEFAULT_SENDERS, Sender
from local.carrier.signatures import hash_of, sign
from tests.support.waiting import eventually

Json: TypeAlias = Any
"""What `json.loads` gives: tests look into it field by field."""

TOLL_FREE = "+18005550100"
SHORT_CODE = "12345"
PERSON = "+14255550123"
REPORTED = {"enableDeliveryReport": True}
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"
QUICK = {"timeScale": 100}


@dataclass
class Delivery:
    """One request that Event Grid made to the receiver."""

    function: str
    headers: dict[str, str]
    body: Json

    @property
    def event(self) -> Json:
        """The one event, in either schema."""
        return self.body[0] if isinstance(self.body, list) else self.body


@dataclass
class Receiver:
    """An Event Grid webhook as the Functions host offers it; what it answers can be changed."""

    status: Callable[[int], int] = lambda _: 202
    greets: bool = True
    deliveries: list[Delivery] = field(default_factory=list)
    handshakes: list[Delivery] = field(default_factory=list)

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_route("*", "/runtime/webhooks/EventGrid", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        delivery = Delivery(request.query["functionName"], dict(request.headers), body)
        if request.method == "OPTIONS" or request.headers["aeg-event-type"] == "SubscriptionValidation":
            self.handshakes.append(delivery)
            return self._greet(request, body)
        self.deliveries.append(delivery)
        return web.Response(status=self.status(len(self.deliveries)))

    def _greet(self, request: web.Request, body: Json) -> web.Response:
        if not self.greets:
            return web.Response(status=404)
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": request.headers["WebHook-Request-Origin"]})
        return web.Response(text=json.dumps({"validationResponse": body[0]["data"]["validationCode"]}))

    def reports(self) -> list[Json]:
        """Return the delivery reports that came, oldest first."""
        return [one.event for one in self.deliveries if one.function == "sms_delivery_report"]

    def texts(self) -> list[Json]:
        """Return the inbound texts that came, oldest first."""
        return [one.event for one in self.deliveries if one.function == "sms_received"]


@dataclass
class Reply:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: Json


class Stand:
    """A running carrier."""

    def __init__(self, server: BaseTestServer, app: web.Application, http: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{server.port}"
        self.carrier: Carrier = app[CARRIER]
        self.http = http

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Make a request as it is."""
        data = json.dumps(body).encode() if body is not None else None
        return await self.raw(method, path, data, headers)

    async def raw(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        """Make a request with these bytes and headers."""
        url = f"{self.url}{path}"
        data = io.BytesIO(body) if body is not None else None
        async with self.http.request(method, url, data=data, headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return Reply(answer.status, dict(answer.headers), json.loads(text) if is_json else text)

    async def get(self, path: str) -> Json:
        """Return what the control API answers to GET."""
        return (await self.call("GET", f"/_carrier{path}")).body

    async def values(self, path: str) -> list[Json]:
        """Return the `value` of a list of the control API."""
        value: list[Json] = (await self.get(path))["value"]
        return value

    async def trouble(self, **switches: object) -> None:
        """Change switches."""
        reply = await self.call("PUT", "/_carrier/trouble", switches)
        assert reply.status == 200, reply.body

    async def inbound(self, text: str, sender: str = TOLL_FREE, person: str = PERSON) -> Json:
        """Let a person write."""
        reply = await self.call("POST", "/_carrier/inbound", {"from": person, "to": sender, "text": text})
        assert reply.status == 202, reply.body
        return reply.body

    async def signed(self, method: str, path: str, body: bytes = b"", **changed: str) -> Reply:
        """Make a signed request; `changed` replaces headers afterwards."""
        headers = self.signature(method, path, body)
        headers.update({name.replace("_", "-"): value for name, value in changed.items()})
        return await self.raw(method, path, body, headers)

    def signature(
        self, method: str, path: str, body: bytes, key: str = ACCESS_KEY, at: datetime | None = None
    ) -> dict[str, str]:
        """Return the headers that sign a request."""
        date = (at or datetime.now(UTC)).strftime(HTTP_DATE)
        host = self.url.removeprefix("http://")
        signature = sign(base64.b64decode(key), method, path, date, host, hash_of(body))
        signed = "SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        return {
            "x-ms-date": date,
            "x-ms-content-sha256": hash_of(body),
            "Authorization": f"HMAC-SHA256 {signed}&Signature={signature}",
            "Content-Type": "application/json",
        }

    async def post_sms(self, body: object, version: str = "2021-03-07") -> Reply:
        """Make a signed `POST /sms`."""
        return await self.signed("POST", f"/sms?api-version={version}", json.dumps(body).encode())

    async def send(self, *to: str, sender: str = TOLL_FREE, text: str = "Hello", **options: object) -> list[Json]:
        """Send to these recipients with a delivery report, and return the items of the answer."""
        reply = await self.post_sms(sms(*to, sender=sender, text=text, **options))
        assert reply.status == 202, reply.body
        items: list[Json] = reply.body["value"]
        return items

    async def reported(self, message_id: str) -> Json:
        """Return the delivery report of a message when there is one."""
        path = f"/deliveryReports/{message_id}?api-version=2026-01-23"

        async def report() -> Json:
            reply = await self.signed("GET", path)
            return reply.body if reply.status == 200 else None

        return await eventually(report)

    def sdk(self) -> SmsClient:
        """Return the real SDK's client for this carrier."""
        return SmsClient(self.url, AzureKeyCredential(ACCESS_KEY), retry_total=0)


def sms(*to: str, sender: str = TOLL_FREE, text: str = "Hello", **options: object) -> dict[str, Json]:
    """Return the body of a `POST /sms` that asks for delivery reports."""
    return {
        "from": sender,
        "smsRecipients": [addressee(one) for one in to],
        "message": text,
        "smsSendOptions": {**REPORTED, **options},
    }


def addressee(to: str, request_id: str | None = None) -> dict[str, str]:
    """Return an item of `smsRecipients` with a repeatability id."""
    first_sent = datetime.now(UTC).strftime(HTTP_DATE)
    return {
        "to": to,
        "repeatabilityRequestId": request_id or str(uuid4()),
        "repeatabilityFirstSent": first_sent,
    }


@asynccontextmanager
async def running(
    receiver: Receiver | None = None,
    state_folder: Path | None = None,
    functions_key: str | None = None,
    senders: tuple[Sender, ...] = DEFAULT_SENDERS,
) -> AsyncIterator[Stand]:
    """Run a carrier, and the receiver as its functions host when there is one."""
    async with aiohttp.ClientSession() as http:
        if receiver is None:
            app = build(Config(state_folder=state_folder, senders=senders))
            async with TestServer(app, host="127.0.0.1") as server:
                yield Stand(server, app, http)
            return
        async with TestServer(receiver.application(), host="127.0.0.1") as functions:
            url = f"http://127.0.0.1:{functions.port}"
            app = build(Config(url, functions_key, state_folder, senders))
            async with TestServer(app, host="127.0.0.1") as server:
                yield Stand(server, app, http)


async def ready(stand: Stand) -> None:
    """Wait until both subscriptions have passed the handshake."""

    async def all_ready() -> bool:
        subscriptions = (await stand.get(""))["subscriptions"]
        return all(one["state"] == "ready" for one in subscriptions)

    await eventually(all_ready)
