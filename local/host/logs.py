"""Log records on the console: levels per category from host.json, and the invocation that wrote each record."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from local.host.errors import StartError

current_invocation: ContextVar[str | None] = ContextVar("current_invocation", default=None)

_LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_WORDS = {logging.DEBUG: "debug: ", logging.WARNING: "warn: ", logging.ERROR: "fail: ", logging.CRITICAL: "crit: "}


@dataclass(frozen=True, slots=True)
class LogLevels:
    """The least level of each category. The longest name that a category begins with counts, as in .NET."""

    by_category: Mapping[str, int]

    @classmethod
    def from_host_json(cls, names: Mapping[str, str]) -> LogLevels:
        """Read `logging.logLevel`; a level that .NET does not know is a `StartError`."""
        for category, name in names.items():
            if name.lower() not in _LEVELS:
                raise StartError(f"host.json: logging.logLevel.{category} is '{name}', which is not a log level.")
        return cls({category.lower(): _LEVELS[name.lower()] for category, name in names.items()})

    def least(self, category: str) -> int:
        """Return the least level that is shown of a category."""
        lower = category.lower()
        fitting = [name for name in self.by_category if lower.startswith(name)]
        if fitting:
            return self.by_category[max(fitting, key=len)]
        return self.by_category.get("default", logging.INFO)


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes one record per line, with the time in UTC and the first eight digits of the invocation id."""

    def __init__(self, stream: TextIO, levels: LogLevels) -> None:
        super().__init__(stream)
        self._levels = levels

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record if host.json wants its level of its category."""
        if record.levelno < self._levels.least(record.name):
            return False
        return bool(super().handle(record))

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; an exception's trace follows on lines of its own."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        invocation = current_invocation.get()
        tag = f"[{invocation[:8]}] " if invocation else ""
        return f"[{time.removesuffix('+00:00')}Z] {_WORDS.get(record.levelno, '')}{tag}{super().format(record)}"


def start_logging(levels: LogLevels, stream: TextIO = sys.stdout) -> None:
    """Show what the root logger gets. Records below INFO are made only with PYTHON_ENABLE_DEBUG_LOGGING=1."""
    root = logging.getLogger()
    root.addHandler(ConsoleHandler(stream, levels))
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    root.setLevel(logging.DEBUG if debug else logging.INFO)
