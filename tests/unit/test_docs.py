"""What the documentation says of settings, files and tests, held to the project."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from devtools.paths import ROOT
from docs import cost, reference
from shared.edges.settings import Settings, SettingsError
from tests.support.pages import FENCE, anchors, pages

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TEST_LINK = re.compile(r"\[`(test_\w+)`\]\(([^)]+\.py)\)")
_TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")
_NAME = re.compile(r"\b[A-Za-z]\w*(?:[a-z][A-Z]|_)\w*")
# Names in code type that are of others, by page: everything else must be in the project's code.
_OF_OTHERS = {
    "docs/access.md": {"_master"},
    "docs/deploying.md": {"KeyVault", "SecretUri"},
    "docs/differences.md": {"messagingConnect"},
    "docs/migration.md": {
        *("MessagingServiceSid", "SendAt", "ScheduleType", "ValidityPeriod", "StatusCallback", "DateSent", "MediaUrl"),
    },
}
_FOLDERS = [ROOT / name for name in ("shared", "local", "devtools", "bench", "infra", "tests", "docs")]
_CODE = ("py", "bicep", "bicepparam", "json", "yaml", "toml", "js", "example")
# What the host reads and the app does not.
_OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"}
# What the example fills in for the local stack, instead of the default.
_LOCAL = {"ACS_CONNECTION_STRING", "AzureWebJobsStorage", "SMS_DEFAULT_SENDER", "SMS_SENDERS", "SMS_EVENT_TOPIC"}
_LOCAL |= {"SMS_RELAY_TOPIC_ENDPOINT", "SMS_RELAY_TOPIC_KEY"}


def test_made_pages_are_as_the_code_would_have_them() -> None:
    assert reference.stale_pages() == [], "run `python docs/generate.py`"


def test_check_fails_for_a_stale_page_and_writing_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    assert {page.name for page in tmp_path.iterdir()} == set(reference.PAGES)


@pytest.mark.parametrize("name", sorted(reference.LEAST))
def test_setting_that_is_called_required_is_required(name: str) -> None:
    Settings.from_environment(reference.LEAST)
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({other: value for other, value in reference.LEAST.items() if other != name})


def test_example_of_local_settings_names_every_setting_and_no_other() -> None:
    assert set(_local_settings()) - _OF_THE_HOST == {field.alias for field in Settings.model_fields.values()}


def test_example_of_local_settings_starts_the_app_with_the_defaults() -> None:
    settings, least = Settings.from_environment(_local_settings()), Settings.from_environment(reference.LEAST)
    names = [name for name, field in Settings.model_fields.items() if field.alias not in _LOCAL]
    assert {name: getattr(settings, name) for name in names} == {name: getattr(least, name) for name in names}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_are_named_exist(page: Path) -> None:
    for file, name in _TEST.findall(page.read_text("utf-8")):
        assert (ROOT / file).exists(), file
        assert not name or name in _functions(ROOT / file), f"{file}::{name}"


def test_every_risk_of_owasp_has_a_line_with_a_test() -> None:
    lines = re.findall(r"^\| API.*$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
    assert [line.split()[1] for line in lines] == [f"API{number}" for number in range(1, 11)]
    assert [line for line in lines if not any(name for _, name in _TEST.findall(line))] == []


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_are_linked_are_in_their_file(page: Path) -> None:
    for name, file in _TEST_LINK.findall(page.read_text("utf-8")):
        assert name in _functions((page.parent / file).resolve()), f"{file}::{name}"


def test_every_page_is_in_the_index() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall((reference.DOCS / "README.md").read_text("utf-8"))}
    assert {page.name for page in reference.DOCS.glob("*.md")} - linked == {"README.md"}


def test_every_claim_of_why_has_a_test_or_a_measurement() -> None:
    rows = re.findall(r"^\| \*\*.*$", (reference.DOCS / "why.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 20
    assert [row for row in rows if not _TEST_LINK.search(row) and "(benchmarks.md#" not in row] == []


@pytest.mark.parametrize("page", PAGES)
def test_diagrams_hold_nothing_that_ends_a_statement_too_early(page: Path) -> None:
    diagrams = re.findall(r"^```mermaid\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [line for diagram in diagrams for line in diagram.splitlines() if ";" in line] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.id not in {"CHANGELOG.md", "docs/cost.md"}])
def test_names_in_code_type_are_in_the_code(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text("utf-8")))
    names = {name for span in spans for name in _NAME.findall(span)}
    unknown = names - _words_of_the_code() - _OF_OTHERS.get(page.relative_to(ROOT).as_posix(), set())
    assert unknown - _tables_with_prefix() - set(cost.numbers(cost.PAGE.read_text("utf-8"))) == set()


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_dev_are_there(page: Path) -> None:
    cli = (ROOT / "devtools" / "cli.py").read_text("utf-8")
    named = re.findall(r"python dev\.py ([a-z][\w-]*)(?: ([a-z][\w-]*))?", page.read_text("utf-8"))
    assert {command for command, _ in named} <= set(re.findall(r'add_parser\("([\w-]+)"', cli))
    benches = {what.replace("-", "_") for command, what in named if command == "bench" and what}
    assert [bench for bench in benches if not (ROOT / "bench" / f"{bench}.py").exists()] == []
    folders = {what for command, what in named if command == "test" and what}
    assert [folder for folder in folders if not (ROOT / "tests" / folder).is_dir()] == []


def _local_settings() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
    return values


@cache
def _words_of_the_code() -> frozenset[str]:
    """Return every word of the project's files but its pages and this one, and the names of its modules."""
    files = [file for folder in _FOLDERS for kind in _CODE for file in folder.rglob(f"*.{kind}")]
    files += [file for kind in _CODE for file in ROOT.glob(f"*.{kind}")]
    ours = [file for file in files if "node_modules" not in file.parts and file != Path(__file__)]
    words = {word for file in ours for word in re.findall(r"\w+", file.read_text("utf-8"))}
    return frozenset(words | {file.stem for file in ours})


def _tables_with_prefix() -> set[str]:
    """Return the names of the tables as they are in a storage account with the default prefix."""
    return {
        f"Sms{name}"
        for name in re.findall(
            r"^\| `([A-Z]\w+)`", (reference.DOCS / "architecture.md").read_text("utf-8"), re.MULTILINE
        )
    }


@cache
def _functions(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
