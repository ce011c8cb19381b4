"""`@app.retry`, which the host honours for timers (and for Event Hubs, Kafka and Cosmos DB, which are not run here)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from local.host.context import RetryContext
from local.host.errors import InvocationError, StartError
from local.host.indexing import Function
from local.host.invocation import Invoker, TriggerData
from local.host.timespans import parse_timespan


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed run is tried again (-1: for ever), and the bounds of the pause before each try."""

    most: int = 0
    shortest: timedelta = timedelta(0)
    longest: timedelta = timedelta(0)
    exponential: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> RetryPolicy:
        """Read what `@app.retry` was given; nothing means no retry."""
        if not settings:
            return cls()
        most = int(settings["max_retry_count"])
        if settings["strategy"] == "fixed_delay":
            delay = _interval(settings, "delay_interval")
            return cls(most, delay, delay)
        return cls(most, _interval(settings, "minimum_interval"), _interval(settings, "maximum_interval"), True)

    def pause(self, retry: int) -> float:
        """Return the seconds before a retry, counted from 1."""
        if not self.exponential:
            return self.shortest.total_seconds()
        grown = self.shortest.total_seconds() * 2 ** (retry - 1) * random.uniform(0.8, 1.2)
        return float(min(max(grown, self.shortest.total_seconds()), self.longest.total_seconds()))

    async def run(
        self,
        invoker: Invoker,
        function: Function,
        data: TriggerData,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Invoke a function until it succeeds or the retries are used up; then raise its `InvocationError`."""
        retry, error = 0, None
        while True:
            try:
                await invoker.invoke(function, replace(data, retry=RetryContext(retry, self.most, error)))
            except InvocationError as failure:
                error = failure
                if retry == self.most:
                    raise
            else:
                return
            retry += 1
            await sleep(self.pause(retry))


def _interval(settings: Mapping[str, str], name: str) -> timedelta:
    interval = parse_timespan(str(settings.get(name) or ""))
    if interval is None:
        raise StartError(f"@app.retry: {name} must be a time like 00:00:05.")
    return interval
