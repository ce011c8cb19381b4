"""What a person sees of `dev.py` when things go wrong, and that nothing stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools import processes
from devtools.paths import ROOT
from devtools.ports import free_ports
from tests.support.programs import (
    call_dev,
    clean_environment,
    descendants,
    printed,
    start_dev,
    still_running,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for npm and node are shell scripts")


@dataclass(frozen=True, slots=True)
class Clone:
    """A copy of `dev.py` that installs nothing real: an empty lock, and stand-ins for node and npm on PATH."""

    root: Path
    programs: Path

    def npm_does(self, script: str) -> None:
        """Let `npm ci` be this shell script; it runs in the folder with package.json."""
        self._write("npm", script)

    def node_does(self, script: str) -> None:
        """Let node be this shell script, except for the question for its version."""
        self._write("node", f'if [ "$1" = --version ]; then echo v20.0.0; exit; fi\n{script}')

    def _write(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """PATH begins with the stand-ins."""
        return clean_environment(PATH=f"{self.programs}{os.pathsep}{os.environ['PATH']}")

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run `dev.py run` on free ports to its end."""
        return call_dev("run", *_free_port_flags(), root=self.root, environment=self.environment)


# What npm leaves behind when it succeeds: Azurite's program, here an empty one.
_NPM_SUCCEEDS = """
echo npm "$@" >> calls
mkdir -p node_modules/azurite/dist/src
: > node_modules/azurite/dist/src/azurite.js
"""


@pytest.fixture(scope="module")
def virtual_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one virtual environment for all clones of this module: it takes seconds."""
    folder = tmp_path_factory.mktemp("venv") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=100)
    return folder


@pytest.fixture
def clone(tmp_path: Path, virtual_environment: Path) -> Clone:
    """Give a clone in which `dev.py run` succeeds in installing and then fails in starting the storage."""
    root, programs = tmp_path / "clone", tmp_path / "programs"
    programs.mkdir()
    shutil.copytree(ROOT / "devtools", root / "devtools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dev.py", root)
    (root / "requirements-local.txt").write_text("# nothing\n", "utf-8")
    (root / "requirements-dev.txt").write_text("# nothing, too\n", "utf-8")
    azurite = root / "local" / "azurite"
    azurite.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "local" / "azurite" / name, azurite)
    (root / ".venv").symlink_to(virtual_environment)
    for stamp in virtual_environment.glob(".stamp-*"):
        stamp.unlink()
    made = Clone(root, programs)
    made.npm_does(_NPM_SUCCEEDS)
    made.node_does("echo no room for storage; exit 3")
    return made


def _free_port_flags() -> list[str]:
    first = free_ports(5)
    return ["--port", str(first), "--carrier-port", str(first + 1), "--storage-port", str(first + 2)]


@pytest.mark.parametrize(
    ("flag", "offset"),
    [("--port", 0), ("--carrier-port", 0), ("--storage-port", 0), ("--storage-port", 1), ("--storage-port", 2)],
)
def test_taken_port_is_named_with_the_flag_that_moves_it(flag: str, offset: int) -> None:
    first = free_ports(3)
    with socket.create_server(("127.0.0.1", first + offset)):
        # The last flag wins, so the other ports stay free ones.
        answer = call_dev("run", *_free_port_flags(), flag, str(first))
    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        f"Port {first + offset} is taken by another program: choose another one with {flag}."
    )


def test_two_parts_cannot_have_one_port() -> None:
    port = str(free_ports())
    answer = call_dev("run", *_free_port_flags(), "--port", port, "--carrier-port", port)
    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        f"Port {port} is wanted by --port and by --carrier-port: give them different ports."
    )


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "٧٠٧١"])
def test_what_is_not_a_port_is_refused(port: str) -> None:
    answer = call_dev("run", f"--port={port}")
    assert answer.returncode == 2
    assert "is not a port" in answer.stderr


def test_storage_needs_two_more_ports_after_its_first() -> None:
    answer = call_dev("run", "--storage-port", "65534")
    assert answer.returncode == 2
    assert "from 1 to 65533" in answer.stderr


def test_unknown_command_is_answered_with_those_there_are() -> None:
    answer = call_dev("runn")
    assert answer.returncode == 2
    assert all(command in answer.stderr for command in ("run", "test", "check", "bench", "lock"))


def test_unknown_benchmark_is_answered_with_those_there_are() -> None:
    answer = call_dev("bench", "nothing")
    assert answer.returncode == 1
    assert answer.stderr.strip().startswith("There is no benchmark 'nothing'; there are:")
    assert "start-up" in answer.stderr


def test_dev_needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-S", "-E", "dev.py", "--help"]  # -S: no site-packages
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr


def test_second_run_installs_nothing(clone: Clone) -> None:
    first, second = clone.run(), clone.run()
    assert "Python packages: installed" in first.stdout
    assert "Azurite: installed" in first.stdout
    assert "install" not in second.stdout
    calls = (clone.root / "local" / "azurite" / "calls").read_text("utf-8").splitlines()
    assert len(calls) == 1
    assert calls[0].startswith("npm ci ")


def test_two_first_runs_at_once_install_once(clone: Clone, tmp_path: Path) -> None:
    until_other_waits = f"until grep -q Waiting '{tmp_path}'/*.log; do sleep 0.1; done"
    clone.npm_does(f"{until_other_waits}\n{_NPM_SUCCEEDS}")
    flags = [_free_port_flags(), _free_port_flags()]
    runs = [
        start_dev("run", *some, log=tmp_path / f"{n}.log", root=clone.root, environment=clone.environment)
        for n, some in enumerate(flags)
    ]
    try:
        wait_until(lambda: not any(dev.is_running for dev in runs))
        assert all(printed(dev, "^The storage ended by itself") for dev in runs)
        assert len((clone.root / "local" / "azurite" / "calls").read_text("utf-8").splitlines()) == 1
    finally:
        processes.stop(runs)


def test_changed_lock_is_installed_again(clone: Clone) -> None:
    clone.run()
    lock = clone.root / "requirements-local.txt"
    lock.write_text(lock.read_text("utf-8") + "# changed\n", "utf-8")
    second = clone.run()
    assert "Python packages: installed" in second.stdout
    assert "Azurite: installed" not in second.stdout


def test_part_that_ends_by_itself_is_named_with_its_last_words(clone: Clone) -> None:
    answer = clone.run()
    assert answer.returncode == 1
    assert "The storage ended by itself (exit code 3)" in answer.stderr
    assert "no room for storage" in answer.stderr
    assert "Ready" not in answer.stdout


def test_failed_download_of_azurite_is_told_with_its_reason(clone: Clone) -> None:
    clone.npm_does("echo npm error network request to the registry failed >&2; exit 7")
    answer = clone.run()
    assert answer.returncode == 1
    assert "Azurite could not be installed (exit code 7)" in answer.stderr
    assert "install-azurite.log" in answer.stderr
    assert "network request to the registry failed" in answer.stderr


def test_failed_download_of_python_packages_is_told_with_its_reason(clone: Clone) -> None:
    lock = clone.root / "requirements-local.txt"
    lock.write_text("--no-index\nnot-a-package-of-any-index==1.0\n", "utf-8")
    answer = clone.run()
    assert answer.returncode == 1
    assert "Python packages could not be installed" in answer.stderr
    assert "not-a-package-of-any-index" in answer.stderr


def test_failed_installation_is_tried_again_by_the_next_run(clone: Clone) -> None:
    clone.npm_does("exit 7")
    clone.run()
    clone.npm_does(_NPM_SUCCEEDS)
    assert "Azurite: installed" in clone.run().stdout


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_signal_during_the_installation_leaves_no_process(clone: Clone, tmp_path: Path, by: signal.Signals) -> None:
    clone.npm_does("sleep 600 & wait")
    log = tmp_path / "dev.log"
    flags = _free_port_flags()
    dev = start_dev("run", *flags, log=log, root=clone.root, environment=clone.environment)
    try:
        wait_until(lambda: any(program.name() == "sleep" for program in descendants(dev)))
        assert printed(dev, "Azurite: installing")
        parts = descendants(dev)
        dev.process.send_signal(by)
        wait_until(lambda: not dev.is_running)
        assert not still_running(parts)
        assert dev.process.returncode == 0
    finally:
        processes.stop([dev])
