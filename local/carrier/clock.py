"""Time in the carrier: the wall clock for time stamps, a scaled clock for delays and windows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class ScaledClock:
    """A monotonic clock in carrier seconds. At scale 60 a carrier minute passes in one real second."""

    def __init__(self, read: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._scale = 1.0
        self._real_anchor = read()
        self._carrier_anchor = 0.0

    def now(self) -> float:
        """Return the carrier seconds since the clock was made."""
        return self._carrier_anchor + (self._read() - self._real_anchor) * self._scale

    def rescale(self, scale: float) -> None:
        """Change the speed from now on; the time already shown stays as it is."""
        self._carrier_anchor, self._real_anchor = self.now(), self._read()
        self._scale = scale

    def real_seconds(self, carrier_seconds: float) -> float:
        """Return how many real seconds the given carrier seconds take at the present scale."""
        return carrier_seconds / self._scale


def utc_now() -> datetime:
    """Return the wall clock, in UTC."""
    return datetime.now(UTC)


def to_milliseconds(moment: datetime) -> str:
    """Render RFC 3339 with milliseconds, as the control API writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def to_seconds(moment: datetime) -> str:
    """Render RFC 3339 with whole seconds, as Event Grid's `eventTime` is written."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def to_ticks(moment: datetime) -> str:
    """Render RFC 3339 with seven fractional digits, as the service writes time stamps (100 ns ticks)."""
    # Python has no seventh digit; a fixed one that is not 0 keeps parsers from getting away with six.
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}5Z"
