"""The whole stack as `python dev.py run` starts and stops it."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

import psutil

from devtools import processes
from tests.support.programs import descendants, printed, still_running
from tests.support.stack import RunningStack, start_stack
from tests.support.waiting import wait_until


def test_ready_stack_answers_at_every_address_that_it_prints(stack: RunningStack) -> None:
    assert printed(stack.dev, rf"API +{stack.api}$")
    assert printed(stack.dev, rf"Phone page +{stack.carrier}/phones$")
    assert printed(stack.dev, rf"Storage +http://127.0.0.1:{stack.storage.blob} \(blob\)")
    for address in (f"{stack.api}/health", f"{stack.carrier}/phones"):
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert answer.status == 200
    assert stack.storage.answer()


def test_ctrl_c_stops_the_stack_whole(tmp_path: Path) -> None:
    stack = start_stack(tmp_path)
    stack.stop(signal.SIGINT)
    assert not stack.storage.answer()


def test_death_of_one_part_stops_the_rest_and_is_told(tmp_path: Path) -> None:
    stack = start_stack(tmp_path)
    try:
        parts = descendants(stack.dev)
        _part(parts, "local.carrier").kill()
        wait_until(lambda: not stack.dev.is_running)
        assert not still_running(parts)
        assert stack.dev.process.returncode == 1
        assert printed(stack.dev, r"^The carrier ended by itself \(exit code -9\)")
    finally:
        processes.stop([stack.dev], grace_seconds=40)


def _part(parts: list[psutil.Process], module: str) -> psutil.Process:
    return next(part for part in parts if module in part.cmdline())
