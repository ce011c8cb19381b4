"""Health: whether the app can do its work, and if not, why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ports.carrier import Carrier
from shared.ports.clock import Clock
from shared.ports.tables import Table
from shared.rules.errors import SmsError

# Anyone may ask, so the checks themselves run no more often than this.
_GOOD_FOR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Check:
    """One part that the app needs: its name, and the error that it answered with, if any."""

    name: str
    problem: SmsError | None = None


class Health:
    """Asks storage and the carrier whether they answer."""

    def __init__(self, table: Table, carrier: Carrier, clock: Clock) -> None:
        self._table = table
        self._carrier = carrier
        self._clock = clock
        self._last: tuple[datetime, tuple[Check, ...]] | None = None

    async def checks(self) -> tuple[Check, ...]:
        """Return what each part answered, at most two seconds ago."""
        now = self._clock.now()
        if self._last is None or now - self._last[0] > _GOOD_FOR:
            self._last = (now, await self._run())
        return self._last[1]

    async def _run(self) -> tuple[Check, ...]:
        storage = _check("storage", lambda: self._table.get("health", "health"))
        return tuple(await asyncio.gather(storage, _check("carrier", self._carrier.probe)))


async def _check(name: str, probe: Callable[[], Awaitable[object]]) -> Check:
    try:
        await probe()
    except SmsError as problem:
        return Check(name, problem)
    return Check(name)
