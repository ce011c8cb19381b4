"""Server-sent events: tells a watcher that something visible changed, not what."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from local.carrier.changes import Changes
from local.carrier.keys import CARRIER

KEEP_ALIVE_S = 15
GATHER_S = 0.05
"""Changes within this time become one event."""

STREAMS = web.AppKey("streams", set[asyncio.Task[None]])


async def stream(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/stream` until the client goes or the carrier stops."""
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    watching = asyncio.create_task(_watch(response, request.app[CARRIER].changes))
    request.app[STREAMS].add(watching)
    try:
        await asyncio.wait([watching])
    finally:
        request.app[STREAMS].discard(watching)
        watching.cancel()
    return response


async def end_streams(app: web.Application) -> None:
    """End all streams, so that the server can stop."""
    for watching in app[STREAMS]:
        watching.cancel()


async def _watch(response: web.StreamResponse, changes: Changes) -> None:
    changed = changes.watch()
    try:
        await _tell(response, changes)
        while True:
            await _next_line(response, changes, changed)
    except ConnectionError:
        return
    finally:
        changes.unwatch(changed)


async def _next_line(response: web.StreamResponse, changes: Changes, changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(KEEP_ALIVE_S):
            await changed.wait()
    except TimeoutError:
        await response.write(b": still here\n\n")
        return
    await asyncio.sleep(GATHER_S)
    changed.clear()
    await _tell(response, changes)


async def _tell(response: web.StreamResponse, changes: Changes) -> None:
    data = json.dumps({"version": changes.version})
    await response.write(f"event: changed\ndata: {data}\n\n".encode())
