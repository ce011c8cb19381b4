"""The first text of README.md, done as it says, to the letter."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from devtools.paths import ROOT
from tests.support.programs import clean_environment
from tests.support.stack import RunningStack
from tests.support.waiting import wait_until

_SECTION = "## A first text in a minute"
_STEP = re.compile(r"^```sh\n(?P<commands>.*?)^```\n\n```json\n(?P<answer>.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = "+14255550123"
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


def test_first_text_goes_as_the_readme_says(stack: RunningStack) -> None:
    steps = _steps()
    assert [json.loads(step.answer) for step in steps], "the section has no steps"
    _let_the_number_be_new(stack)

    with _shell() as shell:
        for step in steps:
            typed = step.commands.replace("http://127.0.0.1:7071", stack.host)
            shown = _type(shell, typed.replace("http://127.0.0.1:7072", stack.carrier))
            assert _without_ids_and_times(shown) == _without_ids_and_times(step.answer), step.commands
            wait_until(lambda: _is_quiet(stack))


def test_section_shows_an_answer_to_every_command() -> None:
    assert _section().count("```sh\n") == len(_steps())


def _section() -> str:
    text = (ROOT / "README.md").read_text("utf-8")
    return text[text.index(_SECTION) :].partition("\n## ")[0]


def _steps() -> list[Step]:
    return [Step(match["commands"], match["answer"]) for match in _STEP.finditer(_section())]


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


def _is_quiet(stack: RunningStack) -> bool:
    """Tell whether nothing is on its way to or from the reader's handset: the pause to look at the phone page."""
    handsets = _call(f"{stack.carrier}/_carrier/handsets")["handsets"]
    texts = [text for handset in handsets if handset["number"] == _NUMBER for text in handset["messages"]]
    events = _call(f"{stack.carrier}/_carrier/events")["value"]
    ours = [event for event in events if _NUMBER.removeprefix("+") in str(event["event"]["data"])]
    return all(text["state"] != "onItsWay" for text in texts) and all(event["state"] != "pending" for event in ours)


def _let_the_number_be_new(stack: RunningStack) -> None:
    """Undo what other tests of this process may have left of the reader's number."""
    _call(f"{stack.api}/opt-outs/remove", json.dumps({"recipients": [_NUMBER]}).encode())


def _call(url: str, body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with _HTTP.open(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
