"""A small ACS for tests: checks each signature, knows repeats, and answers as the script says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.support.serving import serving

ACCESS_KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it came over the wire."""

    headers: dict[str, str]
    raw: bytes
    is_signed: bool

    @property
    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        decoded: dict[str, Any] = json.loads(self.raw)
        return decoded

    @property
    def ids(self) -> list[str]:
        """Return the repeatability ids, in order."""
        return [recipient["repeatabilityRequestId"] for recipient in self.body["smsRecipients"]]


@dataclass(slots=True)
class AcsServer:
    """What came, what was sent, and what to answer next; an empty script takes every text."""

    port: int = 0
    seen: list[SeenRequest] = field(default_factory=list)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    script: deque[Step] = field(default_factory=deque)
    rejections: dict[str, deque[int]] = field(default_factory=dict)
    root_status: int = 404
    _answered: dict[str, Item] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Return the base URL, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connection_string(self) -> str:
        """Return what the portal would show, but for the scheme."""
        return f"endpoint={self.endpoint}/;accesskey={ACCESS_KEY}"

    def take(self, seen: SeenRequest) -> list[Item]:
        """Send each text that is not a repeat, and return the items of the answer."""
        return [self._take(seen.body, recipient) for recipient in seen.body["smsRecipients"]]

    def _take(self, body: dict[str, Any], recipient: dict[str, str]) -> Item:
        to, repeat_id = recipient["to"], recipient["repeatabilityRequestId"]
        if repeat_id in self._answered:
            return self._answered[repeat_id]
        if self.rejections.get(to):
            return {"to": to, "httpStatusCode": self.rejections[to].popleft(), "successful": False}
        self.sent.append((to, body["message"], repeat_id))
        item = {"to": to, "httpStatusCode": 202, "successful": True, "repeatabilityResult": "accepted"}
        self._answered[repeat_id] = item | {"messageId": f"Outgoing_{len(self.sent)}_noam"}
        return self._answered[repeat_id]

    async def on_sms(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /sms`."""
        raw = await request.read()
        seen = SeenRequest(dict(request.headers), raw, _is_signed(request, raw))
        self.seen.append(seen)
        if not seen.is_signed:
            return web.json_response({"error": {"code": "Unauthorized", "message": ""}}, status=401)
        step = self.script.popleft() if self.script else taken()
        return await step(self, request, seen)

    async def on_root(self, request: web.Request) -> web.Response:
        """Answer `GET /`."""
        return web.Response(status=self.root_status)


Step = Callable[[AcsServer, web.Request, SeenRequest], Awaitable[web.StreamResponse]]


def taken(change: Callable[[list[Item]], Any] = lambda items: {"value": items}) -> Step:
    """Return a step that takes the texts and answers 202, with the body that `change` makes of the items."""

    async def step(server: AcsServer, request: web.Request, seen: SeenRequest) -> web.StreamResponse:
        return web.json_response(change(server.take(seen)), status=202)

    return step


def status(code: int, body: Any = None, **headers: str) -> Step:
    """Return a step that takes nothing and answers with this status."""

    async def step(server: AcsServer, request: web.Request, seen: SeenRequest) -> web.StreamResponse:
        return web.json_response(
            body, status=code, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return step


def garbage(text: str, content_type: str = "application/json") -> Step:
    """Return a step that takes the texts and answers 202 with this body."""

    async def step(server: AcsServer, request: web.Request, seen: SeenRequest) -> web.StreamResponse:
        server.take(seen)
        return web.Response(text=text, content_type=content_type, status=202)

    return step


def dropped(*, takes: bool) -> Step:
    """Return a step that breaks the connection instead of an answer, having taken the texts or not."""

    async def step(server: AcsServer, request: web.Request, seen: SeenRequest) -> web.StreamResponse:
        if takes:
            server.take(seen)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return step


def cut_short() -> Step:
    """Return a step that takes the texts and breaks the connection in the middle of the answer."""

    async def step(server: AcsServer, request: web.Request, seen: SeenRequest) -> web.StreamResponse:
        server.take(seen)
        response = web.StreamResponse(status=202, headers={"Content-Length": "500"})
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(b'{"value":[')
        assert request.transport is not None
        request.transport.close()
        return response

    return step


def never_answered() -> Step:
    """Return a step that takes the texts and says nothing until the client gives up."""

    async def step(server: AcsServer, request: web.Request, seen: SeenRequest) -> web.StreamResponse:
        server.take(seen)
        await asyncio.Event().wait()
        return web.Response()

    return step


@asynccontextmanager
async def acs_server() -> AsyncIterator[AcsServer]:
    """Run the server on a free port of the loopback."""
    server = AcsServer()
    app = web.Application()
    app.router.add_post("/sms", server.on_sms)
    app.router.add_get("/", server.on_root)
    async with serving(app) as server.port:
        yield server


def signature(key: str, method: str, path: str, date: str, host: str, raw: bytes) -> str:
    """Return the HMAC signature that the REST API's authentication page describes."""
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    signed = f"{method}\n{path}\n{date};{host};{digest}".encode()
    return base64.b64encode(hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()).decode()


def _is_signed(request: web.Request, raw: bytes) -> bool:
    date = request.headers.get("x-ms-date", "")
    expected = signature(ACCESS_KEY, request.method, request.raw_path, date, request.headers.get("Host", ""), raw)
    header = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={expected}"
    return hmac.compare_digest(request.headers.get("Authorization", ""), header)


@dataclass(slots=True)
class StoppedClock:
    """A clock that stands still and notes how long it was asked to wait."""

    moment: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the moment."""
        return self.moment

    async def sleep(self, seconds: float) -> None:
        """Note the pause, and wait for nothing."""
        self.slept.append(seconds)
