"""The carrier as a process of its own, without a functions host to tell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools import processes
from devtools.ports import LOOPBACK, free_ports
from devtools.stack import get_json
from tests.support.programs import clean_environment
from tests.support.waiting import wait_until


@contextmanager
def running_carrier(folder: Path, port: int | None = None, functions_url: str | None = None) -> Iterator[str]:
    """Start a carrier, on a free port if none is given, and give its base URL."""
    port = port or free_ports()
    url = f"http://{LOOPBACK}:{port}"
    command = [sys.executable, "-m", "local.carrier", "--port", str(port)]
    command += ["--functions-url", functions_url] if functions_url else []
    child = processes.start("carrier", command, folder / "carrier.log", clean_environment())
    try:
        wait_until(lambda: get_json(f"{url}/_carrier") or not child.is_running, 60)
        assert child.is_running, child.last_lines()
        yield url
    finally:
        processes.stop([child])
