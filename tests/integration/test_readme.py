"""The first text and the campaign of README.md, done as it says, to the letter."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from devtools.paths import ROOT
from tests.support.programs import clean_environment
from tests.support.stack import RunningStack
from tests.support.waiting import wait_until

_SECTIONS = ("## A first text in a minute", "## A campaign in a minute")
_STEP = re.compile(r"^```sh\n(?P<commands>.*?)^```\n\n```json\n(?P<answer>.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\+1425555\d{4}")
# A proxy of the machine must not stand between us and loopback.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_DONE = "--- done ---"
# What differs from run to run: ids, and times.
_VARYING = (
    (r"[0-9a-f]{32}\.\d{14}-[0-9a-f-]{36}", "<message>"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (r"[0-9a-f]{32}", "<conversation>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What is typed, and what is then shown."""

    commands: str
    answer: str


@pytest.mark.parametrize("section", _SECTIONS)
def test_section_goes_as_it_says(section: str, stack: RunningStack) -> None:
    steps = _steps(section)
    assert [json.loads(step.answer) for step in steps], "the section has no steps"
    numbers = sorted(set(_NUMBER.findall(_text_of(section))))
    _let_the_numbers_be_new(stack, numbers)

    with _shell() as shell:
        for step in steps:
            typed = step.commands.replace("http://127.0.0.1:7071", stack.host)
            shown = _type(shell, typed.replace("http://127.0.0.1:7072", stack.carrier))
            assert _without_ids_and_times(shown) == _without_ids_and_times(step.answer), step.commands
            wait_until(lambda: _is_quiet(stack, numbers))


@pytest.mark.parametrize("section", _SECTIONS)
def test_section_shows_an_answer_to_every_command(section: str) -> None:
    assert _text_of(section).count("```sh\n") == len(_steps(section))


def _text_of(section: str) -> str:
    text = (ROOT / "README.md").read_text("utf-8")
    return text[text.index(section) :].partition("\n## ")[0]


def _steps(section: str) -> list[Step]:
    return [Step(match["commands"], match["answer"]) for match in _STEP.finditer(_text_of(section))]


@contextmanager
def _shell() -> Iterator[subprocess.Popen[str]]:
    """Give one shell, as a reader has one open."""
    with subprocess.Popen(
        [shutil.which("bash") or "bash", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1"),
    ) as shell:
        try:
            yield shell
        finally:
            shell.kill()


def _type(shell: subprocess.Popen[str], commands: str) -> str:
    assert shell.stdin
    assert shell.stdout
    shell.stdin.write(f"{commands}\necho; echo '{_DONE}'\n")
    shell.stdin.flush()
    shown: list[str] = []
    for line in iter(shell.stdout.readline, ""):
        if line.rstrip("\n") == _DONE:
            return "".join(shown).strip()
        shown.append(line)
    raise AssertionError(f"the shell ended: {''.join(shown)}")


def _without_ids_and_times(text: str) -> str:
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    return text.strip()


def _is_quiet(stack: RunningStack, numbers: Sequence[str]) -> bool:
    """Tell whether nothing is on its way to or from these handsets: the pause to look at the phone page."""
    campaigns = _call(f"{stack.api}/campaigns?maxpagesize=1")["value"]
    handsets = _call(f"{stack.carrier}/_carrier/handsets")["handsets"]
    texts = [text for handset in handsets if handset["number"] in numbers for text in handset["messages"]]
    events = _call(f"{stack.carrier}/_carrier/events")["value"]
    told = [(event["state"], str(event["event"]["data"])) for event in events]
    return (
        all(campaign["status"] != "running" for campaign in campaigns)
        and all(text["state"] != "onItsWay" for text in texts)
        and not any(
            state == "pending" and number.removeprefix("+") in data for state, data in told for number in numbers
        )
    )


def _let_the_numbers_be_new(stack: RunningStack, numbers: Sequence[str]) -> None:
    """Undo what other tests of this process may have left of the reader's numbers."""
    _call(f"{stack.api}/opt-outs/remove", json.dumps({"recipients": numbers}).encode())


def _call(url: str, body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with _HTTP.open(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
