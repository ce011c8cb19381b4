"""How well three workers together keep to one sender's rate: at 200 texts a minute, then at 6,000.

Each rate has a campaign of about three minutes of work. The workers are functions hosts in processes of their own,
on one storage emulator and one carrier, which refuses what is over the rate and says when each request came. The
carrier sends no delivery reports: at 6,000 a minute those would need more of the machine than the sending.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench._machine import describe_machine
from bench._people import numbers
from bench._stack import Stack, running
from bench._usage import CARRIER
from bench._windows import Sent, least_in_window, most_in_window, share_used

_WORKERS = 3
_WINDOW_S = 60
_MINUTES = 3.2
_REPORT_S = 20
_POLL_S = 1
_GOAL = 0.97


@dataclass(frozen=True, slots=True)
class Case:
    """A sender that the carrier owns, and its rate there and here."""

    sender: str
    type: str
    per_minute: int

    @property
    def recipients(self) -> int:
        """Return how many texts keep the sender busy for the time of the measurement."""
        return int(self.per_minute * _MINUTES)


_CASES = (Case("+18005550100", "tollFree", 200), Case("12345", "shortCode", 6_000))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the carrier saw: what it took and refused, and how many requests each worker made."""

    case: Case
    taken: Sequence[Sent]
    refused: int
    by_worker: Sequence[int]
    span_s: float

    @property
    def share(self) -> float:
        """Return the share of the allowed units that was used while work waited."""
        return share_used(self.taken, self.case.per_minute)

    @property
    def most(self) -> int:
        """Return the most units in any window of 60 s."""
        return most_in_window(self.taken, _WINDOW_S)


def main() -> None:
    """Measure and print."""
    print(f"{describe_machine()}; {_WORKERS} workers; carrier with rate limits, without reports", flush=True)
    senders = [{"sender": case.sender, "type": case.type} for case in _CASES]
    settings = {"SMS_SENDERS": json.dumps(senders), "SMS_DEFAULT_SENDER": _CASES[0].sender}
    outcomes = []
    for case in _CASES:
        with running(_WORKERS, settings) as stack:
            stack.trouble(rateLimits=True, lostReports=1)
            outcomes.append(_measure(stack, case))
    _print_table(outcomes)


def _measure(stack: Stack, case: Case) -> Outcome:
    print(f"{case.per_minute:,}/min: {case.recipients:,} recipients, about {_MINUTES:.0f} minutes …", flush=True)
    campaign = stack.start_campaign(case.sender, "The library closes at six today.", numbers(case.recipients))
    begun = shown = time.monotonic()
    while stack.ended_at(campaign) is None:
        time.sleep(_POLL_S)
        if time.monotonic() - shown > _REPORT_S:
            shown = time.monotonic()
            done = sum(one.units for one in _taken(stack.requests()))
            print(f"  {shown - begun:4.0f} s  {done:6,} of {case.recipients:,} taken", flush=True)
    requests = stack.requests()
    taken = _taken(requests)
    return Outcome(
        case=case,
        taken=taken,
        refused=sum(one["httpStatus"] == 429 for one in requests),
        by_worker=[worker.usage().requests.get(CARRIER, 0) for worker in stack.workers],
        span_s=taken[-1].at_s - taken[0].at_s,
    )


def _taken(requests: Sequence[dict[str, Any]]) -> list[Sent]:
    taken = (one for one in requests if one["httpStatus"] == 202)
    sent = (Sent(datetime.fromisoformat(one["at"]).timestamp(), one["recipientCount"]) for one in taken)
    return sorted(sent, key=lambda one: one.at_s)


def _print_table(outcomes: Sequence[Outcome]) -> None:
    print("\n| Rate per minute | Taken in | Used | Least in 60 s | Most in 60 s | Answers 429 | Requests by worker |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for one in outcomes:
        least = least_in_window(one.taken, _WINDOW_S)
        workers = ", ".join(str(count) for count in one.by_worker)
        texts = sum(sent.units for sent in one.taken)
        print(
            f"| {one.case.per_minute:,} | {texts:,} in {one.span_s:.0f} s | {one.share:.2%} | {least:,} | "
            f"{one.most:,} | {one.refused} | {workers} |"
        )
    print()
    for one in outcomes:
        for goal, met in _goals(one):
            print(f"{'met' if met else 'NOT MET':8} {one.case.per_minute:,}/min: {goal}")


def _goals(one: Outcome) -> list[tuple[str, bool]]:
    return [
        (f"at least {_GOAL:.0%} of the allowed units used while work waits", one.share >= _GOAL),
        ("no answer 429", one.refused == 0),
        ("no 60 s window over the limit", one.most <= one.case.per_minute),
        ("every recipient taken once", sum(sent.units for sent in one.taken) == one.case.recipients),
    ]


if __name__ == "__main__":
    main()
