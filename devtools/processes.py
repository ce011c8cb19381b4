"""Child processes that are started in a group of their own and end as a group."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import ROOT, WINDOWS

GRACE_SECONDS = 8.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Child:
    """A running program with everything that it starts, and the file that takes what it prints."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        """Tell whether the program itself still runs."""
        return self.process.poll() is None

    def last_lines(self, count: int = 15) -> str:
        """Give the end of the log, indented, for a message about its death."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-count:])


def start(
    name: str,
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> Child:
    """Start a program in its own process group; what it prints goes to `log`, which is begun anew."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=folder,
            start_new_session=not WINDOWS,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    return Child(name, process, log)


def stop(children: Sequence[Child], grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask all groups to end, wait for them, and kill what is left of them."""
    for child in children:
        _ask_to_end(child)
    deadline = time.monotonic() + grace_seconds
    for child in children:
        _wait_until(lambda child=child: not _group_is_alive(child), deadline)  # type: ignore[misc]  # mypy cannot type a default in a lambda
        _kill(child)
        child.process.wait()


def _wait_until(condition: Callable[[], bool], deadline: float) -> None:
    while not condition() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _ask_to_end(child: Child) -> None:
    """Send the polite signal: SIGTERM to the group, Ctrl-Break on Windows."""
    try:
        if WINDOWS:
            child.process.send_signal(signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]  # Windows only
        else:
            os.killpg(child.process.pid, signal.SIGTERM)
    except OSError:
        return  # it has ended by itself


def _kill(child: Child) -> None:
    """End what the polite signal did not end."""
    try:
        if WINDOWS:
            taskkill = ["taskkill", "/F", "/T", "/PID", str(child.process.pid)]
            subprocess.run(taskkill, capture_output=True, check=False)
        else:
            os.killpg(child.process.pid, signal.SIGKILL)
    except OSError:
        return  # nothing was left


def _group_is_alive(child: Child) -> bool:
    """Tell whether any process of the group is left, the program itself included."""
    if child.is_running:
        return True
    if WINDOWS:
        return False
    try:
        os.killpg(child.process.pid, 0)
    except OSError:
        return False
    return True
