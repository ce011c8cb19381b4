"""What a command tells the person at the terminal, and how that person stops it."""

from __future__ import annotations

import signal
import time
from types import FrameType

from devtools.paths import WINDOWS

_STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGBREAK" if WINDOWS else "SIGHUP"]


class Problem(Exception):
    """Stop the command: the message is printed as it is, and the exit code is 1."""


class Interrupted(Exception):
    """Stop the command: Ctrl-C or a signal asked for it."""


class StopRequest:
    """Remembers that a signal asked to stop, so that nothing is torn half-way through a start."""

    def __init__(self) -> None:
        self._signal: int | None = None

    def listen(self) -> None:
        """Take Ctrl-C and the signals that end a program, from now on."""
        for name in _STOP_SIGNALS:
            signal.signal(getattr(signal, name), self._remember)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def pause(self, seconds: float) -> None:
        """Wait a moment; Interrupted when a signal came before or meanwhile."""
        deadline = time.monotonic() + seconds
        while self._signal is None and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        if self._signal is not None:
            raise Interrupted


def say(text: str = "") -> None:
    """Print a line now, also into a pipe."""
    print(text, flush=True)


def seconds_since(start: float) -> str:
    """Give the time since a `time.monotonic()` in words for a progress line, such as `1.4 s`."""
    spent = time.monotonic() - start
    return f"{spent:.1f} s" if spent < 10 else f"{spent:.0f} s"
