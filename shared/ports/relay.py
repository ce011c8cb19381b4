"""The relay: how the application hears of what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened. The same happening always has the same `id`, so that receivers can drop repeats.

    Notices of one `lane` are told in order where the way out knows an order; without one, those of one subject.
    """

    id: str
    type: str
    subject: str
    at: datetime
    data: Mapping[str, object]
    lane: str = ""


class Relay(Protocol):
    """The way out to the application."""

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Hand over the notices, at least once; RelayUnavailable if the application's topic did not take them.

        StorageUnavailable where notices are stored first, and could not be.
        """
        ...
