"""A short simulation, and what it is worth: it finds each promise that is broken on purpose, and repeats itself."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.ports.carrier import SendRequest, SendResult
from shared.ports.tables import EntityChanged
from shared.rules.holds import Hold
from shared.rules.pacing import Rate
from shared.rules.states import History
from shared.services import chunk_runs
from shared.services.activity import Activity, ActivityLog
from shared.services.batches import Batch, Batches
from shared.services.broken_uploads import BrokenUploads
from shared.services.daily_caps import DailyCaps
from shared.services.dispatch import Dispatch
from shared.services.ends import Ends
from shared.services.fence import Fence, Fences
from shared.services.lanes import Lane, Lanes
from shared.services.messages import Message
from shared.services.opt_outs import OptOuts
from shared.services.pacer import Pacer
from tests.simulation import callers
from tests.simulation.judge import Broken
from tests.simulation.run import run

_ROOT = Path(__file__).parents[2]


def _simulate(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run the command as its users do: without the test run's plugins, which slow it down."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("seed", [1_000, 2_000, 3_000])
def test_the_promises_hold_through_crashes_and_faults_in_thousands_of_messages(seed: int) -> None:
    done = _simulate("--messages", "6000", "--world", "3000", "--seed", str(seed))
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing broken" in done.stdout


def test_a_world_is_the_same_each_time_it_is_run() -> None:
    first, again = (
        _simulate("--messages", "1", "--world", "1500", "--seed", "7", hash_seed=one).stdout for one in ("1", "2")
    )
    trace = first.partition("trace ")[2][:8]
    assert len(trace) == 8
    assert again.partition("trace ")[2][:8] == trace


def _run_all(seeds: Sequence[int], messages: int) -> None:
    for seed in seeds:
        run(seed, messages)


def _expect(promise: str, seeds: Sequence[int], messages: int = 1_500) -> None:
    """The promise is found broken in one of the worlds; seeds begin where it is found now, to save time."""
    with pytest.raises(Broken) as broken:
        _run_all(seeds, messages)
    print(broken.value)
    assert promise in str(broken.value)
    assert "seed " in str(broken.value)


def test_a_fence_that_is_not_read_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def old(self: Fences, fence: Fence, sender: str, recipients: Sequence[str]) -> Fence:
        return Fence(fence.blocked)

    monkeypatch.setattr(Fences, "fresh", old)
    _expect("I1", range(1, 6))


def test_an_opt_out_that_the_fence_overlooks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(self: OptOuts, at: object) -> frozenset[str]:
        await left_since(self, at)
        return frozenset()

    left_since: Any = OptOuts.left_since
    monkeypatch.setattr(OptOuts, "left_since", nobody)
    _expect("I1", range(7, 27))


def test_a_repeat_that_the_carrier_does_not_know_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(self: MemoryCarrier, request: SendRequest) -> tuple[SendResult, ...]:
        self._answered.clear()
        results: tuple[SendResult, ...] = await send(self, request)
        return results

    send: Any = MemoryCarrier.send
    monkeypatch.setattr(MemoryCarrier, "send", forget)
    _expect("I2", range(1, 20))


def test_a_state_that_goes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "add", lambda _, step: History((step,)))
    _expect("I3", range(1, 6))


def test_a_pace_that_is_not_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rate: Any = Pacer._rate
    monkeypatch.setattr(Pacer, "_rate", lambda self, sender: Rate(3 * rate(self, sender).units))
    _expect("I4", range(5, 25))


def test_a_text_in_quiet_hours_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_runs, "next_allowed", lambda _to, at, _hours: at)
    _expect("I5", range(1, 20))


def test_work_that_nobody_wakes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Batches) -> AsyncIterator[Batch]:
        no_batches: Sequence[Batch] = ()
        for batch in no_batches:
            yield batch

    monkeypatch.setattr(Batches, "until_soon", nothing)
    _expect("I7", range(1, 20))


def test_a_batch_that_is_closed_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def close(self: Dispatch, batch: Batch, until_ms: int) -> None:
        await self._batches.close(batch)

    monkeypatch.setattr(Dispatch, "_put_back", close)
    _expect("I7", range(1, 20))


def test_an_upload_that_is_not_cleared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: BrokenUploads) -> int:
        return 0

    monkeypatch.setattr(BrokenUploads, "clear", nothing)
    monkeypatch.setattr(callers, "_TRIES", 1)
    _expect("I7", range(7, 27))


def test_a_text_that_the_daily_cap_does_not_count_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def grant(self: DailyCaps, holder: object, hold: object, wanted: int, *_: object) -> int:
        return wanted

    monkeypatch.setattr(DailyCaps, "_change", grant)
    _expect("Cap", range(1, 6))


def test_a_part_of_the_daily_cap_that_is_not_given_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(self: DailyCaps, holder: object, hold: Hold) -> Hold:
        return replace(hold, back=0)

    monkeypatch.setattr(DailyCaps, "give_back", keep)
    _expect("Cap", range(5_009, 5_010))


def test_a_report_that_is_not_counted_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget_reports(self: ActivityLog, activity: Activity) -> Activity:
        merged: Activity = activity if activity.step.code else await merge(self, activity)
        return merged

    merge: Any = ActivityLog.merge
    monkeypatch.setattr(ActivityLog, "merge", forget_reports)
    _expect("I8", range(1, 6))


# Worlds whose application has a webhook.
_WITH_WEBHOOK = (1, 2, 5, 6, 11, 12)


def test_a_lane_that_two_workers_have_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def anybody(self: Lanes, lane_id: str, *, again: bool = False) -> Lane | None:
        lane = await self.get(lane_id)
        if not lane.is_open:
            return None
        with contextlib.suppress(EntityChanged):
            return await self._save(replace(lane, lease_ms=self._lease_ms()))
        return None

    monkeypatch.setattr(Lanes, "take", anybody)
    _expect("Webhook: a notice came again", _WITH_WEBHOOK)


def test_an_end_that_is_not_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def after_the_first(self: Ends, messages: Sequence[Message]) -> None:
        await tell(self, messages[1:])

    tell: Any = Ends.tell
    monkeypatch.setattr(Ends, "tell", after_the_first)
    _expect("Webhook: it was not told", _WITH_WEBHOOK)
