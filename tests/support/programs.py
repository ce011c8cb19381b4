"""Running `dev.py` as a person does: in a process of its own, until it ends or is ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

from devtools import processes
from devtools.paths import ROOT

# What a developer may have set must not change what the tests run.
_OUR_SETTINGS = ("SMS_", "ACS_", "AZUREWEBJOBS", "AZUREFUNCTIONS", "FUNCTIONS_")


def clean_environment(**extra: str) -> dict[str, str]:
    """Give this process's environment without settings of the app, with `extra` on top."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OUR_SETTINGS)}
    return {**kept, **extra}


def call_dev(
    *arguments: str, root: Path = ROOT, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `dev.py` of a clone to its end and give its exit code and what it printed."""
    return subprocess.run(
        [sys.executable, "dev.py", *arguments],
        cwd=root,
        env=clean_environment() if environment is None else environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def start_dev(
    *arguments: str, log: Path, root: Path = ROOT, environment: dict[str, str] | None = None
) -> processes.Child:
    """Start `dev.py` of a clone; what it prints goes to `log`."""
    command = [sys.executable, "dev.py", *arguments]
    return processes.start("dev.py", command, log, environment or clean_environment(), root)


def printed(child: processes.Child, pattern: str) -> re.Match[str] | None:
    """Look for a line that matches in what a program has printed so far."""
    return re.search(pattern, child.log.read_text("utf-8", errors="replace"), re.MULTILINE)


def descendants(child: processes.Child) -> list[psutil.Process]:
    """Give all programs that a program has started, and those that they have started."""
    return psutil.Process(child.process.pid).children(recursive=True)


def still_running(programs: list[psutil.Process], within_seconds: float = 3) -> list[psutil.Process]:
    """Give those that do not end in the time given."""
    return psutil.wait_procs(programs, timeout=within_seconds)[1]
