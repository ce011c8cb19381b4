"""The weather: how likely which fault is at which port, and how often each came."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Weather:
    """Likelihoods per call or thing, 0 to 1; `busy` is how many storage calls take time at all."""

    busy: float = 0.4
    storage_fails: float = 0.0
    storage_slow: float = 0.0
    dies: float = 0.0
    throttled: float = 0.0
    unavailable: float = 0.0
    silent: float = 0.0
    refused: float = 0.0
    recipient_refused: float = 0.0
    relay_fails: float = 0.0
    work_lost: float = 0.0
    work_late: float = 0.0
    work_twice: float = 0.0
    event_late: float = 0.0
    event_twice: float = 0.0
    report_lost: float = 0.0

    def storage_troubles(self) -> float:
        """Return how likely a storage call goes other than well."""
        return self.storage_fails + self.storage_slow + self.dies


CALM = Weather(event_late=0.02, event_twice=0.02)
USUAL = Weather(
    storage_fails=0.002,
    storage_slow=0.001,
    dies=0.0002,
    throttled=0.01,
    unavailable=0.01,
    silent=0.01,
    refused=0.0005,
    recipient_refused=0.002,
    relay_fails=0.002,
    work_lost=0.01,
    work_late=0.03,
    work_twice=0.05,
    event_late=0.05,
    event_twice=0.04,
    report_lost=0.02,
)
STORM = Weather(
    storage_fails=0.05,
    storage_slow=0.02,
    dies=0.0008,
    throttled=0.15,
    unavailable=0.15,
    silent=0.15,
    refused=0.005,
    recipient_refused=0.01,
    relay_fails=0.1,
    work_lost=0.1,
    work_late=0.2,
    work_twice=0.2,
    event_late=0.3,
    event_twice=0.2,
    report_lost=0.1,
)
# In a storm like this, workers die one after the other at the same work.
HURRICANE = replace(STORM, dies=0.004, storage_slow=0.03)
OUTAGE = Weather(storage_fails=1.0, event_late=0.05)
THROTTLING = Weather(throttled=0.9, event_late=0.05)
SPLITTING = Weather(recipient_refused=0.2, silent=0.2, dies=0.0003)


@dataclass(slots=True)
class Sky:
    """The weather of now, the dice of the world, and what has been counted. One sky for all workers."""

    random: Random
    now: Weather = CALM
    counts: Counter[str] = field(default_factory=Counter)

    def strikes(self, likelihood: float, what: str) -> bool:
        """Throw the dice for a fault, and count it if it comes."""
        if not likelihood or self.random.random() >= likelihood:
            return False
        self.counts[what] += 1
        return True

    def little(self, mean_s: float) -> float:
        """Return a delay in seconds, mostly near the mean, at times several times as long."""
        return self.random.expovariate(1 / mean_s)
