"""What the fault tests share: a seed, and a way to print it with what was counted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """Give the seed of this run: the variable FAULTS_SEED, else the seed of the order of the tests."""
    if os.environ.get("FAULTS_SEED", "").isdecimal():
        return int(os.environ["FAULTS_SEED"])
    given = pytestconfig.getoption("randomly_seed", default=None)
    return given if isinstance(given, int) else secrets.randbelow(2**32)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, seed: int) -> Callable[[str], None]:
    """Give a way to print the seed and counts although pytest captures what tests print."""

    def to_terminal(what: str) -> None:
        with capsys.disabled():
            print(f"\n  {request.node.name}: seed {seed}; {what}", flush=True)

    return to_terminal
