"""The stream of changes."""

from __future__ import annotations

import asyncio
import json

import aiohttp

from tests.integration.carrier.harness import Json, Stand, running


async def next_version(stream: aiohttp.ClientResponse) -> int:
    """Return the version of the next event."""
    async with asyncio.timeout(10):
        assert await stream.content.readline() == b"event: changed\n"
        line = (await stream.content.readline()).decode()
        assert await stream.content.readline() == b"\n"
    data: Json = json.loads(line.removeprefix("data: "))
    version: int = data["version"]
    return version


async def test_a_watcher_hears_the_version_at_once_and_after_a_change(stand: Stand) -> None:
    async with stand.http.get(f"{stand.url}/_carrier/stream") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        before = await next_version(stream)
        await stand.inbound("Hi")
        assert await next_version(stream) > before


async def test_many_changes_are_few_events(stand: Stand) -> None:
    async with stand.http.get(f"{stand.url}/_carrier/stream") as stream:
        await next_version(stream)
        await stand.send(*(f"+1425555{index:04d}" for index in range(100)))
        told = 1
        while await next_version(stream) < stand.carrier.changes.version:
            told += 1
        assert told < 20 < stand.carrier.changes.version


async def test_a_watcher_that_goes_is_forgotten(stand: Stand) -> None:
    async with stand.http.get(f"{stand.url}/_carrier/stream") as stream:
        await next_version(stream)
    await stand.inbound("Hi")
    await stand.inbound("Hi again")
    assert await stand.get("/trouble")


async def test_the_carrier_stops_while_somebody_watches() -> None:
    async with aiohttp.ClientSession() as http:
        async with running() as stand:
            stream = await http.get(f"{stand.url}/_carrier/stream")
            await next_version(stream)
        assert await stream.content.read() == b""
