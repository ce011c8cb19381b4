"""Telemetry: the trace that work belongs to, and what is measured of the invariants.

A trace is named by its W3C `traceparent`, which is kept with the work, so that whoever goes on with it later, and the
delivery report after that, are in the trace of the request that it began with.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Protocol


class Metric(Enum):
    """What is measured: its name, its unit, what it is, and for how many seconds a value says how things are now."""

    LEAKS = ("sms.leaks", "{text}", "Texts that left after their recipient's opt-out had been recorded", 0)
    OLDEST_QUEUED = ("sms.queued.oldest", "s", "Age of the oldest work that is due and has not gone", 60)
    UNKNOWN_RATE = ("sms.unknown.rate", "1", "Share of the sent texts that no delivery report came for in time", 7_200)
    PACE_USED = ("sms.pace.used", "1", "Share of a sender's rate that is used or reserved", 120)

    def __init__(self, label: str, unit: str, description: str, good_for_s: int) -> None:
        self.label = label
        self.unit = unit
        self.description = description
        self.good_for_s = good_for_s

    @property
    def is_count(self) -> bool:
        """Tell whether values add up; else the last one counts, for as long as it is good."""
        return self.good_for_s == 0


class Telemetry(Protocol):
    """What the services tell of their work. It never fails, whatever it is given."""

    def traceparent(self) -> str:
        """Return the `traceparent` of what goes on now, empty if it is in no trace."""
        ...

    def going_on(self, name: str, traceparent: str) -> AbstractContextManager[None]:
        """Go on with work of that trace; where `traceparent` is empty or none, in the trace that this is in anyway."""
        ...

    def measured(self, metric: Metric, value: float, of: str = "") -> None:
        """Take a value; `of` says of what kind, and never of whom."""
        ...


class NoTelemetry:
    """Tells nobody."""

    def traceparent(self) -> str:
        """Return that there is no trace."""
        return ""

    def going_on(self, name: str, traceparent: str) -> AbstractContextManager[None]:  # noqa: ARG002 - see the protocol
        """Do nothing beside the work."""
        return nullcontext()

    def measured(self, metric: Metric, value: float, of: str = "") -> None:
        """Drop the value."""
