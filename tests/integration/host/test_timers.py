"""Timer-triggered functions, on a clock that the test owns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.functions as func
import pytest
from azure.functions.timer import TimerRequest

from local.host.errors import StartError
from local.host.indexing import index
from local.host.invocation import Invoker, thread_pool
from local.host.retries import RetryPolicy
from local.host.schedules import parse_schedule
from local.host.timers import Clock, Monitor, Timer
from tests.support.waiting import eventually

NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


class JumpingClock(Clock):
    """A clock that jumps to the end of every sleep."""

    def __init__(self, now: datetime) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock(NOON)


async def _no_output(*_: object) -> None:
    raise AssertionError("a timer has no output here")


@asynccontextmanager
async def _running(
    clock: JumpingClock,
    folder: Path,
    schedule: str,
    body: Callable[[TimerRequest], object],
    *,
    run_on_startup: bool = False,
    use_monitor: bool = True,
) -> AsyncIterator[None]:
    app = func.FunctionApp()

    @app.timer_trigger("timer", schedule, run_on_startup=run_on_startup, use_monitor=use_monitor)
    async def sweep(timer: func.TimerRequest) -> None:
        assert isinstance(timer, TimerRequest)
        body(timer)

    with thread_pool() as pool:
        invoker = Invoker(pool, None, _no_output)
        timer = Timer(index(app)[0], parse_schedule(schedule), invoker, Monitor(folder), clock)
        task = asyncio.create_task(timer.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_timer_runs_at_each_occurrence(clock: JumpingClock, tmp_path: Path) -> None:
    runs: list[datetime] = []
    async with _running(clock, tmp_path, "0 */5 * * * *", lambda _: runs.append(clock.now())):
        await eventually(lambda: len(runs) >= 3)
    assert [(run.minute, run.second) for run in runs[:3]] == [(5, 0), (10, 0), (15, 0)]


async def test_runs_do_not_overlap_and_what_a_long_run_misses_is_left_out(clock: JumpingClock, tmp_path: Path) -> None:
    runs: list[datetime] = []

    def run_long(_: TimerRequest) -> None:
        runs.append(clock.now())
        clock.time += timedelta(minutes=12)

    async with _running(clock, tmp_path, "0 */5 * * * *", run_long):
        await eventually(lambda: len(runs) >= 2)
    assert [(run.minute, run.second) for run in runs[:2]] == [(5, 0), (20, 0)]


async def test_a_timespan_counts_from_the_end_of_the_run(clock: JumpingClock, tmp_path: Path) -> None:
    runs: list[datetime] = []

    def run_long(_: TimerRequest) -> None:
        runs.append(clock.now())
        clock.time += timedelta(minutes=7)

    async with _running(clock, tmp_path, "00:10:00", run_long):
        await eventually(lambda: len(runs) >= 2)
    assert runs[1] - runs[0] == timedelta(minutes=17)


async def test_what_was_due_while_the_host_was_down_runs_once_at_start_as_past_due(
    clock: JumpingClock, tmp_path: Path
) -> None:
    seen: list[tuple[bool, str]] = []

    def see(timer: TimerRequest) -> None:
        seen.append((timer.past_due, timer.schedule_status["Last"][:19]))

    async with _running(clock, tmp_path, "0 0 * * * *", see):
        await eventually(lambda: seen)
    clock.time += timedelta(hours=5)
    restarted, first = clock.time, len(seen)
    async with _running(clock, tmp_path, "0 0 * * * *", see):
        await eventually(lambda: len(seen) >= first + 2)
    assert seen[0] == (False, "0001-01-01T00:00:00")
    assert [past_due for past_due, _ in seen[first : first + 2]] == [True, False]
    assert seen[first + 1][1] == restarted.isoformat()[:19]


async def test_the_first_start_ever_is_not_past_due(clock: JumpingClock, tmp_path: Path) -> None:
    seen: list[bool] = []
    async with _running(clock, tmp_path, "0 0 * * * *", lambda timer: seen.append(timer.past_due)):
        await eventually(lambda: seen)
    assert seen[0] is False


async def test_a_status_that_cannot_be_read_counts_as_none(clock: JumpingClock, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text("{", "utf-8")
    seen: list[bool] = []
    async with _running(clock, tmp_path, "0 0 * * * *", lambda timer: seen.append(timer.past_due)):
        await eventually(lambda: seen)
    assert seen[0] is False
    assert set(json.loads((tmp_path / "sweep.json").read_text("utf-8"))) == {"Last", "Next", "LastUpdated"}


@pytest.mark.parametrize(("schedule", "use_monitor"), [("*/30 * * * * *", True), ("0 0 * * * *", False)])
async def test_a_timer_below_a_minute_or_without_monitor_keeps_no_status(
    clock: JumpingClock, tmp_path: Path, schedule: str, use_monitor: bool
) -> None:
    seen: list[object] = []

    def see(timer: TimerRequest) -> None:
        seen.append(timer.schedule_status)

    async with _running(clock, tmp_path / "s", schedule, see, use_monitor=use_monitor):
        await eventually(lambda: seen)
    assert seen[0] == {}
    assert not (tmp_path / "s").exists()


async def test_run_on_startup_runs_at_once(clock: JumpingClock, tmp_path: Path) -> None:
    runs: list[datetime] = []
    async with _running(clock, tmp_path, "0 0 * * * *", lambda _: runs.append(clock.now()), run_on_startup=True):
        await eventually(lambda: runs)
    assert runs[0] == NOON


async def test_a_failed_run_does_not_end_the_timer(clock: JumpingClock, tmp_path: Path) -> None:
    runs: list[datetime] = []

    def fail(_: TimerRequest) -> None:
        runs.append(clock.now())
        raise ValueError

    async with _running(clock, tmp_path, "0 */5 * * * *", fail):
        await eventually(lambda: len(runs) >= 2)
    assert runs[1] - runs[0] == timedelta(minutes=5)


async def test_a_retry_policy_tries_again_and_tells_the_function_which_try_it_is(
    clock: JumpingClock, tmp_path: Path
) -> None:
    tries: list[tuple[int, int]] = []
    app = func.FunctionApp()

    @app.timer_trigger("timer", "0 0 * * * *", use_monitor=False)
    @app.retry("fixed_delay", "2", delay_interval="00:00:05")
    def sweep(timer: func.TimerRequest, context: func.Context) -> None:
        tries.append((context.retry_context.retry_count, context.retry_context.max_retry_count))
        raise ValueError

    with thread_pool() as pool:
        invoker = Invoker(pool, None, _no_output)
        timer = Timer(index(app)[0], parse_schedule("0 0 * * * *"), invoker, Monitor(tmp_path), clock)
        task = asyncio.create_task(timer.run())
        await eventually(lambda: len(tries) >= 3)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert tries[:3] == [(0, 2), (1, 2), (2, 2)]
    assert clock.slept.count(5.0) >= 2


def test_an_exponential_retry_stays_between_its_bounds() -> None:
    policy = RetryPolicy.from_settings(
        {
            "strategy": "exponential_backoff",
            "max_retry_count": "-1",
            "minimum_interval": "00:00:02",
            "maximum_interval": "00:01:00",
        }
    )
    pauses = [policy.pause(retry) for retry in range(1, 12)]
    assert all(2 <= pause <= 60 for pause in pauses)
    assert pauses[-1] == 60


def test_a_retry_interval_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(StartError, match="delay_interval"):
        RetryPolicy.from_settings({"strategy": "fixed_delay", "max_retry_count": "1"})
