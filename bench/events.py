"""Delivery reports and inbound texts per second through the functions, beside a function that does one upsert an event.

Events come as Event Grid brings them: one to a request, so many requests at a time, in its schema, to one worker, a
functions host. The messages that the reports are about were sent by a campaign before. Afterwards the counts must be
right: of the app by its analytics, of the bare function by its rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from azure.data.tables import TableServiceClient

from bench._http import ask
from bench._machine import describe_machine
from bench._people import numbers
from bench._stack import Stack, Worker, running
from bench._usage import Usage
from local.carrier.events import TOPIC

_COUNT = 5_000
_AT_ONCE = 32
_SENDER = "12345"
_SETTINGS = {
    "SMS_SENDERS": json.dumps([{"sender": _SENDER, "type": "shortCode", "perMinute": 1_000_000}]),
    "SMS_DEFAULT_SENDER": _SENDER,
}
_BARE_APP = Path(__file__).parent / "bare_app"
_BARE_TABLE = "BareEvents"
_REPORT, _TEXT = "sms_delivery_report", "sms_received"
_TYPES = {
    _REPORT: "Microsoft.Communication.SMSDeliveryReportReceived",
    _TEXT: "Microsoft.Communication.SMSReceived",
}

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    what: str
    seconds: float
    spans_ms: Sequence[float]
    usage: Usage

    def cells(self) -> list[str]:
        """Return the cells of the row."""
        count = len(self.spans_ms)
        return [
            self.what,
            f"{count:,}",
            f"{count / self.seconds:,.0f}",
            f"{statistics.median(self.spans_ms):.0f}",
            f"{statistics.quantiles(self.spans_ms, n=20)[-1]:.0f}",
            f"{self.usage.cpu_s / count * 1000:.2f}",
            f"{self.usage.storage_requests / count:.2f}",
        ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python dev.py bench events")
    parser.add_argument("--count", type=int, default=_COUNT, help="events of each kind (default: %(default)s)")
    count = parser.parse_args().count
    print(f"{describe_machine()}; {_AT_ONCE} requests at a time, one event in each", flush=True)
    with running(1, _SETTINGS) as stack:
        reports, texts = _reports(stack, count), _texts(count)
        lines = [
            _measure(stack.workers[0], "the app: delivery reports", _REPORT, reports),
            _measure(stack.workers[0], "the app: inbound texts", _TEXT, texts),
        ]
        _check_the_app(stack, count)
    with running(1, {}, app=_BARE_APP) as stack:
        with TableServiceClient.from_connection_string(stack.storage.connection_string) as tables:
            tables.create_table(_BARE_TABLE)
        lines += [
            _measure(stack.workers[0], "one upsert: delivery reports", _REPORT, reports),
            _measure(stack.workers[0], "one upsert: inbound texts", _TEXT, texts),
        ]
        _check_the_bare(stack, count)
    _print_table(lines)


def _reports(stack: Stack, count: int) -> list[Event]:
    """Send texts whose reports get lost, and return these reports."""
    stack.trouble(latencyMs=0, rateLimits=False, lostReports=1)
    campaign = stack.start_campaign(_SENDER, "The library closes at six today.", numbers(count))
    print(f"sending {count:,} texts …", flush=True)
    while stack.ended_at(campaign) is None:
        time.sleep(0.25)
    sent = ask(f"{stack.carrier}/_carrier/messages")[0]["value"]
    data = [
        {
            "messageId": one["messageId"],
            "from": one["from"],
            "to": one["to"],
            "deliveryStatus": "Delivered",
            "deliveryStatusDetails": "No error.",
            "receivedTimestamp": _now(),
            "tag": one["tag"],
        }
        for one in sent
    ]
    return [_event(_REPORT, f"report-{number}", one) for number, one in enumerate(data)]


def _texts(count: int) -> list[Event]:
    """Return a first text of each of so many people to whom nothing was sent."""
    people = numbers(2 * count)[count:]
    return [
        _event(
            _TEXT,
            f"text-{number}",
            {
                "messageId": f"text-{number}",
                "from": person.removeprefix("+"),
                "to": _SENDER,
                "message": "Is the library open on Sunday?",
                "receivedTimestamp": _now(),
                "segmentCount": 1,
            },
        )
        for number, person in enumerate(people)
    ]


def _event(function: str, event_id: str, data: Event) -> Event:
    return {
        "id": event_id,
        "topic": TOPIC,
        "subject": f"/phonenumber/{_SENDER}",
        "data": data,
        "eventType": _TYPES[function],
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _measure(worker: Worker, what: str, function: str, events: Sequence[Event]) -> Line:
    print(f"{what}: {len(events):,} …", flush=True)
    before, begun = worker.usage(), time.monotonic()
    spans_ms = asyncio.run(_bring(worker, function, events))
    seconds = time.monotonic() - begun
    time.sleep(0.3)
    print(f"  {seconds:.1f} s", flush=True)
    return Line(what, seconds, spans_ms, worker.usage().since(before))


async def _bring(worker: Worker, function: str, events: Sequence[Event]) -> list[float]:
    """Bring each event and return how long each took, in milliseconds."""
    url = f"{worker.url}/runtime/webhooks/EventGrid?functionName={function}"
    headers = {"aeg-event-type": "Notification"}
    rest = iter(events)
    spans_ms: list[float] = []

    async def bring_some(http: aiohttp.ClientSession) -> None:
        for event in rest:
            begun = time.monotonic()
            async with http.post(url, json=[event], headers=headers) as answer:
                if answer.status >= 300:
                    sys.exit(f"An event was answered {answer.status}: {await answer.text()}")
            spans_ms.append((time.monotonic() - begun) * 1000)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(bring_some(http) for _ in range(_AT_ONCE)))
    return spans_ms


def _check_the_app(stack: Stack, count: int) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = (f"{today + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-1, 1))
    totals = ask(f"{stack.workers[0].url}/api/analytics?from={start}&to={end}")[0]["totals"]
    if (totals["delivered"], totals["inbound"]) != (count, count):
        sys.exit(f"The app counted {totals['delivered']} delivered and {totals['inbound']} inbound of {count}.")


def _check_the_bare(stack: Stack, count: int) -> None:
    with TableServiceClient.from_connection_string(stack.storage.connection_string) as tables:
        rows = sum(1 for _ in tables.get_table_client(_BARE_TABLE).list_entities(select=["PartitionKey"]))
    if rows != 2 * count:
        sys.exit(f"The bare functions kept {rows} of {2 * count}.")


def _print_table(lines: Sequence[Line]) -> None:
    heads = ["What", "Events", "Events/s", "p50, ms", "p95, ms", "CPU s per 1,000", "Storage requests per event"]
    for cells in (heads, ["---"] * len(heads), *(line.cells() for line in lines)):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
