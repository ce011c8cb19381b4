"""A storm between the app and its carrier: some calls go wrong in one of several ways, and each is written down."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web

from tests.support.fault_proxy import drop_connection, forward

# Longer than the app waits for an answer.
_HANG_SECONDS = 30


class Weather(StrEnum):
    """What becomes of a call."""

    FAIR = "fair"
    THROTTLED = "429"
    UNAVAILABLE = "503"
    RESET = "reset before it is taken"
    SILENT = "taken, then reset"
    HALF = "taken, half an answer"
    TIMEOUT = "no answer in time"


@dataclass(frozen=True, slots=True)
class StormCall:
    """One call of `/sms`: when it came and was answered (`time.monotonic()`), for which ids, and what became of it."""

    began: float
    ended: float
    sender: str
    ids: tuple[str, ...]
    weather: Weather


@dataclass(slots=True)
class Storm:
    """Passes calls on to the carrier. `forecast` gives the weather of a call from its text and a throw of 0 to 1."""

    upstream: str
    chance: random.Random
    forecast: Callable[[str, float], Weather]
    retry_after_s: int
    calls: list[StormCall] = field(default_factory=list)

    def app(self) -> web.Application:
        """Return what serves the carrier's address."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.cleanup_ctx.append(self._session)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app

    async def _session(self, app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)) as http:
            app[_HTTP] = http
            yield

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        http = request.app[_HTTP]
        if request.path != "/sms":
            return await forward(request, self.upstream, http)
        began = time.monotonic()
        body = json.loads(await request.read())
        weather = self.forecast(str(body["message"]), self.chance.random())
        ids = tuple(one["repeatabilityRequestId"] for one in body["smsRecipients"])
        try:
            return await self._weathered(request, http, weather)
        finally:
            self.calls.append(StormCall(began, time.monotonic(), body["from"], ids, weather))

    async def _weathered(
        self, request: web.Request, http: aiohttp.ClientSession, weather: Weather
    ) -> web.StreamResponse:
        match weather:
            case Weather.THROTTLED:
                return web.json_response({}, status=429, headers={"Retry-After": str(self.retry_after_s)})
            case Weather.UNAVAILABLE:
                return web.json_response({}, status=503)
            case Weather.RESET:
                return drop_connection(request)
        answer = await forward(request, self.upstream, http)
        match weather:
            case Weather.SILENT:
                return drop_connection(request)
            case Weather.TIMEOUT:
                await asyncio.sleep(_HANG_SECONDS)
                return drop_connection(request)
            case Weather.HALF:
                return await _half(request, answer)
        return answer


_HTTP: web.AppKey[aiohttp.ClientSession] = web.AppKey("http", aiohttp.ClientSession)


async def _half(request: web.Request, answer: web.Response) -> web.StreamResponse:
    whole = answer.body
    assert isinstance(whole, bytes)
    part = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    part.content_length = len(whole)
    await part.prepare(request)
    await part.write(whole[: len(whole) // 2])
    drop_connection(request)
    return part


def too_early(calls: Sequence[StormCall], retry_after_s: float, under_way_s: float) -> tuple[list[float], list[float]]:
    """Give the calls that came too early after a 429, as seconds after it: those of the same text, those of its sender.

    Of the sender, those count that came later than `under_way_s` after the answer: others were under way already.
    """
    free_ids: dict[str, float] = {}
    pauses: dict[str, list[float]] = {}
    same: list[float] = []
    of_sender: list[float] = []
    for call in sorted(calls, key=lambda one: one.began):
        same += [call.began - free_ids[one] for one in call.ids if call.began - free_ids.get(one, 0) < retry_after_s]
        after = [call.began - ended for ended in pauses.get(call.sender, ())]
        of_sender += [late for late in after if under_way_s < late < retry_after_s]
        if call.weather is Weather.THROTTLED:
            pauses.setdefault(call.sender, []).append(call.ended)
            free_ids |= dict.fromkeys(call.ids, call.ended)
    return same, of_sender
