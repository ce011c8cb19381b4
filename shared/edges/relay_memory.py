"""The relay in memory: the fake that keeps what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.ports.relay import Notice
from shared.rules.errors import RelayUnavailable


@dataclass(slots=True)
class MemoryRelay:
    """A relay that keeps the notices it took, repeats included, and fails when told to."""

    notices: list[Notice] = field(default_factory=list)
    _failures: int = 0

    def fail_next(self, times: int = 1) -> None:
        """Raise RelayUnavailable that many times before notices are taken again."""
        self._failures = times

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Take the notices, or RelayUnavailable."""
        if self._failures > 0:
            self._failures -= 1
            raise RelayUnavailable("The application's topic did not take the events. Try again.")
        self.notices.extend(notices)
