"""Timer-triggered functions: one run at a time, and a late one after a stop.

The next run is computed when the last one has ended, so runs never overlap. What was due while the host was down
runs once at start with `past_due`. Azure keeps that memory in a blob; here it is a file below `.local/timers`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.functions.meta import Datum

from local.host.errors import InvocationError
from local.host.indexing import Function
from local.host.invocation import Invoker, TriggerData
from local.host.retries import RetryPolicy
from local.host.schedules import Schedule

_log = logging.getLogger("Host.Triggers.Timer")
_SHORTEST_MONITORED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """When a timer ran, and when it should run next."""

    last: datetime
    next: datetime
    last_updated: datetime


class Monitor:
    """Remembers the status of each timer across restarts, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, function_name: str) -> ScheduleStatus | None:
        """Return the last status; one that cannot be read counts as none."""
        try:
            content = json.loads(self._path(function_name).read_text("utf-8"))
            moments = [datetime.fromisoformat(content[name]) for name in ("Last", "Next", "LastUpdated")]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return ScheduleStatus(*moments)

    def write(self, function_name: str, status: ScheduleStatus) -> None:
        """Keep a status."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path(function_name).write_text(json.dumps(_status_json(status)), "utf-8")

    def _path(self, function_name: str) -> Path:
        return self._folder / f"{function_name.lower()}.json"


def _status_json(status: ScheduleStatus) -> dict[str, str]:
    return {
        "Last": status.last.isoformat(),
        "Next": status.next.isoformat(),
        "LastUpdated": status.last_updated.isoformat(),
    }


def timer_datum(*, past_due: bool, adjusts_for_dst: bool, status: ScheduleStatus | None) -> Datum:
    """Return what a timer hands to its function."""
    content = {
        "Schedule": {"AdjustForDST": adjusts_for_dst},
        "ScheduleStatus": _status_json(status) if status else None,
        "IsPastDue": past_due,
    }
    return Datum(json.dumps(content), "json")


class Clock:
    """The machine's clock; tests have another."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Timer:
    """Runs one timer-triggered function by its schedule."""

    def __init__(
        self,
        function: Function,
        schedule: Schedule,
        invoker: Invoker,
        monitor: Monitor,
        clock: Clock | None = None,
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._invoker = invoker
        self._clock = clock or Clock()
        self._retry = RetryPolicy.from_settings(function.retry)
        self._monitor = monitor if self._is_monitored() else None
        self._status: ScheduleStatus | None = None

    def _is_monitored(self) -> bool:
        first = self._schedule.next_after(self._clock.now())
        often = self._schedule.next_after(first) - first < _SHORTEST_MONITORED
        return self._function.trigger.properties.get("useMonitor") is not False and not often

    async def run(self) -> None:
        """Run until canceled."""
        due = self._schedule.next_after(self._clock.now())
        past_due = self._is_past_due(due)
        if past_due or self._function.trigger.properties.get("runOnStartup") is True:
            due = await self._run_once(past_due=past_due)
        while True:
            await self._sleep_until(due)
            due = await self._run_once(past_due=False)

    def _is_past_due(self, due: datetime) -> bool:
        if self._monitor is None:
            return False
        self._status = self._monitor.read(self._function.name)
        if self._status is None:
            now = self._clock.now()
            self._status = ScheduleStatus(datetime(1, 1, 1, tzinfo=UTC), due, now)
            self._monitor.write(self._function.name, self._status)
            return False
        return self._clock.now() > self._status.next

    async def _sleep_until(self, due: datetime) -> None:
        while (left := (due - self._clock.now()).total_seconds()) > 0:
            # In steps, so that a clock that is set, or a machine that slept, is noticed.
            await self._clock.sleep(min(left, 60))

    async def _run_once(self, *, past_due: bool) -> datetime:
        started = self._clock.now()
        datum = timer_datum(past_due=past_due, adjusts_for_dst=self._schedule.adjusts_for_dst, status=self._status)
        try:
            await self._retry.run(self._invoker, self._function, TriggerData(datum, "Timer fired"), self._clock.sleep)
        except InvocationError:
            _log.warning("Timer function %s failed; it runs again when it is next due.", self._function.name)
        now = self._clock.now()
        due = self._schedule.next_after(now)
        if self._monitor is not None:
            self._status = ScheduleStatus(started, due, now)
            self._monitor.write(self._function.name, self._status)
        return due
