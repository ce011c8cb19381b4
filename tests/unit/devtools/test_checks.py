"""What `dev.py test` runs for which words."""

from __future__ import annotations

import pytest

from devtools import checks
from devtools.terminal import StopRequest


@pytest.mark.parametrize(
    ("words", "is_whole", "chosen"),
    [
        ([], True, []),
        (["--durations=5"], True, ["--durations=5"]),
        (["unit"], False, ["tests/unit"]),
        (["unit", "-x"], False, ["tests/unit", "-x"]),
        (["-k", "stop"], False, ["-k", "stop"]),
        (["tests/faults/test_poison.py"], False, ["tests/faults/test_poison.py"]),
    ],
)
def test_options_alone_are_for_the_whole_suite_which_leaves_out_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, words: list[str], is_whole: bool, chosen: list[str]
) -> None:
    commands: list[list[str]] = []

    def call(command: list[str]) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr(checks, "install", lambda *_, **__: None)
    monkeypatch.setattr(checks, "_call", call)
    assert checks.test(words, StopRequest()) == 0
    [command] = commands
    assert ("--ignore=tests/faults" in command) is is_whole
    assert command[len(command) - len(chosen) :] == chosen
