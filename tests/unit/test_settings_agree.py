"""The settings in the code, in the example file and in the docs are the same."""

from __future__ import annotations

import json
import re

from devtools.paths import ROOT
from shared.edges.settings import Settings

# Read by the Functions host and not by the app.
OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"}
NAMES = {str(field.alias) for field in Settings.model_fields.values()}


def example() -> dict[str, str]:
    """Return the settings of local.settings.json.example."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
    return values


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(example()) == NAMES | OF_THE_HOST


def test_the_example_works() -> None:
    found = Settings.from_environment(example())
    assert found.default_sender in {sender.name for sender in found.known_senders.all}


def test_the_example_shows_the_defaults_where_there_are_any() -> None:
    shown = example()
    for field in Settings.model_fields.values():
        name = str(field.alias)
        if not field.is_required() and field.default != "" and shown[name] != "":
            assert shown[name] == str(field.default), name


def test_the_docs_have_every_setting_in_their_table_and_no_other() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    documented = {match[1] for row in rows if (match := re.match(r"\|\s*`(\w+)`", row))}
    assert documented - OF_THE_HOST == NAMES


def test_the_docs_give_every_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for field in Settings.model_fields.values():
        if not field.is_required() and field.default != "":
            (row,) = [line for line in page.splitlines() if re.match(rf"\|\s*`{field.alias}`", line)]
            assert str(field.default) in row, field.alias


def test_every_setting_is_described_in_sentences() -> None:
    for field in Settings.model_fields.values():
        assert field.description, field.alias
        assert field.description.endswith("."), field.alias
