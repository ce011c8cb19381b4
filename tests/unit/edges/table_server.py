"""A table service for tests, and its answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.serving import serving

ACCOUNT_KEY = "YWNjb3VudGtleWFjY291bnRrZXk="
Answer = web.Response | None


@dataclass(slots=True)
class TableServer:
    """A table service for tests that plays scripted answers; None breaks the connection."""

    port: int = 0
    seen: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    gate: asyncio.Event | None = None
    under_way: int = 0
    most_under_way: int = 0

    @property
    def connection_string(self) -> str:
        """Return what the SDK takes."""
        endpoint = f"http://127.0.0.1:{self.port}/account"
        return f"DefaultEndpointsProtocol=http;AccountName=account;AccountKey={ACCOUNT_KEY};TableEndpoint={endpoint};"

    async def on_request(self, request: web.Request) -> web.StreamResponse:
        """Play the next answer."""
        await request.read()
        self.seen.append(f"{request.method} {request.path.removeprefix('/account')}")
        self.queries.append(dict(request.query))
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
async def table_server() -> AsyncIterator[TableServer]:
    """Run the service on a free port of the loopback."""
    running = TableServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", running.on_request)
    async with serving(app) as running.port:
        yield running


def refusal(status: int, code: str = "") -> web.Response:
    """Return an error as the service writes it."""
    error = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "private words"}}}
    return web.json_response(error, status=status)


def written(status: int = 204) -> web.Response:
    """Return the answer to a write that was done."""
    return web.Response(status=status, headers={"ETag": 'W/"2"'})


def page(*rows: str, then: str | None = None) -> web.Response:
    """Return a page of a query, with a continuation if `then` is given."""
    value = [{"PartitionKey": "p", "RowKey": row, "odata.etag": f'W/"{row}"'} for row in rows]
    headers = {} if then is None else {"x-ms-continuation-NextPartitionKey": "1!4!cA--"}
    if then:
        headers["x-ms-continuation-NextRowKey"] = then
    return web.json_response({"value": value}, headers=headers)
