"""The limits of a sender: requests and message units in a sliding window of 60 s."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from local.carrier.clock import ScaledClock
from local.carrier.senders import Sender

WINDOW_S = 60.0


@dataclass(slots=True)
class _Window:
    entries: deque[tuple[float, int]] = field(default_factory=deque)
    units: int = 0

    def forget_before(self, moment: float) -> None:
        while self.entries and self.entries[0][0] <= moment:
            self.units -= self.entries.popleft()[1]

    def add(self, moment: float, units: int) -> None:
        self.entries.append((moment, units))
        self.units += units


class RateLimits:
    """Counts per number, and per resource for alphanumeric senders. The window is in carrier time."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def admit(self, sender: Sender, units: int) -> bool:
        """Count a request and tell whether it is within the limits.

        A refused request counts as a request ("all requests count"), but its units were not sent and do not.
        """
        now = self._clock.now()
        window = self._windows.setdefault(sender.limit_key, _Window())
        window.forget_before(now - WINDOW_S)
        limit = sender.per_minute
        admitted = len(window.entries) < limit and window.units + units <= limit
        window.add(now, units if admitted else 0)
        return admitted

    def clear(self) -> None:
        """Begin all windows anew."""
        self._windows.clear()
