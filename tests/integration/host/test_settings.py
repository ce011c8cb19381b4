"""Where settings come from and which one counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.host.errors import FunctionError, StartError
from local.host.settings import LocalSettings, Settings, apply, read_local_settings


def _write(folder: Path, content: object) -> Path:
    (folder / "local.settings.json").write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def test_the_environment_counts_before_local_settings() -> None:
    environment = {"A": "environment"}
    settings = apply(LocalSettings({"A": "file", "B": "file"}), environment, "127.0.0.1:7071")
    assert (settings.get("A"), settings.get("B")) == ("environment", "file")
    assert environment["B"] == "file"


def test_the_host_says_that_it_is_development_and_where_it_listens() -> None:
    environment: dict[str, str] = {}
    apply(LocalSettings({}), environment, "127.0.0.1:7071")
    assert environment == {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": "127.0.0.1:7071",
    }


def test_another_worker_runtime_is_refused() -> None:
    with pytest.raises(StartError, match="'node'"):
        apply(LocalSettings({"FUNCTIONS_WORKER_RUNTIME": "node"}), {}, "127.0.0.1:7071")


def test_a_missing_file_is_no_settings(tmp_path: Path) -> None:
    assert read_local_settings(tmp_path) == LocalSettings({})


def test_values_and_the_port_are_read(tmp_path: Path) -> None:
    _write(tmp_path, {"IsEncrypted": False, "Values": {"A": "1"}, "Host": {"LocalHttpPort": 7075, "CORS": "*"}})
    assert read_local_settings(tmp_path) == LocalSettings({"A": "1"}, 7075)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not JSON"),
        ("[]", "one JSON object"),
        ({"IsEncrypted": True}, "encrypted"),
        ({"Values": {"A": 1}}, "'A' must be a string"),
        ({"Values": {"Outer": {"A": "1"}}}, "'Outer' must be a string"),
    ],
)
def test_a_wrong_file_stops_the_host_with_one_sentence(tmp_path: Path, content: object, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        read_local_settings(_write(tmp_path, content))


def test_names_count_in_any_case_and_two_underscores_are_a_colon() -> None:
    settings = Settings.from_environment({"Outer__Inner": "1"})
    assert settings.get("OUTER:inner") == settings.get("outer__INNER") == "1"


def test_references_are_resolved_inside_text() -> None:
    settings = Settings.from_environment({"NAME": "work", "N": "2"})
    assert settings.resolve("a-%name%-%N%") == "a-work-2"
    with pytest.raises(FunctionError, match="'%OTHER%'"):
        settings.resolve("%OTHER%")


def test_the_connection_string_of_the_emulator_may_be_written_short() -> None:
    settings = Settings.from_environment(
        {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "AzureWebJobsOther": "x"}
    )
    assert "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1" in settings.connection_string("AzureWebJobsStorage")
    assert settings.connection_string("Other") == "x"


@pytest.mark.parametrize(
    ("value", "disabled"), [("true", True), ("True", True), ("1", True), ("false", False), ("", False)]
)
def test_a_setting_disables_a_function(value: str, disabled: bool) -> None:
    assert Settings.from_environment({"AzureWebJobs.send.Disabled": value}).disabled("send") is disabled
