"""What the documentation says of settings, files and tests, held to the project."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from devtools.paths import ROOT
from docs import reference
from shared.edges.settings import Settings, SettingsError
from tests.support.pages import FENCE, anchors, pages

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TEST_LINK = re.compile(r"\[`(test_\w+)`\]\(([^)]+\.py)\)")
_TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")
# What the host reads and the app does not.
_OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME"}
# What the example fills in for the local stack, instead of the default.
_LOCAL = {"ACS_CONNECTION_STRING", "AzureWebJobsStorage", "SMS_DEFAULT_SENDER", "SMS_SENDERS"}
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


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_are_linked_are_in_their_file(page: Path) -> None:
    for name, file in _TEST_LINK.findall(page.read_text("utf-8")):
        assert name in _functions((page.parent / file).resolve()), f"{file}::{name}"


def test_every_claim_of_why_has_a_test_or_a_measurement() -> None:
    rows = re.findall(r"^\| \*\*.*$", (reference.DOCS / "why.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 20
    assert [row for row in rows if not _TEST_LINK.search(row) and "(benchmarks.md#" not in row] == []


@pytest.mark.parametrize("page", PAGES)
def test_diagrams_hold_nothing_that_ends_a_statement_too_early(page: Path) -> None:
    diagrams = re.findall(r"^```mermaid\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [line for diagram in diagrams for line in diagram.splitlines() if ";" in line] == []


def _local_settings() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
    return values


@cache
def _functions(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
