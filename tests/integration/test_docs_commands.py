"""The commands of the pages, done as they are against the running stack. (README.md has test_readme.py.)"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import ROOT
from tests.support.pages import Block, blocks, pages
from tests.support.programs import clean_environment
from tests.support.stack import RunningStack

# Commands that no test of this file runs, and why.
NOT_RUN = {
    "README.md: python dev.py run": "the stack of these tests is started with it",
    "CONTRIBUTING.md: python dev.py check": "whoever runs this test runs them",
    "tests/simulation/README.md: python dev.py simulate                      # 1,000,000 messages": "takes hours; "
    "tests/simulation/test_simulation.py runs a short one",
}
_OF_TEST_README = "README.md: "
# What each block must print, by its name.
SHOWS = {
    'docs/api.md: curl -s "http://127.0.0.1:7071/api/campaigns?name=Spring&text=Hello%20%7B%7Bname%7D%7D'
    '&sendAt=2026-11-23T17:00:00Z" \\': r'"recipients":2.*"recipients":2',
    "docs/api.md: printf 'recipient\\n+14255550177\\n' | curl -s http://127.0.0.1:7071/api/opt-outs/add \\": (
        r'"changed":\d,"unchanged":\d'
    ),
    "docs/api.md: curl -s http://127.0.0.1:7071/api/openapi.json": r'"openapi":\s*"3\.1',
    "docs/cost.md: python docs/cost.py texts=1000000 price=0.05 surcharge=0": r"50,000  Segments sent",
    "docs/events.md: curl -s http://127.0.0.1:7072/_carrier/relayed": r'"value"',
    "docs/events.md: curl -s http://127.0.0.1:7072/_carrier/posted": r'"value"',
    "docs/migration.md: import json": r"'status': '(running|done)'",
    "docs/migration.md: printf 'recipient,since\\n+14255550177,2026-01-31T09:00:00Z\\n' | curl -s "
    "http://127.0.0.1:7071/api/opt-outs/add \\": r'"changed":\d,"unchanged":\d',
    "docs/migration.md: curl -s http://127.0.0.1:7071/api/opt-outs/check -H 'Content-Type: application/json' \\": (
        r'"httpStatusCode":200,"isOptedOut":(true|false)'
    ),
    "docs/migration.md: curl -s http://127.0.0.1:7071/api/messages -H 'Content-Type: application/json' "
    "-H 'Idempotency-Key: order-4711' \\": r'"state":"sent"',
    "docs/privacy.md: number=+14255550123 sender=+18005550100": r'"to":"\+14255550123"',
    "docs/privacy.md: curl -s http://127.0.0.1:7071/api/opt-outs/history -H 'Content-Type: application/json' \\": (
        r'"value":\['
    ),
    'docs/privacy.md: campaigns=$(curl -s "http://127.0.0.1:7071/api/campaigns?maxpagesize=1000" \\': (
        r"^\d+,'\+14255550123,\w+"
    ),
    "docs/privacy.md: curl -s http://127.0.0.1:7071/api/opt-outs/add -H 'Content-Type: application/json' \\": (
        r'"to":"\+14255550123","httpStatusCode":200'
    ),
}
_NUMBERS = ["+14255550123", "+14255550151", "+14255550177"]
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _blocks() -> Iterator[Block]:
    for page in pages():
        for block in blocks(page):
            if block.language in {"sh", "python"}:
                yield block


# The checks of a signature only define a function: tests/unit/test_docs_of_commands.py and _of_events.py call it.
_CHECKS = ("docs/migration.md: import base64", "docs/events.md: import base64")
RUN = [block for block in _blocks() if not block.name.startswith((_OF_TEST_README, *_CHECKS))]


@pytest.fixture(scope="module")
def stack_with_a_past(stack: RunningStack) -> Iterator[RunningStack]:
    """Give the stack with a text and a campaign to the number of the pages, and leave nothing that waits."""
    _call(stack, "opt-outs/remove", {"recipients": _NUMBERS})
    _call(stack, "messages", {"to": _NUMBERS[0], "text": "Your table is ready."})
    there = {one["id"] for one in _call(stack, "campaigns?maxpagesize=1000")["value"]}
    _call(stack, "campaigns", {"name": "Past", "text": "Hello", "recipients": [{"to": _NUMBERS[0]}]})
    try:
        yield stack
    finally:
        for campaign in _call(stack, "campaigns?maxpagesize=1000")["value"]:
            if campaign["id"] not in there:
                _call(stack, f"campaigns/{campaign['id']}/cancel", {})
        _call(stack, "opt-outs/remove", {"recipients": _NUMBERS})


@pytest.mark.parametrize("block", [pytest.param(one, id=one.name[:60]) for one in RUN])
def test_command_prints_what_it_should(block: Block, stack_with_a_past: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("to,name\n+14255550154,Ann\n+14255550155,Bob\n", "utf-8")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    done = _run(block, stack_with_a_past, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(SHOWS[block.name], done.stdout, re.MULTILINE | re.DOTALL), done.stdout[:2000]


def test_every_command_is_run_or_excused_by_name() -> None:
    assert {block.name for block in RUN} == set(SHOWS)
    assert {block.name for page in pages() for block in blocks(page) if block.language == "console"} == set(NOT_RUN)


def _run(block: Block, stack: RunningStack, folder: Path) -> subprocess.CompletedProcess[str]:
    text = block.text.replace("http://127.0.0.1:7071", stack.host).replace("http://127.0.0.1:7072", stack.carrier)
    command = [sys.executable, "-c", text] if block.language == "python" else ["bash", "-ec", text]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = clean_environment(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1", PATH=path)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _call(stack: RunningStack, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode() if body else b""
    headers = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(f"{stack.api}/{path}", data, headers)
    with _HTTP.open(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
