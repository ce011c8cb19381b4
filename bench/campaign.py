"""What sending to many costs: a campaign, the quickstart's way, and a plain loop of requests of a hundred.

The carrier answers each request after 100 ms and has no rate limits; the sender's own rate is set so high that it
does not matter. It sends no delivery reports (`lostReports: 1`): this is about the way out. The campaign goes through
one worker, a functions host with the whole app: its figures hold the upload, the planning, the queue and the host.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench._machine import describe_machine
from bench._people import numbers
from bench._stack import Stack, running
from bench._usage import Usage
from devtools.paths import ROOT

_LATENCY_MS = 100
_SENDER = "12345"
_SETTINGS = {
    "SMS_SENDERS": json.dumps([{"sender": _SENDER, "type": "shortCode", "perMinute": 1_000_000}]),
    "SMS_DEFAULT_SENDER": _SENDER,
}
_SIZES = (1_000, 10_000, 100_000)
# Enough for a steady figure: 10,000 would take 17 minutes.
_QUICKSTART_COUNT = 300
_LOOP_COUNT = 10_000
_SHARED = "The library closes at six today."
_PERSONAL = "Reader {{n}}, the library closes at six today."
_PERSONAL_COUNT = 5_000
_POLL_S = 0.25
_REPORT_S = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: how many texts were sent that way, in which time, and what it took."""

    way: str
    count: int
    seconds: float
    usage: Usage

    def cells(self) -> list[str]:
        """Return the cells of the row."""
        return [
            self.way,
            f"{self.count:,}",
            f"{self.seconds:.1f}",
            f"{self.count / self.seconds:,.0f}",
            f"{self.usage.cpu_s / self.count * 1000:.2f}",
            f"{self.usage.storage_requests / self.count:.3f}",
            f"{self.usage.peak_bytes / 2**20:.0f}",
        ]


def main() -> None:
    """Measure and print."""
    sizes = _parse_sizes()
    print(f"{describe_machine()}; carrier with {_LATENCY_MS} ms latency, without rate limits and reports", flush=True)
    lines = []
    with running(0, {}) as stack:
        _calm(stack)
        lines.append(_rival(stack, "one `SmsClient.send` per recipient", 1, _QUICKSTART_COUNT))
        lines.append(_rival(stack, "a loop of requests of 100", 100, _LOOP_COUNT))
    for size in sizes:
        with running(1, _SETTINGS) as stack:
            _calm(stack)
            lines.append(_campaign(stack, "a campaign", _SHARED, size))
    with running(1, _SETTINGS) as stack:
        _calm(stack)
        lines.append(_campaign(stack, "a campaign, each text another", _PERSONAL, _PERSONAL_COUNT))
    _print_table(lines)


def _parse_sizes() -> Sequence[int]:
    parser = argparse.ArgumentParser("python dev.py bench campaign")
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(part) for part in text.split(",")],
        default=_SIZES,
        help="recipients of each campaign, separated by commas (default: 1000,10000,100000)",
    )
    sizes: Sequence[int] = parser.parse_args().sizes
    return sizes


def _calm(stack: Stack) -> None:
    stack.trouble(latencyMs=_LATENCY_MS, rateLimits=False, lostReports=1)


def _rival(stack: Stack, way: str, size: int, count: int) -> Line:
    print(f"{way}: {count:,} …", flush=True)
    command = [sys.executable, "-m", "bench._rival", str(size), str(count), *stack.carrier_access()]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"The loop failed:\n{answer.stdout}{answer.stderr}")
    spent = json.loads(answer.stdout)
    if spent["taken"] != count:
        sys.exit(f"The carrier took {spent['taken']} of {count}.")
    line = Line(way, count, spent["seconds"], Usage(spent["cpu_s"], spent["peak_bytes"]))
    print(f"  {line.seconds:.1f} s", flush=True)
    return line


def _campaign(stack: Stack, way: str, text: str, size: int) -> Line:
    print(f"{way}: {size:,} …", flush=True)
    (worker,) = stack.workers
    recipients = numbers(size)
    before, begun, shown = worker.usage(), time.time(), time.monotonic()
    campaign = stack.start_campaign(_SENDER, text, recipients)
    print(f"  stored after {time.time() - begun:.1f} s", flush=True)
    while (ended := stack.ended_at(campaign)) is None:
        time.sleep(_POLL_S)
        if time.monotonic() - shown > _REPORT_S:
            shown = time.monotonic()
            print(f"  {time.time() - begun:4.0f} s  {_taken(stack):,} taken", flush=True)
    time.sleep(_POLL_S)
    used = worker.usage().since(before)
    if _taken(stack) != size:
        sys.exit(f"The carrier took {_taken(stack)} of {size}.")
    print(f"  done after {ended - begun:.1f} s; {_shown(used)}", flush=True)
    return Line(way, size, ended - begun, used)


def _taken(stack: Stack) -> int:
    return sum(one["recipientCount"] for one in stack.requests() if one["httpStatus"] == 202)


def _shown(used: Usage) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in used.requests.items())


def _print_table(lines: Sequence[Line]) -> None:
    heads = ["Way", "Texts", "s", "Texts/s", "CPU s per 1,000", "Storage requests per text", "Peak memory, MiB"]
    print("\n" + _row(heads) + "\n" + _row(["---"] * len(heads)))
    for line in lines:
        print(_row(line.cells()))
    quickstart = lines[0]
    extrapolated = quickstart.seconds / quickstart.count * _LOOP_COUNT
    print(
        f"\nExtrapolated, not measured: one `SmsClient.send` per recipient takes {extrapolated:,.0f} s for "
        f"{_LOOP_COUNT:,} texts ({quickstart.count} were measured)."
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
