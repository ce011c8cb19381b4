"""A proxy that breaks one call: between the app and its storage or its carrier, over real HTTP.

All calls through the doors of one proxy are counted together, from 1, in the order in which they come. A plan says at
which call what happens. The Host header is passed on as it came, so that signatures stay valid.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web
from yarl import URL

_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Moment(StrEnum):
    """When the call breaks: before it reaches the other side, or after that has done it."""

    BEFORE = "before"
    AFTER = "after"


class Kind(StrEnum):
    """What breaks: the one call; that call and all later ones; or the program that makes the call."""

    ONCE = "once"
    LASTING = "lasting"
    DEATH = "death"


@dataclass(frozen=True, slots=True)
class Plan:
    """Break the call of this number."""

    call: int
    moment: Moment
    kind: Kind

    def __str__(self) -> str:
        return f"call {self.call} {self.moment} {self.kind}"


@dataclass(slots=True)
class FaultProxy:
    """The doors, the calls that came since the last plan, and what is to become of them."""

    calls: list[str] = field(default_factory=list)
    died: asyncio.Event = field(default_factory=asyncio.Event)
    # Calls whose path has this in it are broken, whatever the plan; empty for none.
    broken: str = ""
    _plan: Plan | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, plan: Plan | None) -> None:
        """Count from 1 again, and break what the plan says; nothing without one."""
        self.calls.clear()
        self.died.clear()
        self._over.clear()
        self._plan = plan

    def end(self) -> None:
        """Break nothing more, and drop the calls of a program that has died."""
        self._plan = None
        self._over.set()

    async def handle(self, request: web.Request, name: str, upstream: str, http: aiohttp.ClientSession) -> web.Response:
        """Pass one call on, or break it."""
        self.calls.append(f"{request.method} {name} {request.path.rpartition('/')[2].partition('(')[0]}")
        if self.broken and self.broken in request.path:
            return drop_connection(request)
        plan = self._plan
        strikes = plan is not None and self._strikes(plan, len(self.calls))
        if plan and strikes and plan.moment is Moment.BEFORE:
            return await self._break(plan, request)
        answer = await forward(request, upstream, http)
        return await self._break(plan, request) if plan and strikes else answer

    def _strikes(self, plan: Plan, number: int) -> bool:
        return number == plan.call if plan.kind is Kind.ONCE else number >= plan.call

    async def _break(self, plan: Plan, request: web.Request) -> web.Response:
        if plan.kind is Kind.DEATH:
            self.died.set()
            await self._over.wait()
        return drop_connection(request)


@asynccontextmanager
async def doors(
    proxy: FaultProxy, upstreams: Mapping[str, str], ports: Mapping[str, int] | None = None
) -> AsyncIterator[dict[str, str]]:
    """Open one door for each upstream (a name and a base URL), at its port if one is given; give their base URLs."""
    http = aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0))
    runners: list[web.AppRunner] = []
    opened: dict[str, str] = {}
    try:
        for name, upstream in upstreams.items():
            runner = web.AppRunner(_app(proxy, name, upstream, http), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", (ports or {}).get(name, 0)).start()
            opened[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield opened
    finally:
        proxy.end()
        for runner in runners:
            await runner.cleanup()
        await http.close()


def _app(proxy: FaultProxy, name: str, upstream: str, http: aiohttp.ClientSession) -> web.Application:
    app = web.Application(client_max_size=64 * 1024 * 1024)

    async def handle(request: web.Request) -> web.Response:
        return await proxy.handle(request, name, upstream, http)

    app.router.add_route("*", "/{tail:.*}", handle)
    return app


async def forward(request: web.Request, upstream: str, http: aiohttp.ClientSession) -> web.Response:
    """Pass a call on as it is and give the answer."""
    url = URL(f"{upstream}{request.raw_path}", encoded=True)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_CONNECTION}
    async with http.request(
        request.method,
        url,
        data=await request.read() or None,
        headers=headers,
        # Storage signs the content type, also when there is none.
        skip_auto_headers=("Content-Type", "User-Agent", "Accept", "Accept-Encoding"),
        allow_redirects=False,
    ) as answer:
        body = await answer.read()
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        return web.Response(status=answer.status, headers=kept, body=body)


def drop_connection(request: web.Request) -> web.Response:
    """Reset the connection, so that the caller gets no answer; what is returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        # With a linger time of 0 the kernel sends RST, not FIN.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()
