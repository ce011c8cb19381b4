"""A queue service for tests, and its answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.serving import serving

ACCOUNT_KEY = "YWNjb3VudGtleWFjY291bnRrZXk="
_PUT = """<?xml version="1.0" encoding="utf-8"?>
<QueueMessagesList><QueueMessage>
<MessageId>1</MessageId><PopReceipt>AgAAAA==</PopReceipt>
<InsertionTime>Sat, 14 Mar 2026 15:09:26 GMT</InsertionTime>
<ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime>
<TimeNextVisible>Sat, 14 Mar 2026 15:09:26 GMT</TimeNextVisible>
</QueueMessage></QueueMessagesList>"""

Answer = web.Response | None


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it came over the wire."""

    line: str
    query: dict[str, str]
    version: str
    body: str


@dataclass(slots=True)
class QueueServer:
    """A queue service for tests that plays scripted answers; None breaks the connection."""

    port: int = 0
    seen: list[SeenRequest] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    gate: asyncio.Event | None = None
    under_way: int = 0
    most_under_way: int = 0

    @property
    def connection_string(self) -> str:
        """Return what the SDK takes."""
        endpoint = f"http://127.0.0.1:{self.port}/account"
        return f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={ACCOUNT_KEY};QueueEndpoint={endpoint};"

    async def on_request(self, request: web.Request) -> web.StreamResponse:
        """Play the next answer."""
        line = f"{request.method} {request.path.removeprefix('/account')}"
        version = request.headers["x-ms-version"]
        self.seen.append(SeenRequest(line, dict(request.query), version, await request.text()))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.under_way -= 1
        answer = self.script.popleft() if self.script else refusal(500)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer


@asynccontextmanager
async def queue_server() -> AsyncIterator[QueueServer]:
    """Run the service on a free port of the loopback."""
    running = QueueServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", running.on_request)
    async with serving(app) as running.port:
        yield running


def refusal(status: int, code: str = "") -> web.Response:
    """Return an error as the service writes it."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>private words</Message></Error>'
    headers = {"x-ms-error-code": code} if code else {}
    return web.Response(text=body, status=status, headers=headers, content_type="application/xml")


def put() -> web.Response:
    """Return the answer to a message that was taken."""
    return web.Response(text=_PUT, status=201, content_type="application/xml")


def made(status: int = 201) -> web.Response:
    """Return the answer to a queue that was made, or with 204 was there already."""
    return web.Response(status=status)
