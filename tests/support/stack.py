"""The whole local stack for tests: `python dev.py run` on free ports, as a person starts it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools import processes
from devtools.azurite import StoragePorts
from devtools.paths import LOGS
from devtools.ports import free_ports
from tests.support.programs import descendants, printed, start_dev, still_running
from tests.support.waiting import wait_until

_START_SECONDS = 110
_STOP_SECONDS = 40


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that answers: where its parts are, and the process of `dev.py`."""

    api_port: int
    carrier_port: int
    storage: StoragePorts
    dev: processes.Child

    @property
    def host(self) -> str:
        """The base URL of the functions host, without `/api`."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def api(self) -> str:
        """The base URL of the API, `/api` included."""
        return f"{self.host}/api"

    @property
    def carrier(self) -> str:
        """The base URL of the carrier: `/_carrier`, `/phones`, `/sms`."""
        return f"http://127.0.0.1:{self.carrier_port}"

    @property
    def output(self) -> str:
        """What `dev.py` has printed so far, and the ends of the parts' logs."""
        logs = [self.dev.log, *sorted((LOGS / str(self.api_port)).glob("*.log"))]
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-60:]) for log in logs
        )

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait; AssertionError when the exit code is not 0 or anything is left running."""
        parts = descendants(self.dev)
        self.dev.process.send_signal(by)
        try:
            wait_until(lambda: not self.dev.is_running, _STOP_SECONDS)
            left = still_running(parts)
            assert not left, f"left running after {by.name}: {left}"
            assert self.dev.process.returncode == 0, f"exit code {self.dev.process.returncode}\n{self.output}"
        finally:
            processes.stop([self.dev])
            shutil.rmtree(LOGS / str(self.api_port), ignore_errors=True)


def start_stack(folder: Path) -> RunningStack:
    """Start a stack and wait for its Ready line; AssertionError with all logs when it does not come."""
    first = free_ports(5)
    api, carrier, storage = first, first + 1, StoragePorts(first + 2)
    flags = ["--port", str(api), "--carrier-port", str(carrier), "--storage-port", str(storage.blob), "--webhook"]
    dev = start_dev("run", *flags, log=folder / "dev.log")
    stack = RunningStack(api, carrier, storage, dev)
    try:
        wait_until(lambda: printed(dev, "^Ready") or not dev.is_running, _START_SECONDS)
        assert dev.is_running, "dev.py ended by itself"
    except BaseException as failure:
        failure.add_note(stack.output)
        processes.stop([dev], _STOP_SECONDS)
        raise
    return stack


@contextmanager
def running_stack(folder: Path) -> Iterator[RunningStack]:
    """Run a stack with its log in this folder, and stop it in the end."""
    stack = start_stack(folder)
    try:
        yield stack
    finally:
        stack.stop()
