"""Which records are shown, and how."""

from __future__ import annotations

import io
import logging
import re

import pytest

from local.host.errors import StartError
from local.host.logs import ConsoleHandler, LogLevels, current_invocation


def _written(levels: dict[str, str], category: str, level: int) -> str:
    stream = io.StringIO()
    handler = ConsoleHandler(stream, LogLevels.from_host_json(levels))
    handler.handle(logging.LogRecord(category, level, __file__, 1, "hello %s", ("you",), None))
    return stream.getvalue()


def test_information_is_shown_by_default_and_debug_is_not() -> None:
    assert "hello you" in _written({}, "any", logging.INFO)
    assert _written({}, "any", logging.DEBUG) == ""


def test_the_longest_category_that_fits_counts_in_any_case() -> None:
    levels = {"default": "Error", "azure": "None", "azure.Storage": "Debug"}
    assert _written(levels, "other", logging.WARNING) == ""
    assert _written(levels, "other", logging.ERROR) != ""
    assert _written(levels, "azure.core", logging.CRITICAL) == ""
    assert _written(levels, "Azure.storage.queue", logging.DEBUG) != ""


def test_a_line_holds_the_time_the_level_and_the_invocation() -> None:
    token = current_invocation.set("0123456789abcdef")
    try:
        line = _written({}, "any", logging.WARNING)
    finally:
        current_invocation.reset(token)
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] warn: \[01234567\] hello you\n", line)


def test_a_level_that_dotnet_does_not_know_stops_the_host() -> None:
    with pytest.raises(StartError, match=r"logLevel\.Function is 'Loud'"):
        LogLevels.from_host_json({"Function": "Loud"})
