"""Runs schemathesis against the running stack, and counts what came back."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from devtools.paths import ROOT, venv_program
from tests.support.keyed_hosts import keyed_host
from tests.support.stack import RunningStack
from tests.support.waiting import wait_until

_KEY = "key-of-the-host"
_KEYS = {"master": "key-of-the-app", "host": {"default": _KEY}, "functions": {}, "system": {}}
_CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
_THINGS = 8
_NUMBER = "+14255550123"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, what it printed, and one line per answer as `hooks.py` wrote it."""

    exit_code: int
    printed: str
    answers: Sequence[Mapping[str, Any]]
    document: Mapping[str, Any]

    @property
    def statuses(self) -> Mapping[int, int]:
        """Return how often each status came."""
        return dict(sorted(Counter(one["status"] for one in self.answers).items()))

    @property
    def server_errors(self) -> Sequence[Mapping[str, Any]]:
        """Return the answers 5xx."""
        return [one for one in self.answers if one["status"] >= 500]

    @property
    def undocumented(self) -> Sequence[Mapping[str, Any]]:
        """Return the answers of a status that the document does not have; 405 is for methods that are not in it."""
        return [one for one in self.answers if str(one["status"]) not in self._documented(one)]

    @property
    def never_successful(self) -> set[str]:
        """Return the operations that no request got through to."""
        done = {one["operation"] for one in self.answers if one["status"] < 300}
        return {
            f"{method.upper()} {path}"
            for path, item in self.document["paths"].items()
            for method in item
            if method != "parameters"
        } - done

    def _documented(self, answer: Mapping[str, Any]) -> set[str]:
        item = self.document["paths"][answer["operation"].partition(" ")[2]]
        operation = item.get(answer["method"].lower())
        return set(operation["responses"]) if operation else {"405"}


def run_schemathesis(stack: RunningStack, folder: Path, *, seed: int, cases: int, phases: str) -> Outcome:
    """Run it with all checks against a host that asks for keys.

    Args:
        stack: the running stack.
        folder: for what is written.
        seed: of the random choices.
        cases: at most, per operation, in the phase `fuzzing`; the others make as many as the document has to try.
        phases: which of examples, coverage, fuzzing and stateful, with commas.
    """
    record, document = folder / "record.jsonl", folder / "openapi.json"
    with keyed_host(stack, folder, _KEYS) as url:
        document.write_bytes(_get(f"{url}/api/openapi.json"))
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.contract_api.hooks",
            "CONTRACT_KEY": _KEY,
            "CONTRACT_RECORD": str(record),
            "CONTRACT_IDS": json.dumps(_things(stack, f"{url}/api")),
        }
        command = [
            str(venv_program("st")),
            f"--config-file={_CONFIGURATION}",
            "run",
            str(document),
            f"--url={url}/api",
            "--checks=all",
            f"--phases={phases}",
            f"--seed={seed}",
            f"--max-examples={cases}",
            "--generation-database=none",
            "--no-color",
        ]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    return Outcome(done.returncode, done.stdout + done.stderr, answers, json.loads(document.read_text("utf-8")))


def _things(stack: RunningStack, api: str) -> Mapping[str, Sequence[str]]:
    """Make some of all that has an id; return the ids by collection."""
    times = [None, "2999-01-01T00:00:00Z"] * (_THINGS // 2)
    texts = [_post(f"{api}/messages", {"to": _NUMBER, "text": "Hello", "sendAt": at}) for at in times]
    campaign = {"name": "Contract", "text": "Hello", "recipients": [{"to": _NUMBER}, {"to": "5"}]}
    poison = QueueClient.from_connection_string(
        stack.storage.connection_string, "sms-sends-poison", message_encode_policy=TextBase64EncodePolicy()
    )
    with poison:
        with suppress(ResourceExistsError):
            poison.create_queue()
        for number in range(_THINGS):
            poison.send_message(f'{{"batch": "9820464920484{number}"}}')
    wait_until(lambda: len(_ids(f"{api}/failures")) >= _THINGS, 60)
    return {
        "messages": [text["value"][0]["id"] for text in texts],
        "campaigns": [_post(f"{api}/campaigns", campaign)["id"] for _ in range(_THINGS)],
        "conversations": _ids(f"{api}/conversations"),
        "failures": _ids(f"{api}/failures"),
    }


def _ids(url: str) -> Sequence[str]:
    return [one["id"] for one in json.loads(_get(url))["value"]]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"x-functions-key": _KEY})) as answer:
        return bytes(answer.read())


def _post(url: str, body: object) -> Any:
    headers = {"x-functions-key": _KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())
