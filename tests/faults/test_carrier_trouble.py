"""A carrier in trouble: 429 with Retry-After, 503, resets, silence, half answers, time-outs (invariants I2, I7)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from devtools.ports import LOOPBACK, free_ports
from tests.faults.books import books_of, everybody_has_ended, everybody_is_delivered, numbers_of
from tests.support.storm import Storm, Weather, too_early
from tests.support.waiting import eventually
from tests.support.workers import OTHER_SENDER, SENDER, Api, api_of, carrier_control, stage

pytestmark = pytest.mark.timeout(900)

_RETRY_AFTER_S = 4
# A call that was let go before the answer with the pause was stored may still come in this time.
_UNDER_WAY_S = 1.0
_MOSTLY_S = 60
_WHOLLY_S = 30
_RECIPIENTS = 1_000
_GROUP = 20
_SINGLES = 99
_SHARE = 0.3
_KINDS = (Weather.UNAVAILABLE, Weather.RESET, Weather.SILENT, Weather.HALF, Weather.TIMEOUT)


class _Forecast:
    """The weather by the text: `throttled` as the clock says, others by the kind that the text names."""

    def __init__(self) -> None:
        self.begun: float | None = None

    def __call__(self, text: str, throw: float) -> Weather:
        if text.startswith("throttled"):
            return self._throttled(throw)
        kind = next(kind for kind in _KINDS if text.startswith(kind.name))
        return kind if throw < _SHARE else Weather.FAIR

    def _throttled(self, throw: float) -> Weather:
        now = time.monotonic()
        self.begun = self.begun or now
        share = 0.7 if now < self.begun + _MOSTLY_S else 1 if now < self.begun + _MOSTLY_S + _WHOLLY_S else 0
        return Weather.THROTTLED if throw < share else Weather.FAIR


async def test_trouble_loses_and_doubles_nothing(tmp_path: Path, seed: int, say: Callable[[str], None]) -> None:
    door = free_ports()
    with stage(tmp_path, workers=2, carrier_door=door) as parts:
        storm = Storm(parts.carrier_url, random.Random(seed), _Forecast(), _RETRY_AFTER_S)
        runner = web.AppRunner(storm.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, door).start()
        async with api_of(parts.workers) as api, carrier_control(parts.carrier_url) as carrier:
            await carrier.trouble(rateLimits=False, timeScale=5)
            campaigns = [await _start(api, 0, "throttled", SENDER)]
            for run, kind in enumerate(_KINDS, start=1):
                campaigns.append(await _start(api, run, kind.name, OTHER_SENDER))
            singles = await _send_singles(api, storm)
            await everybody_has_ended(api, campaigns, within_seconds=600)
            # What the carrier took without an answer is unknown until its report is tried again.
            await carrier.trouble(timeScale=200)
            await everybody_is_delivered(api, campaigns, within_seconds=200)
            books = await books_of(api, carrier, campaigns)
            await eventually(lambda: _all_delivered(api, singles), 300)
            texts = Counter([message["to"] for message in await carrier.messages()])
        await runner.cleanup()
    assert (books.lost, books.twice) == (0, 0), books.doubles
    assert books.taken == books.expected == _RECIPIENTS * (1 + len(_KINDS))
    assert books.states == {"delivered": books.expected}
    assert all(texts[_single(place)] == 1 for place in range(len(singles)))
    same, of_sender = too_early(storm.calls, _RETRY_AFTER_S, _UNDER_WAY_S)
    assert (same, of_sender) == ([], [])
    weather = Counter(call.weather.value for call in storm.calls)
    assert all(weather[kind.value] for kind in (*_KINDS, Weather.THROTTLED))
    say(f"{books}; {len(singles)} single sends; no call before Retry-After; {dict(weather)}")


async def _start(api: Api, run: int, word: str, sender: str) -> str:
    numbers = numbers_of(run, _RECIPIENTS)
    recipients = [{"to": number, "vars": {"n": str(place // _GROUP)}} for place, number in enumerate(numbers)]
    return await api.start_campaign(recipients, f"{word} {{{{n}}}}", f"run-{run}", **{"from": sender})


def _single(place: int) -> str:
    return numbers_of(_SINGLES, place + 1)[place]


async def _send_singles(api: Api, storm: Storm) -> list[str]:
    """Send a single text every second while the carrier throttles, and give the ids."""
    ids: list[str] = []
    for place in range(_MOSTLY_S + _WHOLLY_S):
        status, answer = await api.ask("POST", "messages", {"to": _single(place), "text": f"throttled single {place}"})
        assert status == 202, answer
        ids.append(answer["value"][0]["id"])
        await asyncio.sleep(1)
    return ids


async def _all_delivered(api: Api, ids: list[str]) -> bool:
    states = []
    for one in ids:
        _, message = await api.ask("GET", f"messages/{one}")
        states.append(message["state"])
    assert set(states) == {"delivered"}, Counter(states)
    return True
