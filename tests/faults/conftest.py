"""What the fault tests share: a seed that is printed, and that `SMS_FAULTS_SEED` sets."""

from __future__ import annotations

import os
import secrets

import pytest


@pytest.fixture(scope="session")
def seed() -> int:
    """Give the seed of this run."""
    given = os.environ.get("FAULTS_SEED", "")
    return int(given) if given.isdecimal() else secrets.randbelow(1_000_000)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest, seed: int) -> object:
    """Give a way to print seed and counts although pytest captures what tests print."""

    def to_terminal(what: str) -> None:
        with capsys.disabled():
            print(f"\n  {request.node.name}: seed {seed}; {what}", flush=True)

    return to_terminal
