"""Gets what the commands need: `.venv` with the locked packages, and Azurite. Quick when it is all there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from devtools import azurite, processes
from devtools.node import find_node, node_environment
from devtools.paths import AZURITE, LOGS, ROOT, VENV, venv_program
from devtools.terminal import Problem, StopRequest, say, seconds_since
from devtools.turns import my_turn


class Packages(Enum):
    """Which locked packages a command needs; each lock file holds those of the ones before it."""

    LOCAL = "requirements-local.txt"
    DEVELOPMENT = "requirements-dev.txt"

    @property
    def lock(self) -> Path:
        """The lock file."""
        return ROOT / self.value


@dataclass(frozen=True, slots=True)
class Step:
    """Something to install: its name, its command, and the stamp that is left when it is done."""

    name: str
    command: Sequence[str | Path]
    stamp: Path
    fingerprint: str
    folder: Path = ROOT
    environment: Mapping[str, str] | None = None

    @property
    def log(self) -> Path:
        """The file that takes what the command prints."""
        return LOGS / f"install-{self.name.lower().replace('.', '').replace(' ', '-')}.log"


def install(packages: Packages, stop: StopRequest, *, with_azurite: bool) -> None:
    """Install what is missing; Problem in one sentence when something cannot be had."""
    if _is_all_installed(packages, with_azurite=with_azurite):
        return
    with my_turn(stop):
        _install(packages, stop, with_azurite=with_azurite)


def _install(packages: Packages, stop: StopRequest, *, with_azurite: bool) -> None:
    wants_packages = not _packages_are_installed(packages)
    wants_azurite = with_azurite and not _azurite_is_installed()
    wants_node = wants_azurite and find_node() is None
    if wants_packages or wants_node:
        _make_venv(stop)
    if wants_node:
        _carry_out([_node_step()], stop)
    steps = [_packages_step(packages)] if wants_packages else []
    _carry_out([*steps, _azurite_step()] if wants_azurite else steps, stop)


def _is_all_installed(packages: Packages, *, with_azurite: bool) -> bool:
    return _packages_are_installed(packages) and (not with_azurite or _azurite_is_installed())


def _packages_are_installed(packages: Packages) -> bool:
    enough = [packages] if packages is Packages.DEVELOPMENT else list(Packages)
    return any(_is_done(_packages_step(one)) for one in enough) and venv_program("python").exists()


def _azurite_is_installed() -> bool:
    stamp = AZURITE / "node_modules" / ".stamp"
    return azurite.SCRIPT.exists() and _is_stamped(stamp, _fingerprint(AZURITE / "package-lock.json"))


def _is_done(step: Step) -> bool:
    return _is_stamped(step.stamp, step.fingerprint)


def _is_stamped(stamp: Path, fingerprint: str) -> bool:
    return stamp.exists() and stamp.read_text("utf-8") == fingerprint


def _fingerprint(lock: Path) -> str:
    """Give a hash of a lock file and of where it is installed: a clone that was moved installs anew."""
    return hashlib.sha256(lock.read_bytes() + str(ROOT).encode()).hexdigest()


def _packages_step(packages: Packages) -> Step:
    return Step(
        name="Python packages",
        command=[*_pip_install(), packages.lock],
        stamp=VENV / f".stamp-{packages.name.lower()}",
        fingerprint=_fingerprint(packages.lock),
    )


def _node_step() -> Step:
    lock = AZURITE / "requirements.txt"
    return Step("Node.js", [*_pip_install(), lock], VENV / ".stamp-node", _fingerprint(lock))


def _pip_install() -> list[str | Path]:
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [venv_program("python"), "-m", "pip", "install", *quiet, "--requirement"]


def _azurite_step() -> Step:
    node = find_node()
    if node is None:
        raise Problem(f"Node.js was installed but is not in {VENV}: remove that folder and try again.")
    return Step(
        name="Azurite",
        command=[*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        stamp=AZURITE / "node_modules" / ".stamp",
        fingerprint=_fingerprint(AZURITE / "package-lock.json"),
        folder=AZURITE,
        environment=node_environment(),
    )


def _make_venv(stop: StopRequest) -> None:
    """Make `.venv`, unless there is one whose Python works and is new enough."""
    if _venv_works():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    stamp = VENV / ".stamp-venv"
    _carry_out([Step("Virtual environment", [sys.executable, "-m", "venv", VENV], stamp, sys.version)], stop)


def _venv_works() -> bool:
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        command = [str(venv_program("python")), "-c", question]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _carry_out(steps: Sequence[Step], stop: StopRequest) -> None:
    """Run the steps side by side and stamp those that succeed; when one fails, end the others."""
    begun = time.monotonic()
    running: dict[processes.Child, Step] = {}
    try:
        for step in steps:
            say(f"  {step.name}: installing …")
            step.stamp.unlink(missing_ok=True)
            running[_start(step)] = step
        while running:
            for child in [child for child in running if not child.is_running]:
                _finish(child, running.pop(child), begun)
            stop.pause(0.1)
    finally:
        processes.stop(list(running))


def _start(step: Step) -> processes.Child:
    try:
        return processes.start(step.name, step.command, step.log, step.environment, step.folder)
    except OSError as error:
        raise Problem(f"{step.name} could not be installed: {step.command[0]} does not start ({error}).") from error


def _finish(child: processes.Child, step: Step, begun: float) -> None:
    if child.process.returncode != 0:
        raise Problem(
            f"{step.name} could not be installed (exit code {child.process.returncode}); the end of "
            f"{step.log.relative_to(ROOT)} says:\n{child.last_lines(5)}"
        )
    step.stamp.write_text(step.fingerprint, "utf-8")
    say(f"  {step.name}: installed in {seconds_since(begun)}")
