"""How long a query of the analytics takes, beside counting the messages themselves.

Messages of three days that are over, from five tags and two senders, are written as the app writes them, a hundred at a
time, with the fates that messages have. Then the roll-ups are made, as the timer makes them, and the same questions are
asked in two ways: of the analytics, and of the rows of all messages. Both must give the same counts.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench._machine import describe_machine
from bench._people import numbers
from devtools import azurite, processes
from devtools.azurite import StoragePorts
from devtools.node import node_environment
from devtools.ports import free_ports
from shared.composition import Ports, build
from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.relay_none import NoRelay
from shared.edges.settings import Settings
from shared.edges.tables_azure import AzureTables, open_tables
from shared.ports.tables import Range, scan
from shared.rules.ids import DAY_MS, HOUR_MS, MessageKey, Send, block_id, to_ms
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.analytics import Interval
from shared.services.bundle import Services
from shared.services.late_marks import LateMarks
from shared.services.messages import Direction, Message
from shared.services.tallies import GroupBy

_SIZES = (1_000, 10_000, 100_000)
_DAYS = 3
_ASKED = 5
_SENDERS = ("+18005550100", "12345")
_BEGUN = datetime(2026, 3, 2, tzinfo=UTC)
_FATES = (State.DELIVERED,) * 17 + (State.FAILED, State.UNKNOWN, State.SENT)
_SETTINGS = {
    "ACS_CONNECTION_STRING": "endpoint=https://example.communication.azure.com/;accesskey=a2V5",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "SMS_DEFAULT_SENDER": _SENDERS[0],
    "SMS_SENDERS": '[{"sender":"+18005550100","type":"tollFree"},{"sender":"12345","type":"shortCode"}]',
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: milliseconds, the median of some."""

    messages: int
    all_ms: float
    tags_ms: float
    recount_ms: float
    roll_up_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python dev.py bench analytics")
    parser.add_argument("--sizes", type=_sizes, default=_SIZES, help="messages, separated by commas")
    sizes = parser.parse_args().sizes
    print(f"{describe_machine()}; storage emulator", flush=True)
    lines = [asyncio.run(_measure(size)) for size in sizes]
    print("\n| Messages | Analytics, ms | By tag, ms | Counting the messages, ms | Roll-up of all, s |")
    print("| --- | --- | --- | --- | --- |")
    for line in lines:
        print(
            f"| {line.messages:,} | {line.all_ms:.0f} | {line.tags_ms:.0f} | {line.recount_ms:,.0f} "
            f"| {line.roll_up_s:.1f} |"
        )


def _sizes(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


async def _measure(size: int) -> Line:
    with ExitStack() as stack:
        tables = _storage(stack)
        clock = ManualClock(_BEGUN)
        ports = Ports(tables, MemoryCarrier(), NoRelay(), clock, MemoryQueues(clock))
        services = build(Settings.from_environment(_SETTINGS), ports)
        await services.rollups.roll()
        print(f"{size:,} messages …", flush=True)
        marks = LateMarks(tables.table("Rollups"), clock)
        await _write(services, ActivityLog(tables.table("Activity"), marks), size)
        clock.advance(days=_DAYS, hours=1)
        begun = time.monotonic()
        await services.rollups.roll()
        rolled_s = time.monotonic() - begun
        line = await _ask(services, tables, size, rolled_s)
        await tables.close()
        return line


def _storage(stack: ExitStack) -> AzureTables:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    ports = StoragePorts(free_ports(3))
    child = processes.start("storage", azurite.command(ports), folder / "storage.log", node_environment())
    stack.callback(processes.stop, [child])
    while not ports.answer():
        time.sleep(0.1)
    return open_tables(ports.connection_string, prefix="Bench")


async def _write(services: Services, log: ActivityLog, size: int) -> None:
    choice, to = random.Random(1), numbers(size)  # noqa: S311 - the same each time
    for number, start in enumerate(range(0, size, 100)):
        at = _BEGUN + timedelta(milliseconds=choice.randrange(_DAYS * DAY_MS))
        send = Send(block_id("bench", number), to_ms(at), block=True)
        tag, sender = f"tag {number % 5}", _SENDERS[number % 2]
        messages = [_message(send, sender, one, tag, choice) for one in to[start : start + 100]]
        await services.messages.put_all_new(messages)
        await log.record([Activity.of(message) for message in messages])


def _message(send: Send, sender: str, to: str, tag: str, choice: random.Random) -> Message:
    sent_ms = send.accepted_ms + choice.randrange(50, 500)
    steps = [Step(State.SENDING, send.accepted_ms), Step(State.SENT, sent_ms)]
    fate = choice.choice(_FATES)
    if fate is not State.SENT:
        steps.append(Step(fate, sent_ms + choice.randrange(300, 9_000), "", "2000"))
    key, history = MessageKey.outbound(send, sender, to), History(tuple(steps))
    return Message(key, Direction.OUTBOUND, sender, to, "Hello", history, tag=tag, segments=1, campaign="bench")


async def _ask(services: Services, tables: AzureTables, size: int, rolled_s: float) -> Line:
    start_ms = to_ms(_BEGUN)
    end_ms = start_ms + _DAYS * DAY_MS + HOUR_MS
    counted: list[Counter[str]] = []

    async def analytics(group_by: GroupBy | None = None) -> None:
        totals = (await services.analytics.report(start_ms, end_ms, Interval.DAY, group_by)).totals
        counted.append(Counter({state.value: totals[state.value] for state in set(_FATES) - {State.SENT}}))

    async def recount() -> None:
        found = scan(tables.table("Messages"), Range(), ("state",))
        states = Counter([str(entity.values["state"]) async for entity in found])
        counted.append(Counter({name: states[name] for name in counted[0]}))

    all_ms = await _median_ms(analytics)
    tags_ms = await _median_ms(lambda: analytics(GroupBy.TAG))
    recount_ms = await _median_ms(recount, times=1 if size > 10_000 else _ASKED)
    if any(one != counted[0] for one in counted) or not counted[0].total():
        raise SystemExit("The two ways give different counts.")
    return Line(size, all_ms, tags_ms, recount_ms, rolled_s)


async def _median_ms(ask: Callable[[], Awaitable[None]], times: int = _ASKED) -> float:
    spans: Sequence[float] = [await _span_ms(ask) for _ in range(times)]
    return statistics.median(spans)


async def _span_ms(ask: Callable[[], Awaitable[None]]) -> float:
    begun = time.monotonic()
    await ask()
    return (time.monotonic() - begun) * 1000


if __name__ == "__main__":
    main()
