"""Every fenced block of every page: each has a language, and each language is held to something."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from devtools.paths import ROOT
from docs import reference
from shared.edges.api_models import SendRequest
from shared.edges.invocations import LINE, Invocation, Trigger
from shared.edges.settings import Settings
from shared.rules.signatures import parse_secrets, signature_headers
from shared.services.opt_out_lists import CSV_HEADER
from tests.support.pages import DOCS, Block, blocks, pages

BLOCKS = [block for page in pages() for block in blocks(page)]
# What a block's language is held to, and where.
LANGUAGES = {
    "json": "read here; its fields by tests of the API, of events and of README",
    "jsonc": "schemas of notices, made from the code and held to what is told by test_docs_of_events.py",
    "mermaid": "test_docs.py",
    "sh": "done against the local stack by tests/integration/test_docs_commands.py and test_readme.py",
    "console": "named with the reason why it is not run in NOT_RUN of tests/integration/test_docs_commands.py",
    "azurecli": "parsed here, its names held to the Bicep files and to the code; it cannot run without Azure",
    "ini": "settings, read by Settings here",
    "csv": "read here",
    "http": "its headers and its signature's form are held to the code here",
    "text": "the line of an invocation, held to the code here",
    "kusto": "what it looks for in a line, and the tables, are held to the code here",
    "python": "done here, or by tests/integration/test_docs_commands.py",
}
_TOOLS = {"az", "azd", "func", "curl"}
_NO_COUNTS = {"outcome", "ms"}
_BUILT_IN_ROLE = re.compile(r'--role "([^"]+)"')


def _of(language: str) -> list[Any]:
    return [pytest.param(block, id=block.name) for block in BLOCKS if block.language == language]


def test_every_block_has_a_language_that_is_held_to_something() -> None:
    assert [block.name for block in BLOCKS if block.language not in LANGUAGES] == [], LANGUAGES


@pytest.mark.parametrize("block", _of("json"))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", [*_of("sh"), *_of("console"), *_of("azurecli")])
def test_commands_are_what_a_shell_can_read(block: Block) -> None:
    text = re.sub(r"<[A-Za-z ]+>", "placeholder", block.text)
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)  # noqa: S607
    assert (done.returncode, done.stderr) == (0, "")


def _fields(line: str) -> list[str]:
    return re.findall(r"(\w+)=", line)


@pytest.mark.parametrize("block", _of("text"))
def test_the_line_of_an_invocation_is_as_it_is_logged(block: Block) -> None:
    line = block.text.strip()
    told = dict(part.split("=") for part in line.removeprefix(LINE % "").split(" "))
    counts = Counter({name: int(value) for name, value in told.items() if value.isdigit() and name not in _NO_COUNTS})
    shown = Invocation(told["function"], Trigger(told["trigger"]), outcome=told["outcome"], counts=counts)
    shown.request_id, shown.trace_id = told["request"], told["trace"]
    assert LINE % shown.line(int(told["ms"])) == line


@pytest.mark.parametrize("block", _of("kusto"))
def test_a_query_looks_for_what_is_logged(block: Block) -> None:
    logged = _fields(Invocation("f", Trigger.HTTP, error="e", request_id="r", trace_id="t").line(1))
    assert set(_fields(re.sub(r"let \w+ =", "", block.text))) <= set(logged)
    assert LINE % "" in block.text
    assert set(re.findall(r"App[A-Z]\w+", block.text)) <= {"AppTraces", "AppRequests", "AppDependencies"}


@pytest.mark.parametrize("block", _of("ini"))
def test_settings_are_taken_by_the_app(block: Block) -> None:
    values = dict(line.split("=", 1) for line in block.text.splitlines() if line)
    Settings.from_environment({**reference.LEAST, **values})


def test_the_example_of_senders_is_taken_by_the_app() -> None:
    [block] = [one for one in BLOCKS if one.page == "docs/settings.md" and one.language == "json"]
    settings = Settings.from_environment({**reference.LEAST, "SMS_SENDERS": " ".join(block.text.split())})
    assert len(settings.senders) == 3


@pytest.mark.parametrize("block", _of("csv"))
def test_files_have_the_columns_that_the_app_writes(block: Block) -> None:
    header, *rows = csv.reader(io.StringIO(block.text))
    assert tuple(header) in {tuple(CSV_HEADER), ("row", "to", "state", "reason", "choice", "id")}
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("block", _of("http"))
def test_a_posted_notice_has_the_headers_of_the_code(block: Block) -> None:
    head, _, body = block.text.partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    made = signature_headers([b"k" * 24], headers["webhook-id"], 0, body.encode())
    assert made.keys() < headers.keys()
    assert re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", headers["webhook-signature"])
    assert json.loads(body).keys() == {"type", "timestamp", "data"}


def test_the_check_of_a_signature_takes_what_the_app_signs_and_nothing_else() -> None:
    is_genuine = _defined("docs/migration.md: import base64", "is_genuine")
    secret, other = "whsec_" + "c2VjcmV0" * 4, "whsec_" + "b3RoZXIx" * 4
    body, now = b'{"type":"Sms.TextReceived"}', int(time.time())
    signed = signature_headers(parse_secrets(f"{other} {secret}"), "id", now, body)

    assert is_genuine(secret, signed, body)
    assert not is_genuine(secret, signed, body + b" ")
    assert not is_genuine("whsec_" + "bm9ib2R5" * 4, signed, body)
    assert not is_genuine(secret, signed | {"webhook-id": "another"}, body)
    assert not is_genuine(secret, signature_headers(parse_secrets(secret), "id", now - 301, body), body)


@pytest.mark.parametrize("block", _of("azurecli"))
def test_lines_for_azure_begin_with_a_tool_or_set_a_variable(block: Block) -> None:
    lines = block.text.replace("\\\n", " ").splitlines()
    words = [shlex.split(re.sub(r"\$\(([^)]*)\)", r"\1", line))[0] for line in lines if line]
    assert [word for word in words if word not in _TOOLS and not re.match(r"[a-z_]+=", word)] == []


def test_roles_that_azure_is_asked_for_are_those_of_the_template() -> None:
    template = (ROOT / "infra" / "core" / "roles.bicep").read_text("utf-8")
    given = {role.replace(" ", "").lower() for block in BLOCKS for role in _BUILT_IN_ROLE.findall(block.text)}
    assert given
    assert given <= {name.lower() for name in re.findall(r"^var (\w+) = '", template, re.MULTILINE)}


def test_settings_that_azd_is_given_are_read_by_the_template() -> None:
    given = set(re.findall(r"^azd env set (\w+)", _azure(), re.MULTILINE))
    read = re.findall(r"readEnvironmentVariable\('(\w+)'", (ROOT / "infra/core/main.bicepparam").read_text("utf-8"))
    assert given
    assert given <= set(read)


def test_values_that_azd_is_given_start_the_app() -> None:
    lines = [shlex.split(line) for line in _azure().splitlines() if line.startswith("azd env set SMS_")]
    known = {field.alias for field in Settings.model_fields.values()}
    values = {name: value for _, _, _, name, value in lines if name in known}
    Settings.from_environment({**reference.LEAST, **values})


def test_settings_of_az_start_the_app() -> None:
    line, _ = [line for line in _azure().splitlines() if "appsettings set" in line]
    words = shlex.split(line.replace("<host name of the resource>", "contoso.communication.azure.com"))
    values = dict(word.split("=", 1) for word in words[words.index("--settings") + 1 :])
    storage = {"AzureWebJobsStorage": reference.LEAST["AzureWebJobsStorage"]}
    assert Settings.from_environment(storage | values).default_sender


def test_outputs_and_layers_that_azd_is_asked_for_exist() -> None:
    outputs = re.findall(r"^output (\w+) ", (ROOT / "infra/core/main.bicep").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"azd env get-value (\w+)", _azure())) <= set(outputs)
    layers = re.findall(r"- name: (\w+)", (ROOT / "azure.yaml").read_text("utf-8"))
    text = "\n".join(page.read_text("utf-8") for page in pages())
    assert set(re.findall(r"`azd provision (\w+)`", text)) <= set(layers)


def test_functions_events_and_subscriptions_are_those_of_the_code_and_the_template() -> None:
    functions = set(re.findall(r"^async def (\w+)", (ROOT / "function_app.py").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:--function-name |/functions/)(\w+)", _azure())) <= functions
    events = (ROOT / "infra" / "events" / "main.bicep").read_text("utf-8")
    asked = dict(re.findall(r"--name (sms-\S+).*?/functions/(\w+)", _azure()))
    assert asked == dict(re.findall(r"name: '(sms-[\w-]+)',?\s+function: '(\w+)'", events))
    types = set(re.findall(r"--included-event-types (\S+)", _azure()))
    assert types == set(re.findall(r"eventType: '([^']+)'", events))


def test_resource_types_are_those_of_the_template() -> None:
    files = "\n".join(file.read_text("utf-8") for file in (ROOT / "infra").rglob("*.bicep"))
    for kind in re.findall(r"--(?:resource|topic)-type (\S+)", _azure()):
        assert kind.lower().replace("/", ".") in files.lower().replace("/", "."), kind


def test_bodies_that_go_to_the_app_in_azure_are_what_it_takes() -> None:
    lines = [line for line in _azure().splitlines() if "/api/messages" in line]
    bodies = [shlex.split(line)[shlex.split(line).index("-d") + 1] for line in lines]
    assert bodies
    for body in bodies:
        SendRequest.model_validate_json(body.replace("<your number>", "+14255550123"))


def test_files_that_are_given_to_azure_exist() -> None:
    assert [name for name in re.findall(r"@(docs/\S+)", _azure()) if not (ROOT / name).exists()] == []


def _azure() -> str:
    """Return all lines for Azure, each whole."""
    return "\n".join(block.text for block in BLOCKS if block.language == "azurecli").replace("\\\n", " ")


def _defined(name: str, function: str) -> Callable[..., bool]:
    [block] = [one for one in BLOCKS if one.name == name]
    found: dict[str, Any] = {}
    exec(compile(block.text, str(DOCS), "exec"), found)  # noqa: S102 - the page's own code is what is tested
    defined: Callable[..., bool] = found[function]
    return defined
