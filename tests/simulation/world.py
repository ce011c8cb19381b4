"""A world: workers over one store, one carrier and one set of queues, and all that happens to them, from one seed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from shared.edges.carrier_memory import SentText
from shared.edges.queue_memory import HostRules, MemoryQueues
from shared.edges.settings import Settings
from shared.ports.tables import Entity
from shared.rules.errors import SmsError
from shared.services.delivery_reports import DeliveryReport
from shared.services.inbound import TextReceived
from shared.services.outbox import NOTICES_QUEUE
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.simulation import people
from tests.simulation.application import Application
from tests.simulation.carrier import Line
from tests.simulation.events import Events
from tests.simulation.host import Host
from tests.simulation.judge import Judge, Plan
from tests.simulation.loop import VirtualLoop
from tests.simulation.people import Said
from tests.simulation.ports import WorldTime
from tests.simulation.store import WatchedTables
from tests.simulation.weather import CALM, HURRICANE, OUTAGE, SPLITTING, STORM, THROTTLING, USUAL, Sky, Weather
from tests.simulation.worker import Job, Outside, Worker

T = TypeVar("T")

TOLL_FREE, SHORT_CODE, ALPHANUMERIC = "+18005550100", "12345", "CONTOSO"
LIMITS = {TOLL_FREE: 200, SHORT_CODE: 3_000, ALPHANUMERIC: 600}
_TYPES = {TOLL_FREE: "tollFree", SHORT_CODE: "shortCode", ALPHANUMERIC: "alphanumeric"}
_WORKERS = (2, 3, 3, 4)
# The share of worlds whose application has a webhook.
_WEBHOOKS = 0.34
_FORECASTS = (
    ((USUAL, 12), (CALM, 4), (STORM, 3), (SPLITTING, 2), (OUTAGE, 1), (THROTTLING, 1)),
    ((USUAL, 4), (CALM, 4), (STORM, 3), (HURRICANE, 4), (SPLITTING, 2), (OUTAGE, 1), (THROTTLING, 1)),
)
_REPORTS = (
    ("Delivered", "No error.", 0.90),
    ("Failed", "ErrorCode: 4006. ErrorMessage: unreachable", 0.04),
    ("Failed", "ErrorCode: 4004. ErrorMessage: no such number", 0.02),
    ("Failed", "ErrorCode: 5002. ErrorMessage: no report", 0.02),
    ("Unknown", "", 0.01),
    ("Failed", "ErrorCode: 4007. ErrorMessage: opted out", 0.003),
)
_REPORT_S = 3.0
_ANSWERS = 0.02


class Died(Exception):
    """The worker that was asked is no more."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A delivery report that the carrier sent of the text with this id."""

    status: str
    details: str
    at_ms: int


class World:
    """One world. `time`, `ask`, `random` and `judge` are for those who live in it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # what it leaves out is for networks and processes
        self.sky = Sky(Random(seed + 1))
        start = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=self.random.randrange(7 * 24 * 60))
        self.time = WorldTime(self.loop, start)
        self.tables = WatchedTables()
        self.skew_s = self.random.choice((0.0, 0.0, 2.0))
        self.judge = Judge(self.loop, self.tables, LIMITS, 2 * self.skew_s)
        # Drawn apart, so that a world without a webhook stays the same.
        has_webhook = Random(seed + 2).random() < _WEBHOOKS
        self.application = Application(self.tables, self.judge.checks) if has_webhook else None
        self.tables.watch = self._wrote
        self.scope = self.random.choice(("sender", "all"))
        self.said: list[Said] = []
        self.reported: dict[str, list[Reported]] = {}
        self.going = 0
        self._hosts: list[Host] = []
        self._queues = MemoryQueues(self.time, HostRules(retry_after=timedelta(seconds=30)))
        line = Line(self.loop, self.sky, self.judge, self._on_accepted)
        settings = _settings(self.scope)
        self.sender = settings.known_senders.choose
        self._outside = Outside(
            self.loop, self.sky, settings, self.time, self.tables, line, self._queues, self._on_put, self.application
        )
        self._calm = False
        self._workers: dict[int, Worker] = {}
        self.events = Events(self.loop, self.sky, self.a_worker)
        self._hosts = [
            self._host(SENDS_QUEUE, lambda body: lambda services: services.work.send_batch(body)),
            self._host(CAMPAIGNS_QUEUE, lambda body: lambda services: services.work.send_chunk(body)),
            self._host(NOTICES_QUEUE, lambda body: lambda services: services.work.deliver_lane(body)),
            *(self._poison_host(name) for name in (SENDS_QUEUE, CAMPAIGNS_QUEUE, NOTICES_QUEUE)),
        ]
        for place in range(self.random.choice(_WORKERS)):
            self._start(place)
        self.live(self._change_weather())
        self.live(self._every(60, lambda services: services.releases.run()))
        self.live(self._every(60, lambda services: services.deliveries.wake()))
        self.live(self._every(3600, lambda services: services.missing_reports.settle()))
        self.live(self._every(3600, lambda services: services.broken_uploads.clear()))
        self.live(self._every(600, lambda services: services.failures.resend_all()))
        self.live(self._every(600, lambda services: services.rollups.roll()))

    # What those who live in the world do.

    def live(self, life: Coroutine[Any, Any, None]) -> None:
        """Let something go on in the world that is not a worker's."""
        self.loop.create_task(life).add_done_callback(_raise)

    def go(self, life: Coroutine[Any, Any, object]) -> None:
        """Let something go on that has an end, for which the world waits."""
        self.going += 1
        self.loop.create_task(life).add_done_callback(self._gone)

    async def ask(self, job: Job[T]) -> T:
        """Let any worker do a job and return what comes of it; Died if it did not live to answer."""
        while (worker := self.a_worker()) is None:  # noqa: ASYNC110 - virtual seconds cost nothing
            await asyncio.sleep(1)
        try:
            return await worker.run(job)
        except asyncio.CancelledError:
            raise Died from None

    def answer_of(self, job: Job[T]) -> T:
        """Let a worker do a job now, and return what comes of it."""
        task = self.loop.create_task(self.ask(job))
        self.run_for(3600, task.done)
        answer: T = task.result()
        return answer

    def say(self, recipient: str, sender: str, text: str) -> None:
        """Let a person send a text to a sender now."""
        said = Said(self.time.now_ms(), recipient, sender, text)
        self.said.append(said)
        received = TextReceived(f"in-{len(self.said):07d}", sender, recipient, text, said.at_ms)
        self.events.publish(lambda services: services.inbound.receive(received), "texts from people")

    def plan(self, token: str, plan: Plan) -> None:
        """Tell the judge what the texts with this token are bound to."""
        self.judge.plans[token] = plan

    def a_worker(self) -> Worker | None:
        """Return any worker that lives, None when there is none."""
        alive = self.workers()
        return self.random.choice(alive) if alive else None

    def workers(self) -> list[Worker]:
        """Return the workers that live."""
        return [worker for worker in self._workers.values() if worker.alive]

    def run_for(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, until the condition holds."""
        self.loop.run_until(self.loop.time() + seconds, until)

    def become_calm(self) -> None:
        """End all faults; only events may still come late and twice."""
        self._calm = True
        self.sky.now = CALM

    def is_at_rest(self) -> bool:
        """Return whether nothing is under way outside the store."""
        return not self.going and not self.events.pending and not any(len(host.queue) for host in self._hosts)

    # How the world goes on by itself.

    def _start(self, place: int) -> None:
        skew_s = self.random.uniform(-self.skew_s, self.skew_s)
        self._workers[place] = Worker(self._outside, skew_s, partial(self._on_death, place))
        self._on_put()

    def _on_death(self, place: int) -> None:
        self.sky.counts["workers that died"] += 1
        self.loop.call_later(1 + self.sky.little(10), self._start, place)

    def _wrote(self, table: str, old: Entity | None, new: Entity | None) -> None:
        self.judge.wrote(table, old, new)
        if self.application:
            self.application.wrote(table, old, new)

    def _on_put(self) -> None:
        for host in self._hosts:
            host.nudge()

    def _host(self, name: str, job_of: Callable[[str], Job[object]]) -> Host:
        return Host(name, self._queues.queue(name), job_of, time=self.time, sky=self.sky, workers=self.workers)

    def _poison_host(self, name: str) -> Host:
        return self._host(f"{name}-poison", lambda body: lambda services: services.failures.keep(name, body))

    async def _change_weather(self) -> None:
        forecast = self.random.choice(_FORECASTS)
        kinds: list[Weather] = [weather for weather, weight in forecast for _ in range(weight)]
        while not self._calm:
            self.sky.now = self.random.choice(kinds)
            longest = 60 if self.sky.now in (OUTAGE, THROTTLING) else 240
            await asyncio.sleep(self.random.uniform(20, longest))
        self.sky.now = CALM

    async def _every(self, seconds: float, job: Job[object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            times = 1 if self._calm else self.random.choice((0, 1, 1, 1, 1, 1, 2))
            for _ in range(times):
                self.go(self._try(job))

    async def _try(self, job: Job[object]) -> None:
        try:
            await self.ask(job)
        except (SmsError, Died):
            return

    def _on_accepted(self, text: SentText, wants_report: bool) -> None:
        if wants_report and not self.sky.strikes(self.sky.now.report_lost, "report lost"):
            self.loop.call_later(self.sky.little(_REPORT_S), self._report, text)
            if self.random.random() < 0.01:
                self.loop.call_later(self.sky.little(_REPORT_S), self._report, text)
        if self.random.random() < _ANSWERS:
            answer = people.answer(self.random)
            self.loop.call_later(self.sky.little(60.0), self.say, text.to, text.sender, answer)

    def _report(self, text: SentText) -> None:
        roll, said = self.sky.random.random(), _REPORTS[0]
        for said in _REPORTS:
            roll -= said[2]
            if roll < 0:
                break
        reported = Reported(said[0], said[1], self.time.now_ms())
        self.reported.setdefault(text.repeatability_id, []).append(reported)
        report = DeliveryReport(
            text.message_id, text.sender, text.to, reported.status, reported.details, reported.at_ms, text.tag
        )
        self.events.publish(lambda services: services.delivery_reports.receive(report), "reports")

    def _gone(self, task: asyncio.Task[object]) -> None:
        self.going -= 1
        _raise(task)


def _raise(task: asyncio.Task[Any]) -> None:
    error = task.exception()
    if error is not None:
        raise error


# Counted all the same: a cap that is reached would let the world wait for days.
_NEVER_REACHED = 10**6


def _settings(scope: str) -> Settings:
    return Settings.from_environment(
        {
            "ACS_CONNECTION_STRING": "endpoint=https://example.communication.azure.com/;accesskey=a2V5",
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "SMS_DEFAULT_SENDER": SHORT_CODE,
            "SMS_SENDERS": json.dumps(
                [{"sender": name, "type": _TYPES[name], "perMinute": limit} for name, limit in LIMITS.items()]
            ),
            "SMS_OPT_OUT_SCOPE": scope,
            "SMS_DAILY_SEGMENTS": str(_NEVER_REACHED),
            "SMS_OPT_OUT_REPLY": people.STOP_REPLY,
            "SMS_OPT_IN_REPLY": people.START_REPLY,
            "SMS_HELP_REPLY": people.HELP_REPLY,
        }
    )
