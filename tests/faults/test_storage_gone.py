"""Storage that stops for a minute while texts are sent and events come in.

Nothing is acknowledged that is not stored, and all is whole within a minute of its return.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.faults.books import books_of, everybody_has_ended, numbers_of
from tests.support.waiting import eventually
from tests.support.workers import SENDER, Api, CarrierControl, Json, api_of, carrier_control, stage

pytestmark = pytest.mark.timeout(600)

_GONE_S = 60
_WHOLE_WITHIN_S = 60
# Waiting goes on for longer, so that a failure says by how much.
_PATIENCE_S = 200
_RECIPIENTS = 1_000
_GROUP = 10
# So slow that the campaign is not over before the storage stops, and so fast that its rest takes half of the minute.
_SETTINGS = {"SMS_SENDERS": json.dumps([{"sender": SENDER, "type": "tollFree", "perMinute": 2_400}])}
_EVERY_S = 0.5
_LOOK_EVERY_S = 1.5
# Event Grid comes again 10, 40 and 100 s after its first try. Its last pause takes a minute by itself, and it may have
# come just before the storage was back: a bit faster leaves the app the time that it needs.
_TIME_SCALE = 1.25


@dataclass(slots=True)
class _Traffic:
    """What callers and people did meanwhile: requests begun, ids of those taken, inbound texts."""

    begun: int = 0
    taken: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


async def test_storage_is_gone_for_a_minute(tmp_path: Path, seed: int, say: Callable[[str], None]) -> None:
    with stage(tmp_path, workers=2, settings=_SETTINGS) as parts:
        async with api_of(parts.workers) as api, carrier_control(parts.carrier_url) as carrier:
            await carrier.trouble(rateLimits=False, latencyMs=200, timeScale=_TIME_SCALE)
            numbers = numbers_of(0, _RECIPIENTS)
            recipients = [{"to": to, "vars": {"n": str(place // _GROUP)}} for place, to in enumerate(numbers)]
            campaign = await api.start_campaign(recipients, "Hello {{n}}", "storage")
            await eventually(lambda: _some_went(carrier))
            traffic = _Traffic()
            going = asyncio.create_task(_keep_going(api, carrier, traffic))
            await eventually(lambda: traffic.taken)
            await asyncio.to_thread(parts.azurite.stop)
            went = len(await carrier.messages())
            assert went < _RECIPIENTS, "the campaign was over before the storage stopped"
            await asyncio.sleep(_GONE_S)
            await asyncio.to_thread(parts.azurite.start)
            returned = time.monotonic()
            going.cancel()
            refused = await _repeat_refused(api, traffic)
            after_s = [time.monotonic() - returned]
            await everybody_has_ended(api, [campaign], within_seconds=_PATIENCE_S)
            after_s.append(time.monotonic() - returned)
            for message_id in traffic.taken.values():
                await eventually(lambda one=message_id: _is_delivered(api, one), _PATIENCE_S)  # type: ignore[misc]  # mypy cannot type a default in a lambda
            await eventually(lambda: _events_are_stored(api, carrier, traffic), _PATIENCE_S)
            after_s.append(time.monotonic() - returned)
            books = await books_of(api, carrier, [campaign])
            singles = Counter([message["to"] for message in await carrier.messages()])
    assert (books.lost, books.twice) == (0, 0), books.doubles
    assert books.states == {"delivered": _RECIPIENTS}
    assert all(singles[_single(place)] == 1 for place in range(len(traffic.taken)))
    assert max(after_s) < _WHOLE_WITHIN_S, after_s
    whole_s = [round(one) for one in after_s]
    say(
        f"{books}; {len(traffic.taken)} single sends, {refused} of them refused first; {len(traffic.texts)} inbound "
        f"texts; requests, campaign and events whole {whole_s} s after the storage's return"
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
            traffic.begun += 1
            tasks.create_task(_send(api, traffic, place))
            traffic.texts.append(_person(place))
            await carrier.text(_person(place), f"Hello {place}")
            place += 1
            await asyncio.sleep(_EVERY_S)


async def _send(api: Api, traffic: _Traffic, place: int) -> None:
    with suppress(aiohttp.ClientError, TimeoutError):
        status, answer = await _ask(api, place)
        if status == 202:
            traffic.taken[f"single-{place}"] = answer["value"][0]["id"]


async def _ask(api: Api, place: int) -> tuple[int, Json]:
    body = {"to": _single(place), "text": f"Single {place}"}
    return await api.ask("POST", "messages", body, headers={"Idempotency-Key": f"single-{place}"})


async def _repeat_refused(api: Api, traffic: _Traffic) -> int:
    """Repeat the requests that had no answer or a refusal, as their callers would; give how many there were."""
    # Those still under way when the storage came back are among them.
    left = [f"single-{place}" for place in range(traffic.begun) if f"single-{place}" not in traffic.taken]

    async def one(key: str) -> None:
        while key not in traffic.taken:
            await asyncio.sleep(_LOOK_EVERY_S)
            await _send(api, traffic, int(key.partition("-")[2]))

    await asyncio.gather(*(one(key) for key in left))
    return len(left)


async def _is_delivered(api: Api, message_id: str) -> bool:
    status, message = await api.ask("GET", f"messages/{message_id}")
    assert (status, message["state"]) == (200, "delivered")
    return True


async def _events_are_stored(api: Api, carrier: CarrierControl, traffic: _Traffic) -> bool:
    """Tell whether every event has been acknowledged, and every inbound text is counted once."""
    states = Counter(one["state"] for one in await carrier.events())
    counted = await _inbound_counted(api)
    assert (set(states), counted) == ({"delivered"}, len(traffic.texts)), (states, counted)
    return True


async def _inbound_counted(api: Api) -> int:
    now = time.time()
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + by)) for by in (-7200, 3600))
    status, answer = await api.ask("GET", "analytics", params={"from": begin, "to": end, "interval": "hour"})
    assert status == 200, answer
    return int(answer["totals"]["inbound"])
