"""Workers that are killed in the middle of sending: nothing is lost, and nothing goes twice (invariants I2, I7)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.edges.tables_azure import open_tables
from shared.ports.tables import Range, scan
from tests.faults.books import Books, books_of, everybody_has_ended, everybody_has_gone, numbers_of
from tests.support.waiting import eventually
from tests.support.workers import SENDER, Api, CarrierControl, Stage, api_of, carrier_control, stage

# A kill of the worker that has all the chunks holds all up for a lease: how often that is, is chance.
pytestmark = pytest.mark.timeout(2700)

_RUNS = 2
_RECIPIENTS = 5_000
_KILLS = 50
# Recipients with one text, who share a request.
_GROUP = 5
_SETTINGS = {
    # A worker takes so few chunks at once that a kill leaves others to be killed.
    "AzureFunctionsJobHost__extensions__queues__batchSize": "4",
    "AzureFunctionsJobHost__extensions__queues__newBatchThreshold": "1",
    # So slow that there is still something to send at the last kill, however long a worker takes to start.
    "SMS_SENDERS": json.dumps([{"sender": SENDER, "type": "tollFree", "perMinute": 1_200}]),
}


async def test_workers_are_killed_at_random_moments(tmp_path: Path, seed: int, say: Callable[[str], None]) -> None:
    chance = random.Random(seed)
    with stage(tmp_path, workers=2, settings=_SETTINGS) as parts:
        async with api_of(parts.workers) as api, carrier_control(parts.carrier_url) as carrier:
            # The pauses of Event Grid pass ten times as fast.
            await carrier.trouble(rateLimits=False, latencyMs=200, timeScale=10, reportDelayMs=3000)
            campaigns = [await _start(api, run) for run in range(_RUNS)]
            in_flight = await _kill(parts, carrier, chance)
            await everybody_has_gone(api, campaigns, within_seconds=600)
            # Reports that came before a killed worker's texts were stored again would wait for minutes.
            await carrier.trouble(timeScale=200)
            await everybody_has_ended(api, campaigns, within_seconds=300)
            books = await books_of(api, carrier, campaigns)
    _check(books, in_flight)
    say(f"{_RUNS} runs of {_RECIPIENTS}, {_KILLS} kills; {books}; at most {in_flight} in flight at the kills")


def _check(books: Books, in_flight: int) -> None:
    assert books.expected == _RUNS * _RECIPIENTS
    assert (books.lost, books.twice) == (0, 0), books.doubles
    assert books.states["unknown"] <= in_flight
    # What the carrier had is settled by its report, also where the answer was lost with the worker.
    assert books.states["delivered"] == books.taken


async def _start(api: Api, run: int) -> str:
    numbers = numbers_of(run, _RECIPIENTS)
    recipients = [{"to": number, "vars": {"n": str(place // _GROUP)}} for place, number in enumerate(numbers)]
    return await api.start_campaign(recipients, "Hello {{n}}", f"run-{run}")


async def _kill(parts: Stage, carrier: CarrierControl, chance: random.Random) -> int:
    """Kill and restart workers while they are sending; give how many texts were in flight at most, over all kills."""
    in_flight = 0
    for _ in range(_KILLS):
        await _some_requests(carrier, chance.randint(1, 12))
        await asyncio.sleep(chance.uniform(0, 0.4))
        worker = chance.choice(parts.workers)
        worker.kill()
        in_flight += await _claimed(parts)
        worker.start()
        await asyncio.to_thread(worker.wait)
    return in_flight


async def _claimed(parts: Stage) -> int:
    """Count the recipients whose chunks say that a worker is at them."""
    tables = open_tables(parts.azurite.connection_string, prefix="Sms")
    try:
        return sum([int(row.values.get("group", 0)) async for row in scan(tables.table("Campaigns"), Range())])
    finally:
        await tables.close()


async def _some_requests(carrier: CarrierControl, count: int) -> None:
    """Wait until so many more requests have come to the carrier: the workers are at it."""
    seen = len(await carrier.requests())

    async def probe() -> bool:
        return len(await carrier.requests()) >= seen + count

    await eventually(probe, 200)
