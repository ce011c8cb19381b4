"""The states of a message, and how what is heard of it in any order adds up to one state.

A message's history is a set of steps; its state is the greatest step. Adding a step is commutative, associative
and idempotent, so no order and no repetition of events changes where a message ends (invariant I3).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a message is. An inbound text is `received`, and stays so."""

    RECEIVED = "received"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    FAILED = "failed"
    DELIVERED = "delivered"


_RANK = {state: rank for rank, state in enumerate(State)}

ENDS = frozenset(state for state in State if _RANK[state] >= _RANK[State.UNKNOWN])
WAITING = frozenset({State.SCHEDULED, State.QUEUED})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing heard of a message: its state at a time (ms since 1970, UTC), why, and the carrier's own code.

    `round` counts how often the message had to wait again because the carrier took nothing.
    """

    state: State
    at_ms: int
    reason: str = ""
    code: str = ""
    round: int = 0

    @property
    def order(self) -> tuple[int, int, int, int, str, str]:
        """Return what steps are compared by.

        Before the carrier has it, the later round wins; after that the state, then the later, then the name.
        """
        gone = self.state is not State.RECEIVED and _RANK[self.state] >= _RANK[State.SENT]
        return (gone, 0 if gone else self.round, _RANK[self.state], self.at_ms, self.reason, self.code)


@dataclass(frozen=True, slots=True)
class History:
    """The steps of one message, in the order of their times; never empty."""

    steps: tuple[Step, ...]

    @property
    def current(self) -> Step:
        """Return the step that says where the message is: delivered beats failed, failed beats unknown."""
        return max(self.steps, key=lambda step: step.order)

    def add(self, step: Step) -> History:
        """Return the history with this step; the same kind of step heard twice is kept once, at its latest."""
        return History(_merged((*self.steps, step)))

    def to_json(self) -> str:
        """Return the history as it is stored."""
        return json.dumps(
            [[s.state.value, s.at_ms, s.reason, s.code, s.round] for s in self.steps], separators=(",", ":")
        )

    @classmethod
    def from_json(cls, stored: str) -> History:
        """Return the history that `to_json` wrote."""
        return cls(tuple(Step(State(state), *rest) for state, *rest in json.loads(stored)))


def _merged(steps: Iterable[Step]) -> tuple[Step, ...]:
    latest: dict[tuple[State, str, str], Step] = {}
    for step in steps:
        kind = (step.state, step.reason, step.code)
        if kind not in latest or (latest[kind].round, latest[kind].at_ms) < (step.round, step.at_ms):
            latest[kind] = step
    return tuple(sorted(latest.values(), key=lambda step: (step.at_ms, step.order)))
