"""Takes turns with other `dev.py` processes of this clone: two installations at once would ruin each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from devtools.paths import LOCAL, WINDOWS
from devtools.terminal import StopRequest, say

_POLL_SECONDS = 0.2


@contextmanager
def my_turn(stop: StopRequest) -> Iterator[None]:
    """Hold the clone's installation lock, which the system takes back when this process dies."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "install.lock").open("wb") as file:
        if not _try_to_lock(file):
            say("  Waiting for another dev.py that is installing …")
            while not _try_to_lock(file):
                stop.pause(_POLL_SECONDS)
        yield


def _try_to_lock(file: IO[bytes]) -> bool:
    try:
        if WINDOWS:
            import msvcrt  # noqa: PLC0415 - Windows only

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
