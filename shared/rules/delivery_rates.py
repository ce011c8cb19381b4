"""Delivery rates: whether one has dropped against its own past, and whether it has come back."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Fewer texts say nothing yet.
LEAST_SETTLED = 50
LEAST_SETTLED_BEFORE = 200
# A drop by less is not worth a warning, however certain it is.
_LEAST_DROP = 0.05
# So many standard errors: by chance alone, one hour in some seven hundred.
_LEAST_CERTAINTY = 3.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many texts arrived, of those of a time whose end is known."""

    delivered: int = 0
    settled: int = 0

    def __add__(self, other: Arrivals) -> Arrivals:
        return Arrivals(self.delivered + other.delivered, self.settled + other.settled)

    @property
    def rate(self) -> float:
        """Return the share that arrived, 0 to 1; 0 if the end of none is known."""
        return self.delivered / self.settled if self.settled else 0.0


def has_dropped(now: Arrivals, before: Arrivals) -> bool:
    """Tell whether the rate is lower than before by enough to matter, and by more than chance explains.

    The test is that of two proportions, pooled.
    """
    if now.settled < LEAST_SETTLED or before.settled < LEAST_SETTLED_BEFORE:
        return False
    drop = before.rate - now.rate
    if drop < _LEAST_DROP:
        return False
    pooled = (now + before).rate
    error = math.sqrt(pooled * (1 - pooled) * (1 / now.settled + 1 / before.settled))
    return drop >= _LEAST_CERTAINTY * error


def has_recovered(now: Arrivals, rate_before: float) -> bool:
    """Tell whether a rate that had dropped is back, or nearly so."""
    return now.settled >= LEAST_SETTLED and now.rate > rate_before - _LEAST_DROP / 2
