"""Telemetry in memory: the fake. It knows a trace by its name and keeps what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shared.ports.telemetry import Metric

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str] = ContextVar("memory_traceparent", default="")


class MemoryTelemetry:
    """Keeps, in the order in which they came, the spans (name and trace) and the values (metric, value, kind)."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []
        self.values: list[tuple[Metric, float, str]] = []

    def traceparent(self) -> str:
        """Return that of the innermost `going_on`."""
        return _current.get()

    @contextmanager
    def going_on(self, name: str, traceparent: str) -> Iterator[None]:
        """Be in that trace, if it is one."""
        if not _TRACEPARENT.fullmatch(traceparent):
            yield
            return
        self.spans.append((name, traceparent.split("-")[1]))
        token = _current.set(traceparent)
        try:
            yield
        finally:
            _current.reset(token)

    def measured(self, metric: Metric, value: float, of: str = "") -> None:
        """Keep the value."""
        self.values.append((metric, value, of))

    def last(self, metric: Metric, of: str = "") -> float | None:
        """Return the last value of a metric, None if there is none."""
        return next((value for one, value, kind in reversed(self.values) if (one, kind) == (metric, of)), None)
