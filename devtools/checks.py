"""`dev.py test`, `check`, `bench`, `simulate` and `lock`: what runs in `.venv` and ends by itself."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from devtools.install import Packages, install
from devtools.paths import AZURITE, ROOT, venv_program
from devtools.terminal import Problem, StopRequest, say, seconds_since

_WHOLE_SUITE = (
    "--numprocesses=2",
    "--cov",
    "--cov-report=term",
    "--ignore=tests/faults",
    "--ignore=tests/contract_api",
)


def test(arguments: Sequence[str], stop: StopRequest) -> int:
    """Run pytest and give its exit code: the whole suite with coverage, or what the arguments say.

    A word that is a folder of tests/ stands for that folder; everything else is passed on as it is. Options alone are
    for the whole suite.
    """
    install(Packages.DEVELOPMENT, stop, with_azurite=True)
    chosen = [f"tests/{word}" if (ROOT / "tests" / word).is_dir() else word for word in arguments]
    is_whole = all(word.startswith("-") for word in arguments)
    return _call(["python", "-m", "pytest", *(_WHOLE_SUITE if is_whole else ()), *chosen])


def check(stop: StopRequest) -> int:
    """Run all static checks, also after one has failed; 1 when any has."""
    install(Packages.DEVELOPMENT, stop, with_azurite=False)
    steps = {
        "lint": ["ruff", "check"],
        "format": ["ruff", "format", "--check"],
        "types": ["mypy"],
        "imports": ["lint-imports", "--no-logo"],
    }
    outcomes: list[str] = []
    for name, command in steps.items():
        say(f"== {name}: {' '.join(command)}")
        begun = time.monotonic()
        outcome = "ok" if _call(command) == 0 else "FAILED"
        outcomes.append(f"  {name:8} {outcome:7} {seconds_since(begun)}")
    say("\n".join(outcomes))
    return int(any("FAILED" in outcome for outcome in outcomes))


def bench(name: str, options: Sequence[str], stop: StopRequest) -> int:
    """Run one benchmark of bench/ with its options and give its exit code; Problem when there is none of that name."""
    module = name.replace("-", "_")
    known = sorted(file.stem.replace("_", "-") for file in (ROOT / "bench").glob("[a-z]*.py"))
    if name not in known:
        raise Problem(f"There is no benchmark {name!r}; there are: {', '.join(known)}.")
    install(Packages.DEVELOPMENT, stop, with_azurite=True)
    return _call(["python", "-m", f"bench.{module}", *options])


def simulate(messages: int, seed: int, stop: StopRequest) -> int:
    """Run the simulation of tests/simulation and give its exit code."""
    install(Packages.DEVELOPMENT, stop, with_azurite=False)
    return _call(["python", "-m", "tests.simulation", f"--messages={messages}", f"--seed={seed}"])


def lock(stop: StopRequest, *, upgrade: bool) -> int:
    """Write the lock files anew from the .in files; versions stay where they can, unless `upgrade`."""
    install(Packages.DEVELOPMENT, stop, with_azurite=False)
    for source in (
        ROOT / "requirements.in",
        ROOT / "requirements-local.in",
        ROOT / "requirements-dev.in",
        AZURITE / "requirements.in",
    ):
        if code := _call(_compile(source, upgrade=upgrade)):
            return code
        say(f"  {source.with_suffix('.txt').relative_to(ROOT)} is up to date")
    return 0


def _compile(source: Path, *, upgrade: bool) -> list[str]:
    """Give the command that locks one file for every system, without traces of this machine."""
    names = [str(file.relative_to(ROOT)) for file in (source, source.with_suffix(".txt"))]
    flags = ["--quiet", "--universal", "--python-version=3.11", "--generate-hashes"]
    # An older pip looks for the newest `coverage[toml]`, and refuses it, where the lock says `coverage` alone.
    flags += ["--no-strip-extras"]
    flags += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command=python dev.py lock"]
    flags += ["--upgrade"] if upgrade else []
    return ["uv", "pip", "compile", *flags, names[0], "--output-file", names[1]]


def _call(command: Sequence[str]) -> int:
    """Run a program of `.venv` in the foreground, in the project's folder; give its exit code."""
    return subprocess.run([venv_program(command[0]), *command[1:]], cwd=ROOT, check=False).returncode
