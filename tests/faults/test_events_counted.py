"""Events again and again, in any order, with workers killed among them: the analytics are exact (invariant I8)."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from local.carrier.events import TOPIC
from shared.composition import Ports, build
from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.queue_memory import MemoryQueues
from shared.edges.relay_none import NoRelay
from shared.edges.settings import Settings
from shared.edges.tables_azure import AzureTables, open_tables
from shared.ports.tables import Entity, Range, scan
from shared.rules.ids import DAY_MS, HOUR_MS, hour_of, to_ms
from shared.services.activity import ActivityLog
from shared.services.analytics import Interval
from shared.services.bundle import Services
from shared.services.late_marks import LateMarks
from shared.services.tallies import GroupBy, Tally
from tests.faults.books import everybody_has_gone, numbers_of
from tests.faults.lab import JumpingClock
from tests.support.waiting import eventually
from tests.support.workers import SENDER, Json, Stage, Worker, api_of, carrier_control, stage

pytestmark = pytest.mark.timeout(2400)

_MESSAGES = 3_000
_TEXTS = 4_000
_EVENTS = 2 * _MESSAGES + _TEXTS
_KILLS = 12
_AT_ONCE = 24
_REPORTS = (("Delivered", "2000"), ("Failed", "4006"), ("Failed", "5002"), ("Delivered", "2000"))
_WORDS = ("Hello", "YES", "HELP", "STOP", "START", "see you", "stop", "Thanks")
# Texts are as old as that at most: their hours are rolled up while more come for them.
_HOURS_BACK = 40


@dataclass(slots=True)
class _EventGrid:
    """Brings events to whichever worker, again and later where one does not take it."""

    workers: Sequence[Worker]
    chance: random.Random
    waiting: deque[Json]
    taken: int = 0
    refused: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    async def bring_all(self, http: aiohttp.ClientSession) -> None:
        """Bring all that waits, so many at a time."""
        await asyncio.gather(*(self._bring(http) for _ in range(_AT_ONCE)))

    async def _bring(self, http: aiohttp.ClientSession) -> None:
        while self.waiting:
            event = self.waiting.popleft()
            if await self._took(http, event):
                self.taken += 1
                self.seen[event["id"]] += 1
            else:
                self.refused += 1
                self.waiting.append(event)
                await asyncio.sleep(0.2)

    async def _took(self, http: aiohttp.ClientSession, event: Json) -> bool:
        function = "sms_received" if event["eventType"].endswith("SMSReceived") else "sms_delivery_report"
        url = f"{self.chance.choice(self.workers).url}/runtime/webhooks/EventGrid?functionName={function}"
        with suppress(aiohttp.ClientError, TimeoutError):
            async with http.post(url, json=[event], headers={"aeg-event-type": "Notification"}) as answer:
                return answer.status < 300
        return False


async def test_events_in_any_order_and_number_are_counted_once(
    tmp_path: Path, seed: int, say: Callable[[str], None]
) -> None:
    chance = random.Random(seed)
    with stage(tmp_path, workers=2) as parts:
        tables = open_tables(parts.azurite.connection_string, prefix="Sms")
        await _pretend_that_roll_ups_began_days_ago(tables)
        async with api_of(parts.workers) as api, carrier_control(parts.carrier_url) as carrier:
            await carrier.trouble(rateLimits=False, lostReports=1)
            recipients = [{"to": number} for number in numbers_of(0, _MESSAGES)]
            await everybody_has_gone(api, [await api.start_campaign(recipients, "Hello", "events")], 300)
            events = [*_reports(await carrier.messages(), chance), *_texts(chance)]
            assert len(events) == _EVENTS
            grid = _EventGrid(parts.workers, chance, deque(_many_times(events, chance)))
            deliveries = len(grid.waiting)
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
                trouble = asyncio.create_task(_trouble(parts, http, grid, deliveries))
                await grid.bring_all(http)
                rolled = await trouble
        assert (grid.taken, len(grid.seen)) == (deliveries, _EVENTS)
        clock = JumpingClock()
        services = _services(parts, tables, clock)
        await _compare(services, tables)
        clock.ahead += timedelta(minutes=80)
        await services.rollups.roll()
        hours = await _compare(services, tables)
        await tables.close()
    say(
        f"{_EVENTS} events, {deliveries} deliveries and {grid.refused} that failed, {_KILLS} kills, {rolled} roll-ups "
        f"beside them; {hours} hours equal their recount, in all and by {', '.join(GroupBy)}"
    )


async def _pretend_that_roll_ups_began_days_ago(tables: AzureTables) -> None:
    start_ms = hour_of(to_ms(datetime.now(UTC))) - (_HOURS_BACK + 1) * HOUR_MS
    await tables.table("Rollups").upsert(Entity("state", "rolled", {"startMs": start_ms, "endMs": start_ms}))


def _reports(sent: Sequence[Json], chance: random.Random) -> Iterator[Json]:
    """Give two reports of each message, which need not agree."""
    for number, message in enumerate(sent):
        for again in range(2):
            status, code = chance.choice(_REPORTS)
            yield _event(
                f"report-{number}-{again}",
                "SMSDeliveryReportReceived",
                {
                    "messageId": message["messageId"],
                    "from": message["from"],
                    "to": message["to"],
                    "deliveryStatus": status,
                    "deliveryStatusDetails": code,
                    "receivedTimestamp": _written(datetime.now(UTC)),
                    "tag": message["tag"],
                },
            )


def _texts(chance: random.Random) -> Iterator[Json]:
    """Give texts of the last days, of people who were texted and of others."""
    people = [*numbers_of(0, _MESSAGES), *numbers_of(1, 1_000)]
    for number in range(_TEXTS):
        at = datetime.now(UTC) - timedelta(seconds=chance.uniform(1, _HOURS_BACK * 3600))
        data = {
            "messageId": f"text-{number}",
            "from": chance.choice(people),
            "to": SENDER,
            "message": chance.choice(_WORDS),
            "receivedTimestamp": _written(at),
            "segmentCount": 1,
        }
        yield _event(f"text-{number}", "SMSReceived", data)


def _event(event_id: str, kind: str, data: Json) -> Json:
    return {
        "id": event_id,
        "topic": TOPIC,
        "subject": f"/phonenumber/{SENDER}",
        "data": data,
        "eventType": f"Microsoft.Communication.{kind}",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": _written(datetime.now(UTC)),
    }


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def _many_times(events: Sequence[Json], chance: random.Random) -> list[Json]:
    deliveries = [event for event in events for _ in range(chance.randint(1, 5))]
    chance.shuffle(deliveries)
    return deliveries


async def _trouble(parts: Stage, http: aiohttp.ClientSession, grid: _EventGrid, deliveries: int) -> int:
    """Kill workers at even distances, and let both roll up at once in between; give how often that was."""
    rolled = 0
    for kill in range(1, _KILLS + 1):
        enough = deliveries * kill // (_KILLS + 1)
        await eventually(lambda: grid.taken >= enough, 600)  # noqa: B023 - awaited before the next turn
        worker = grid.chance.choice(parts.workers)
        await asyncio.to_thread(worker.kill)
        worker.start()
        await asyncio.to_thread(worker.wait)
        await asyncio.gather(*(_roll_up(http, one) for one in parts.workers))
        rolled += len(parts.workers)
    return rolled


async def _roll_up(http: aiohttp.ClientSession, worker: Worker) -> None:
    async with http.post(f"{worker.url}/admin/functions/roll_up", json={}) as answer:
        assert answer.status == 202


def _services(parts: Stage, tables: AzureTables, clock: JumpingClock) -> Services:
    settings = Settings.from_environment(parts.workers[0].environment)
    return build(settings, Ports(tables, MemoryCarrier(), NoRelay(), clock, MemoryQueues(clock)))


async def _compare(services: Services, tables: AzureTables) -> int:
    """Compare the analytics with the messages and with a recount of the activity; count the hours."""
    end_ms = hour_of(to_ms(datetime.now(UTC))) + HOUR_MS
    start_ms = end_ms - 3 * DAY_MS
    recounts: dict[tuple[int, GroupBy | None, str], Tally] = {}
    log = ActivityLog(tables.table("Activity"), LateMarks(tables.table("Rollups"), JumpingClock()))
    async for one in log.between(start_ms, end_ms):
        for group_by in (None, *GroupBy):
            key = one.hour_ms, group_by, group_by.of(one) if group_by else ""
            recounts.setdefault(key, Tally()).count(one)
    for group_by in (None, *GroupBy):
        found = await services.analytics.report(start_ms, end_ms, Interval.HOUR, group_by)
        shown = {(one.start_ms, group_by, one.group or ""): one.tally for one in found.buckets if +one.tally.counts}
        assert shown == {key: tally for key, tally in recounts.items() if key[1] is group_by and +tally.counts}
    states: Counter[str] = Counter()
    async for row in scan(tables.table("Messages"), Range(), ("direction", "home", "state")):
        if not row.values["home"]:
            states[json.dumps([row.values["direction"], row.values["state"]])] += 1
    totals = (await services.analytics.report(start_ms, end_ms, Interval.DAY, None)).totals
    assert totals["inbound"] == states['["inbound", "received"]'] == _TEXTS
    for name in ("delivered", "failed", "unknown"):
        assert totals[name] == states[f'["outbound", "{name}"]']
    assert totals["delivered"] + totals["failed"] + totals["unknown"] == _MESSAGES
    return len({hour_ms for hour_ms, _, _ in recounts})
