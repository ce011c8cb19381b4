"""`host.json`: what this host reads of it, with the defaults of Azure's host.

Sections that only matter in Azure (extension bundle, Application Insights, scaling) are left alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.host.errors import StartError
from local.host.timespans import parse_timespan

_OVERRIDE = "azurefunctionsjobhost__"


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """`extensions.http`: -1 means no limit, as in host.json."""

    route_prefix: str = "api"
    max_outstanding_requests: int = -1
    max_concurrent_requests: int = -1
    custom_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues`, for every queue-triggered function alike."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta(0)
    max_polling_interval: timedelta = timedelta(minutes=1)
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostJson:
    """What host.json says."""

    http: HttpOptions = HttpOptions()
    queues: QueueOptions = QueueOptions()
    log_levels: Mapping[str, str] = field(default_factory=dict)
    function_timeout: timedelta | None = None


class _Section:
    """A JSON object read as .NET's configuration does: names in any case."""

    def __init__(self, path: str, content: Mapping[str, Any]) -> None:
        self._path = path
        self._content = {name.lower(): value for name, value in content.items()}

    def section(self, name: str) -> _Section:
        value = self._content.get(name.lower())
        return _Section(f"{self._path}{name}.", value if isinstance(value, dict) else {})

    def text(self, name: str, default: str) -> str:
        value = self._content.get(name.lower(), default)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def number(self, name: str, default: int, allowed: range) -> int:
        value = self._content.get(name.lower(), default)
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = allowed.start - 1
        if number not in allowed:
            raise self._wrong(name, f"from {allowed.start} to {allowed.stop - 1}")
        return number

    def duration(self, name: str, default: timedelta) -> timedelta:
        value = self._content.get(name.lower())
        if value is None:
            return default
        parsed = parse_timespan(str(value))
        if parsed is None:
            raise self._wrong(name, "a time like 00:00:30")
        return parsed

    def texts(self, name: str) -> Mapping[str, str]:
        value = self._content.get(name.lower()) or {}
        return {str(key): str(text) for key, text in value.items()}

    def _wrong(self, name: str, what: str) -> StartError:
        return StartError(f"host.json: {self._path}{name} must be {what}.")


def read_host_json(app_dir: Path, environment: Mapping[str, str] | None = None) -> HostJson:
    """Read `host.json`, with the overrides that `AzureFunctionsJobHost__a__b` variables give."""
    path = app_dir / "host.json"
    if not path.exists():
        raise StartError(f"There is no host.json in {app_dir}.")
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise StartError(f"host.json is not JSON: {error}.") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise StartError('host.json must say "version": "2.0".')
    variables = os.environ if environment is None else environment
    for name, value in variables.items():
        if name.lower().startswith(_OVERRIDE):
            _override(content, name[len(_OVERRIDE) :].split("__"), value)
    return _host_json(_Section("", content), _is_development(variables))


def _is_development(environment: Mapping[str, str]) -> bool:
    return environment.get("AZURE_FUNCTIONS_ENVIRONMENT", "").lower() == "development"


def _override(content: dict[str, Any], path: Iterable[str], value: str) -> None:
    *parents, last = path
    for parent in parents:
        name = _same_name(content, parent)
        if not isinstance(content.get(name), dict):
            content[name] = {}
        content = content[name]
    content[_same_name(content, last)] = value


def _same_name(content: Mapping[str, Any], name: str) -> str:
    return next((known for known in content if known.lower() == name.lower()), name)


def _host_json(root: _Section, development: bool) -> HostJson:
    extensions = root.section("extensions")
    return HostJson(
        http=_http(extensions.section("http")),
        queues=_queues(extensions.section("queues"), development),
        log_levels=root.section("logging").texts("logLevel"),
        function_timeout=_timeout(root),
    )


def _timeout(root: _Section) -> timedelta | None:
    if root.text("functionTimeout", "-1") == "-1":
        return None
    return root.duration("functionTimeout", timedelta(0))


def _http(section: _Section) -> HttpOptions:
    limits = range(-1, 1_000_001)
    return HttpOptions(
        route_prefix=section.text("routePrefix", "api").strip("/"),
        max_outstanding_requests=section.number("maxOutstandingRequests", -1, limits),
        max_concurrent_requests=section.number("maxConcurrentRequests", -1, limits),
        custom_headers=section.texts("customHeaders"),
    )


def _queues(section: _Section, development: bool) -> QueueOptions:
    batch_size = section.number("batchSize", 16, range(1, 33))
    threshold = batch_size // 2 * (os.cpu_count() or 1)
    encoding = section.text("messageEncoding", "base64").lower()
    if encoding not in {"base64", "none"}:
        raise StartError("host.json: extensions.queues.messageEncoding must be base64 or none.")
    # The extension itself polls at least every 2 seconds in development.
    longest = timedelta(seconds=2) if development else timedelta(minutes=1)
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=section.number("newBatchThreshold", threshold, range(1_000_001)),
        max_dequeue_count=section.number("maxDequeueCount", 5, range(1, 1_000_001)),
        visibility_timeout=section.duration("visibilityTimeout", timedelta(0)),
        max_polling_interval=section.duration("maxPollingInterval", longest),
        base64=encoding == "base64",
    )
