"""The books of both sides: what the app says of each recipient, and what the carrier took for them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.rules.states import ENDS, State
from tests.support.workers import Api, CarrierControl, Json

_ENDS = frozenset(state.value for state in ENDS)


def numbers_of(run: int, count: int) -> list[str]:
    """Give up to 6,000 numbers of a run (0 to 250) that have no meaning of their own at the carrier, and no others'."""
    # Endings of 2000 and more are magic: see docs/differences.md.
    return [f"+1425{200 + 3 * run + place // 2000:03d}{place % 2000:04d}" for place in range(count)]


@dataclass(frozen=True, slots=True)
class Books:
    """What became of the recipients of some campaigns.

    `taken`: recipients for whom the carrier took a text; `twice`: those for whom it took more than one; `lost`: those
    of whom the app says that they have their text, or nothing certain, and who have none, `unknown` excepted.
    """

    expected: int
    taken: int
    twice: int
    lost: int
    requests: int
    states: Counter[str]
    # Of some of those with more than one text: what the carrier knows of these.
    doubles: Sequence[Json]

    def __str__(self) -> str:
        return (
            f"{self.lost} lost, {self.twice} sent twice, {self.taken} of {self.expected} at the carrier in "
            f"{self.requests} requests, {dict(self.states)}"
        )


async def books_of(api: Api, carrier: CarrierControl, campaigns: Sequence[str]) -> Books:
    """Compare both sides for all recipients of these campaigns."""
    states: dict[str, str] = {}
    for campaign in campaigns:
        states |= {str(one["to"]): str(one["state"]) for one in await api.recipients(campaign)}
    messages = await carrier.messages()
    texts = Counter(str(message["to"]) for message in messages)
    taken = {number: texts[number] for number in states if texts[number]}
    without = [state for number, state in states.items() if number not in taken]
    return Books(
        expected=len(states),
        taken=len(taken),
        twice=sum(count > 1 for count in taken.values()),
        lost=sum(state not in {"unknown", "suppressed", "canceled", "expired"} for state in without),
        requests=len(await carrier.requests()),
        states=Counter(states.values()),
        doubles=[message for message in messages if taken.get(message["to"], 0) > 1][:10],
    )


async def everybody_has_ended(api: Api, campaigns: Sequence[str], within_seconds: float) -> None:
    """Wait until every recipient of these campaigns is in an end state."""
    await _wait_for(api, campaigns, _ENDS, within_seconds)


async def everybody_has_gone(api: Api, campaigns: Sequence[str], within_seconds: float) -> None:
    """Wait until every recipient of these campaigns is in an end state, or waits for nothing but the report."""
    await _wait_for(api, campaigns, _ENDS | {State.SENT.value}, within_seconds)


async def everybody_is_delivered(api: Api, campaigns: Sequence[str], within_seconds: float) -> None:
    """Wait until every recipient of these campaigns has the text, `unknown` ones too: their reports settle them."""
    await _wait_for(api, campaigns, frozenset({State.DELIVERED.value}), within_seconds)


async def _wait_for(api: Api, campaigns: Sequence[str], states: frozenset[str], within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    for campaign in campaigns:
        while True:
            shown = await api.campaign(campaign)
            counts = shown.get("counts", {})
            if shown.get("status") == "done" and not set(counts) - states:
                break
            assert time.monotonic() < deadline, f"not within {within_seconds:g} s: {counts}"
            # Each look reads all messages of the campaign that have not ended: a busy wait would slow the workers.
            await asyncio.sleep(2)
