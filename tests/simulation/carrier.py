"""The carrier of a world: the fake, with a bad line before it, a memory that ends, and phones behind it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.edges.carrier_memory import MemoryCarrier, SentText
from shared.ports.carrier import SendRequest, SendResult
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, CarrierUnavailable
from tests.simulation.judge import Judge
from tests.simulation.loop import VirtualLoop
from tests.simulation.ports import READS, Wire, WorkerClock
from tests.simulation.weather import Sky

# How long the carrier knows an id: what the REST API guidelines of Azure ask of a service at least. The app repeats
# for 240 s by its own clocks, which differ; the call takes time.
_REMEMBERS_S = 300.0
_FLIGHT_S = 0.03
_ANSWER_S = 0.15
_TIMEOUT_S = 8.0


@dataclass(slots=True)
class Line:
    """The carrier itself, shared by all workers. `on_accepted` hears of each text that goes out."""

    loop: VirtualLoop
    sky: Sky
    judge: Judge
    on_accepted: Callable[[SentText, bool], None]
    memory: MemoryCarrier = field(default_factory=MemoryCarrier)
    _known: deque[tuple[float, str]] = field(default_factory=deque)

    async def take(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Take what arrives, without any delay."""
        self._forget()
        if any(is_disliked(addressee.to) for addressee in request.addressees):
            self.sky.counts["refused for one recipient"] += 1
            raise CarrierRefused("The simulated carrier does not like a recipient.", target="recipients")
        for addressee in request.addressees:
            if self.sky.strikes(self.sky.now.recipient_refused, "recipient refused"):
                self.memory.reject_next(addressee.to, self.sky.random.choice((400, 503)))
        results = await self.memory.send(request)
        for text in self.memory.sent:
            self._known.append((self.loop.time() + _REMEMBERS_S, text.repeatability_id))
            self.judge.accepts(text)
            self.on_accepted(text, request.delivery_report)
        self.memory.sent.clear()
        self.memory.requests.clear()
        self.memory._rejections.clear()
        return results

    def _forget(self) -> None:
        while self._known and self._known[0][0] < self.loop.time():
            self.memory._answered.pop(self._known.popleft()[1], None)


def is_disliked(number: str) -> bool:
    """Tell whether the carrier refuses every request that has this number."""
    return number.endswith("777")


class WorkerCarrier:
    """The carrier as one worker reaches it."""

    def __init__(self, wire: Wire, line: Line, clock: WorkerClock) -> None:
        self._wire = wire
        self._line = line
        self._clock = clock

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Hand over a request: what the judge sees is the moment at which it leaves the worker."""
        if not self._wire.alive:
            raise asyncio.CancelledError
        sky, weather = self._wire.sky, self._wire.sky.now
        self._line.judge.leaves(request, self._clock.now(), READS.get())
        await asyncio.sleep(sky.little(_FLIGHT_S))
        self._refuse()
        if sky.strikes(weather.dies * 20, "died as it sent"):
            self._lose_in_flight(request)
            self._wire.kill("carrier")
        if sky.strikes(weather.silent, "no answer"):
            await self._be_silent(request)
        results = await self._line.take(request)
        await asyncio.sleep(sky.little(_ANSWER_S))
        if sky.strikes(weather.dies * 20, "died before the answer"):
            self._wire.kill("carrier")
        return results

    async def probe(self) -> None:
        """Return: it always answers this."""

    def _refuse(self) -> None:
        sky = self._wire.sky
        if sky.strikes(sky.now.throttled, "429"):
            wait_s = sky.random.choice((None, 1, 5, 20, 60))
            raise CarrierThrottled("The simulated carrier wants less.", retry_after_s=wait_s)
        if sky.strikes(sky.now.unavailable, "503"):
            wait_s = sky.random.choice((None, None, 10))
            raise CarrierUnavailable("The simulated carrier is not there.", retry_after_s=wait_s)
        if sky.strikes(sky.now.refused, "refused"):
            raise CarrierRefused("The simulated carrier does not let us in.")

    async def _be_silent(self, request: SendRequest) -> None:
        way = self._wire.sky.random.random()
        if way < 0.6:
            await self._take_quietly(request)
        elif way < 0.8:
            self._lose_in_flight(request)
        await asyncio.sleep(self._wire.sky.random.random() * _TIMEOUT_S)
        raise CarrierSilent("The simulated carrier said nothing.")

    def _lose_in_flight(self, request: SendRequest) -> None:
        # The request is on its way: it may arrive, a little later, though nobody waits for the answer.
        if self._wire.sky.random.random() < 0.5:
            loop = self._line.loop
            delay_s = self._wire.sky.little(0.5)
            loop.call_later(delay_s, lambda: loop.create_task(self._take_quietly(request)))

    async def _take_quietly(self, request: SendRequest) -> None:
        try:
            await self._line.take(request)
        except CarrierRefused:
            return
