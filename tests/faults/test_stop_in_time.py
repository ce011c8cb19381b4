"""STOP at random moments of a campaign: no request behind a fence that was read after it (invariant I1).

Each message keeps when opt-outs were looked up for it and when its request left; each opt-out, when the store wrote
it. The carrier here neither knows of STOP nor refuses anyone: the app alone keeps the promise.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.edges.table_wire import from_wire
from shared.ports.tables import Value
from shared.rules.ids import Send, block_id, from_ms, recipient_key, to_ms
from shared.services.campaigns import CHUNKS_PER_BLOCK
from tests.faults.books import numbers_of
from tests.support.waiting import eventually
from tests.support.workers import Api, CarrierControl, Json, Stage, api_of, carrier_control, stage

pytestmark = pytest.mark.timeout(1500)

_RUNS = int(os.environ.get("FAULTS_STOP_RUNS", "100"))
_RECIPIENTS = 2_000
_STOPS = 20
# Campaigns that run side by side: they share nobody, so each is a run of its own.
_AT_ONCE = 5
# The emulator slows with what it holds: after so many runs a new one takes its place.
_PER_STAGE = 25
_LATEST_MS = 1_000
_NEVER = datetime.max.replace(tzinfo=UTC)
_BLOCKS = -(-_RECIPIENTS // 100 // CHUNKS_PER_BLOCK)


@dataclass(slots=True)
class _Counts:
    """What was seen. `worst_ms`: how long after its opt-out was stored the latest text came to the carrier."""

    texts: int = 0
    stops: int = 0
    kept: int = 0
    too_late_to_keep: int = 0
    leaks: int = 0
    shown_leaks: int = 0
    read_after: int = 0
    old_fences: int = 0
    late: int = 0
    oldest_fence_ms: int = 0
    worst_ms: int = 0
    moments_s: list[float] = field(default_factory=list)


async def test_stop_at_random_moments(tmp_path: Path, seed: int, say: Callable[[str], None]) -> None:
    counts = _Counts()
    for first in range(0, _RUNS, _PER_STAGE):
        folder = tmp_path / str(first)
        with stage(folder, workers=2, in_memory=True) as parts:
            async with api_of(parts.workers) as api, carrier_control(parts.carrier_url) as carrier:
                await carrier.trouble(
                    rateLimits=False, optOutMode="off", lostReports=1, latencyMs=random.Random(seed).randrange(20)
                )
                runs = range(first, min(first + _PER_STAGE, _RUNS))
                await _do_runs(parts, api, carrier, runs, seed, counts)
                counts.shown_leaks += await _leaks_shown(api)
    say(
        f"{_RUNS} runs of {_RECIPIENTS}, {counts.stops} STOPs: {counts.kept} kept a text back, "
        f"{counts.too_late_to_keep} came after it; {counts.read_after} fences read after a stored STOP let it pass; "
        f"{counts.late} requests over 1 s after it (latest {counts.worst_ms} ms); {counts.old_fences} requests over "
        f"1 s after their fence (oldest {counts.oldest_fence_ms} ms); {counts.leaks} leaks, "
        f"analytics say {counts.shown_leaks}"
    )
    assert counts.texts == _RUNS * _RECIPIENTS
    assert counts.stops == counts.kept + counts.too_late_to_keep == _RUNS * _STOPS
    # Both happen: the moments were spread over the campaigns.
    assert counts.kept
    assert counts.too_late_to_keep
    assert (counts.read_after, counts.late, counts.old_fences) == (0, 0, 0)
    assert counts.shown_leaks == counts.leaks


async def _do_runs(
    parts: Stage, api: Api, carrier: CarrierControl, runs: Sequence[int], seed: int, counts: _Counts
) -> None:
    waiting = iter(runs)

    async def one_after_another() -> None:
        for run in waiting:
            leaving = await _run(api, carrier, run, random.Random(f"{seed}-{run}"), counts)
            await _check(parts, carrier, leaving, counts)

    await asyncio.gather(*(one_after_another() for _ in range(_AT_ONCE)))


@dataclass(frozen=True, slots=True)
class _Left:
    """A campaign that is over, and who left during it."""

    campaign: str
    created_ms: int
    leaving: Sequence[str]


async def _run(api: Api, carrier: CarrierControl, run: int, chance: random.Random, counts: _Counts) -> _Left:
    numbers = numbers_of(run, _RECIPIENTS)
    leaving = chance.sample(numbers, _STOPS)
    began = time.monotonic()
    campaign = await api.start_campaign([{"to": number} for number in numbers], "Hello", f"stop-{run}")
    stored = time.monotonic()
    # As long as the last ones took from the end of the request: then STOPs come over the whole of a campaign.
    usual_s = sorted(counts.moments_s)[len(counts.moments_s) // 2] if counts.moments_s else stored - began

    async def leave(number: str) -> None:
        await asyncio.sleep(chance.uniform(0, usual_s))
        await carrier.text(number, "STOP")

    async with asyncio.TaskGroup() as tasks:
        for number in leaving:
            tasks.create_task(leave(number))
        shown = await eventually(lambda: _done(api, campaign), 240)
        counts.moments_s.append(time.monotonic() - stored)
    return _Left(campaign, to_ms(datetime.fromisoformat(shown["createdAt"])), leaving)


async def _done(api: Api, campaign: str) -> Json | None:
    # The list costs little; a campaign's own page counts all of its messages.
    await asyncio.sleep(0.5)
    _, answer = await api.ask("GET", "campaigns", params={"maxpagesize": "100"})
    return next((one for one in answer["value"] if one["id"] == campaign and one["status"] == "done"), None)


async def _check(parts: Stage, carrier: CarrierControl, left: _Left, counts: _Counts) -> None:
    async with TableServiceClient.from_connection_string(parts.azurite.connection_string) as store:
        stored = await eventually(lambda: _all_stored(store, left.leaving), 60)
        messages = await _messages(store, left)
    for message in messages:
        counts.texts += 1
        if message["state"] == "suppressed":
            continue
        age_ms = int(message["requestedMs"]) - int(message["fencedMs"])
        counts.oldest_fence_ms = max(counts.oldest_fence_ms, age_ms)
        counts.old_fences += age_ms > _LATEST_MS
    by_number = {str(message["recipient"]): message for message in messages}
    for number in left.leaving:
        taken = await carrier.messages(number)
        _count_one(counts, by_number[number], taken, stored[number])


@dataclass(frozen=True, slots=True)
class _Stored:
    """An opt-out: when the app began to write it, and when the store had it."""

    begun_ms: int
    written_ms: int


def _count_one(counts: _Counts, message: Mapping[str, Value], taken: Sequence[Json], stop: _Stored) -> None:
    counts.stops += 1
    if not taken:
        assert message["state"] == "suppressed"
        counts.kept += 1
        return
    (text,) = taken
    counts.too_late_to_keep += 1
    leaked, requested_ms = bool(message["leaked"]), int(message["requestedMs"])
    # While the store was taking the opt-out, nobody can tell which of the two came first.
    if not stop.begun_ms < requested_ms <= stop.written_ms:
        assert leaked is (requested_ms > stop.written_ms)
    counts.leaks += leaked
    counts.read_after += int(message["fencedMs"]) > stop.written_ms
    after_ms = to_ms(datetime.fromisoformat(text["acceptedAt"])) - stop.written_ms
    counts.worst_ms = max(counts.worst_ms, after_ms)
    counts.late += after_ms > _LATEST_MS


async def _all_stored(store: TableServiceClient, leaving: Sequence[str]) -> dict[str, _Stored] | None:
    found = {number: await _stored(store, number) for number in leaving}
    return {number: one for number, one in found.items() if one} if all(found.values()) else None


async def _stored(store: TableServiceClient, number: str) -> _Stored | None:
    table = store.get_table_client("SmsOptOuts")
    rows = [row async for row in table.query_entities(f"PartitionKey eq '{recipient_key(number)}'")]
    begun = [int(from_wire(row).values["recordedMs"]) for row in rows if str(row["RowKey"]).startswith("scope.")]
    written = [to_ms(row.metadata["timestamp"] or _NEVER) for row in rows]
    return _Stored(begun[0], max(written)) if begun else None


async def _messages(store: TableServiceClient, left: _Left) -> list[Mapping[str, Value]]:
    table = store.get_table_client("SmsMessages")
    columns = ["recipient", "state", "fencedMs", "requestedMs", "leaked"]
    found: list[Mapping[str, Value]] = []
    for block in range(_BLOCKS):
        partition = Send(block_id(left.campaign, block), left.created_ms, block=True).block_partition
        rows = table.query_entities(f"PartitionKey eq '{partition}'", select=["PartitionKey", "RowKey", *columns])
        found += [from_wire(row).values async for row in rows]
    return found


async def _leaks_shown(api: Api) -> int:
    now_ms = time.time_ns() // 1_000_000
    window = {"from": from_ms(now_ms - 7_200_000), "to": from_ms(now_ms + 3_600_000)}
    params = {name: at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in window.items()} | {"interval": "hour"}
    status, answer = await api.ask("GET", "analytics", params=params)
    assert status == 200, answer
    return int(answer["totals"]["leaks"])
