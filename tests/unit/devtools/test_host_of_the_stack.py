"""Which host `dev.py run` starts, and with which settings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from devtools.azurite import StoragePorts
from devtools.paths import VENV
from devtools.stack import host_command, host_environment, webhook_environment
from devtools.terminal import Problem

STORAGE = StoragePorts(23000)
CARRIER = {"connectionString": "from the carrier", "topicEndpoint": "its topic", "topicKey": "the topic's key"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder in which both settings files name three settings, and the second one overrides the first."""
    values = {"SMS_ONE": "example", "SMS_TWO": "example", "SMS_THREE": "example", "ACS_CONNECTION_STRING": "example"}
    (tmp_path / "local.settings.json.example").write_text(json.dumps({"Values": values}), "utf-8")
    (tmp_path / "local.settings.json").write_text('{"Values": {"SMS_TWO": "file", "SMS_THREE": "file"}}', "utf-8")
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="a program needs another ending there")
def test_core_tools_are_the_host_where_they_are_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core_tools = tmp_path / "func"
    core_tools.write_text("#!/bin/sh\n", "utf-8")
    core_tools.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host_command(7071) == [str(core_tools), "start", "--port", "7071"]


def test_built_in_host_serves_where_core_tools_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    command = host_command(7099)
    assert command[0].startswith(str(VENV))
    assert command[1:] == ["-m", "local.host", "--port", "7099"]


def test_own_settings_file_beats_the_example_and_the_environment_beats_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMS_THREE", "environment")
    environment = host_environment(STORAGE, CARRIER, folder)
    assert [environment[name] for name in ("SMS_ONE", "SMS_TWO", "SMS_THREE")] == ["example", "file", "environment"]


def test_addresses_of_the_stack_beat_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", "environment")
    monkeypatch.setenv("SMS_RELAY_TOPIC_KEY", "environment")
    environment = host_environment(STORAGE, CARRIER, folder)
    assert environment["AzureWebJobsStorage"] == STORAGE.connection_string
    assert environment["ACS_CONNECTION_STRING"] == "from the carrier"
    assert environment["SMS_RELAY_TOPIC_ENDPOINT"] == "its topic"
    assert environment["SMS_RELAY_TOPIC_KEY"] == "the topic's key"


def test_the_webhook_of_the_carrier_is_posted_to_as_the_one_place_on_this_machine() -> None:
    carrier = {"webhookUrl": "its webhook", "webhookSecret": "its secret"}
    assert webhook_environment(carrier) == {
        "SMS_WEBHOOK_URL": "its webhook",
        "SMS_WEBHOOK_SECRETS": "its secret",
        "SMS_WEBHOOK_LOOPBACK": "on",
    }


def test_core_tools_find_the_python_of_the_virtual_environment(folder: Path) -> None:
    environment = host_environment(STORAGE, CARRIER, folder)
    assert environment["VIRTUAL_ENV"] == str(VENV)
    first = Path(environment["PATH"].split(os.pathsep)[0])
    assert first.parent == VENV
    assert first.name in ("bin", "Scripts")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"Values": []}'])
def test_settings_file_that_is_none_is_named(folder: Path, content: str) -> None:
    (folder / "local.settings.json").write_text(content, "utf-8")
    with pytest.raises(Problem, match=r"^local\.settings\.json is not a JSON object"):
        host_environment(STORAGE, CARRIER, folder)
