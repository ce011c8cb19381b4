"""What the host reads of host.json."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from local.host.__main__ import _host_json
from local.host.errors import StartError
from local.host.host_json import HostJson, HttpOptions, QueueOptions, read_host_json


def _read(folder: Path, content: object, environment: dict[str, str] | None = None) -> HostJson:
    text = content if isinstance(content, str) else json.dumps({"version": "2.0", **content})  # type: ignore[dict-item]  # JSON objects only
    (folder / "host.json").write_text(text, "utf-8")
    return read_host_json(folder, environment or {})


def test_an_empty_file_means_the_defaults_of_azure(tmp_path: Path) -> None:
    host_json = _read(tmp_path, {})
    assert host_json.http == HttpOptions("api", -1, -1, {})
    threshold = 8 * (os.cpu_count() or 1)
    assert host_json.queues == QueueOptions(16, threshold, 5, timedelta(0), timedelta(minutes=1), base64=True)
    assert host_json.function_timeout is None


def test_everything_is_read_with_names_in_any_case(tmp_path: Path) -> None:
    http = {
        "RoutePrefix": "/v1/",
        "maxOutstandingRequests": 20,
        "maxConcurrentRequests": 10,
        "customHeaders": {"A": "b"},
    }
    queues = {
        "batchSize": 4,
        "maxDequeueCount": 2,
        "visibilityTimeout": "00:00:30",
        "maxPollingInterval": "00:00:05",
        "messageEncoding": "none",
    }
    content = {
        "functionTimeout": "00:05:00",
        "logging": {"logLevel": {"default": "Warning"}},
        "Extensions": {"http": http, "queues": queues},
    }
    host_json = _read(tmp_path, content)
    assert host_json.http == HttpOptions("v1", 20, 10, {"A": "b"})
    threshold = 2 * (os.cpu_count() or 1)
    seconds = timedelta(seconds=1)
    assert host_json.queues == QueueOptions(4, threshold, 2, 30 * seconds, 5 * seconds, base64=False)
    assert host_json.function_timeout == timedelta(minutes=5)
    assert host_json.log_levels == {"default": "Warning"}


def test_a_timeout_of_minus_one_is_none(tmp_path: Path) -> None:
    assert _read(tmp_path, {"functionTimeout": "-1"}).function_timeout is None


def test_an_environment_variable_overrides_a_path_of_host_json(tmp_path: Path) -> None:
    environment = {
        "AzureFunctionsJobHost__extensions__HTTP__routePrefix": "",
        "AzureFunctionsJobHost__extensions__queues__batchSize": "1",
    }
    content = {"extensions": {"http": {"routePrefix": "v1", "maxOutstandingRequests": 5}}}
    host_json = _read(tmp_path, content, environment)
    assert (host_json.http.route_prefix, host_json.http.max_outstanding_requests) == ("", 5)
    assert (host_json.queues.batch_size, host_json.queues.new_batch_threshold) == (1, 0)


def test_queues_are_polled_at_least_every_two_seconds_in_development(tmp_path: Path) -> None:
    host_json = _read(tmp_path, {}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
    assert host_json.queues.max_polling_interval == timedelta(seconds=2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not JSON"),
        ("{}", "version"),
        ('{"version": "1.0"}', "version"),
        ({"extensions": {"queues": {"batchSize": 33}}}, "batchSize must be from 1 to 32"),
        ({"extensions": {"queues": {"batchSize": "many"}}}, "batchSize"),
        ({"extensions": {"queues": {"maxDequeueCount": 0}}}, "maxDequeueCount"),
        ({"extensions": {"queues": {"visibilityTimeout": "soon"}}}, "visibilityTimeout"),
        ({"extensions": {"queues": {"messageEncoding": "utf8"}}}, "messageEncoding"),
        ({"extensions": {"http": {"routePrefix": 5}}}, "routePrefix"),
        ({"functionTimeout": "long"}, "functionTimeout"),
    ],
)
def test_a_wrong_value_stops_the_host_with_one_sentence(tmp_path: Path, content: object, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        _read(tmp_path, content)


def test_a_folder_without_host_json_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"no host\.json"):
        read_host_json(tmp_path, {})


def test_the_option_max_polling_ms_counts_before_host_json(tmp_path: Path) -> None:
    _read(tmp_path, {"extensions": {"queues": {"maxPollingInterval": "00:00:30"}}})
    assert _host_json(tmp_path, 250).queues.max_polling_interval == timedelta(milliseconds=250)
    assert _host_json(tmp_path, None).queues.max_polling_interval == timedelta(seconds=30)
