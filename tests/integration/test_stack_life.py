"""The whole stack as `python dev.py run` starts and stops it."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil

from devtools import processes
from devtools.paths import ROOT
from devtools.ports import free_ports
from tests.support.programs import clean_environment, descendants, printed, still_running
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


def test_stack_stops_when_nobody_reads_its_output_any_more() -> None:
    first = free_ports(5)
    ports = ["--port", str(first), "--carrier-port", str(first + 1), "--storage-port", str(first + 2)]
    with subprocess.Popen(
        [sys.executable, "dev.py", "run", *ports],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as dev:
        assert dev.stdout is not None
        assert dev.stderr is not None
        assert any(line.startswith("Ready") for line in dev.stdout)
        parts = psutil.Process(dev.pid).children(recursive=True)
        dev.stdout.close()
        # The host logs the request, and dev.py passes that on to a reader who has gone.
        urllib.request.urlopen(f"http://127.0.0.1:{first}/api/health", timeout=20).close()
        assert dev.wait(timeout=40) == 1
        assert dev.stderr.read() == ""
        assert not still_running(parts)


def _part(parts: list[psutil.Process], module: str) -> psutil.Process:
    return next(part for part in parts if module in part.cmdline())
