"""Storage that stops for a minute while texts are sent and events come in.

Nothing is acknowledged that is not stored, and all is whole within a minute of its return.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.faults.books import books_of, everybody_has_ended, numbers_of
from tests.support.waiting import eventually
from tests.support.workers import Api, CarrierControl, Json, api_of, carrier_control, stage

pytestmark = pytest.mark.timeout(600)

_GONE_S = 60
_WHOLE_WITHIN_S = 60
_RECIPIENTS = 3_000
_GROUP = 10
_EVERY_S = 0.25
# The pauses of Event Grid pass six times as fast: an event is tried again within 50 s.
_TIME_SCALE = 6


@dataclass(slots=True)
class _Traffic:
    """What callers and people did meanwhile: requests by key, with the ids of those that were taken; inbound texts."""

    taken: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


async def test_storage_is_gone_for_a_minute(tmp_path: Path, seed: int, say: Callable[[str], None]) -> None:
    with stage(tmp_path, workers=2) as parts:
        async with api_of(parts.workers) as api, carrier_control(parts.carrier_url) as carrier:
            await carrier.trouble(rateLimits=False, latencyMs=100, timeScale=_TIME_SCALE)
            numbers = numbers_of(0, _RECIPIENTS)
            recipients = [{"to": to, "vars": {"n": str(place // _GROUP)}} for place, to in enumerate(numbers)]
            campaign = await api.start_campaign(recipients, "Hello {{n}}", "storage")
            await eventually(lambda: _some_went(carrier))
            traffic = _Traffic()
            going = asyncio.create_task(_keep_going(api, carrier, traffic))
            await asyncio.sleep(2)
            await asyncio.to_thread(parts.azurite.stop)
            went = len(await carrier.messages())
            assert went < _RECIPIENTS, "the campaign was over before the storage stopped"
            await asyncio.sleep(_GONE_S)
            await asyncio.to_thread(parts.azurite.start)
            returned = time.monotonic()
            going.cancel()
            await _repeat_refused(api, traffic)
            await everybody_has_ended(api, [campaign], within_seconds=_WHOLE_WITHIN_S)
            left = _WHOLE_WITHIN_S - (time.monotonic() - returned)
            await eventually(lambda: _all_whole(api, carrier, traffic), left)
            whole_after = time.monotonic() - returned
            books = await books_of(api, carrier, [campaign])
            singles = Counter([message["to"] for message in await carrier.messages()])
    assert (books.lost, books.twice) == (0, 0), books.doubles
    assert books.states == {"delivered": _RECIPIENTS}
    assert all(singles[_single(place)] == 1 for place in range(len(traffic.taken)))
    say(
        f"{books}; {len(traffic.taken)} single sends, {len(traffic.refused)} of them refused first; "
        f"{len(traffic.texts)} inbound texts; all whole {whole_after:.0f} s after the storage's return"
    )


def _single(place: int) -> str:
    return numbers_of(10, place + 1)[place]


def _person(place: int) -> str:
    return numbers_of(20, place + 1)[place]


async def _some_went(carrier: CarrierControl) -> bool:
    return len(await carrier.messages()) > 50


async def _keep_going(api: Api, carrier: CarrierControl, traffic: _Traffic) -> None:
    """Send single texts, and let people write, until canceled."""
    async with asyncio.TaskGroup() as tasks:
        place = 0
        while True:
            tasks.create_task(_send(api, traffic, place))
            traffic.texts.append(_person(place))
            await carrier.text(_person(place), f"Hello {place}")
            place += 1
            await asyncio.sleep(_EVERY_S)


async def _send(api: Api, traffic: _Traffic, place: int) -> None:
    key = f"single-{place}"
    try:
        status, answer = await _ask(api, place)
    except (aiohttp.ClientError, TimeoutError):
        status, answer = 0, {}
    if status == 202:
        traffic.taken[key] = answer["value"][0]["id"]
    else:
        traffic.refused.append(key)


async def _ask(api: Api, place: int) -> tuple[int, Json]:
    body = {"to": _single(place), "text": f"Single {place}"}
    return await api.ask("POST", "messages", body, headers={"Idempotency-Key": f"single-{place}"})


async def _repeat_refused(api: Api, traffic: _Traffic) -> None:
    """Repeat the requests that were not taken, as their callers would, until all are."""
    left = [key for key in traffic.refused if key not in traffic.taken]

    async def one(key: str) -> None:
        async def probe() -> bool:
            status, answer = await _ask(api, int(key.partition("-")[2]))
            if status == 202:
                traffic.taken[key] = answer["value"][0]["id"]
            return status == 202

        await eventually(probe, _WHOLE_WITHIN_S)

    await asyncio.gather(*(one(key) for key in left))


async def _all_whole(api: Api, carrier: CarrierControl, traffic: _Traffic) -> bool:
    """Every request that was taken is delivered, and every text whose event was acknowledged can be read."""
    for message_id in traffic.taken.values():
        status, message = await api.ask("GET", f"messages/{message_id}")
        assert status == 200
        assert message["state"] == "delivered", message["state"]
    inbound = [one for one in await carrier.events() if one["event"]["eventType"].endswith("SMSReceived")]
    assert all(one["state"] == "delivered" for one in inbound), Counter(one["state"] for one in inbound)
    analytics = await _inbound_counted(api)
    assert analytics == len(traffic.texts), (analytics, len(traffic.texts))
    return True


async def _inbound_counted(api: Api) -> int:
    now = time.time()
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + by)) for by in (-7200, 3600))
    status, answer = await api.ask("GET", "analytics", params={"from": begin, "to": end, "interval": "hour"})
    assert status == 200, answer
    return int(answer["totals"]["inbound"])
