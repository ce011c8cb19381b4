"""Rows of the activity that stand for texts whose end is known."""

from __future__ import annotations

from collections.abc import Sequence

from shared.rules.ids import newest_first
from shared.rules.states import State, Step
from shared.services.activity import Activity, Kind


def arrivals(
    at_ms: int, count: int, state: State = State.DELIVERED, *, sender: str = "+18005550100", country: str = "US"
) -> Sequence[Activity]:
    """Return so many texts of one moment, all of one end."""
    return [
        Activity(
            kind=Kind.OUTBOUND,
            row=f"{newest_first(at_ms)}-{state.value}-{sender}-{country}-{number}",
            conversation="c",
            sender=sender,
            step=Step(state, at_ms, "", "2000" if state is State.DELIVERED else "4001"),
            segments=1,
            country=country,
        )
        for number in range(count)
    ]
