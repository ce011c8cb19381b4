"""What a process has used: seconds of CPU, memory, and the requests that it made through the Azure SDKs.

The process writes it to a file ten times a second. Requests are counted where they leave: in the HTTP transport that
all asynchronous Azure clients share, so that retries count, and what the Functions host asks of the queue too.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_PAUSE_S = 0.1
_QUEUE_PORT = re.compile(r"QueueEndpoint=http://[^:;/]+:(\d+)")
_STORAGE_SETTING = "AzureWebJobsStorage"
_STORAGE_ACCOUNT = "/devstoreaccount1/"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since it began; `requests` by kind, the names are those of `kind_of`."""

    cpu_s: float = 0.0
    peak_bytes: int = 0
    requests: Mapping[str, int] = field(default_factory=dict)

    @property
    def storage_requests(self) -> int:
        """Return how many requests went to storage."""
        return sum(count for kind, count in self.requests.items() if kind != CARRIER)

    def since(self, before: Usage) -> Usage:
        """Return what was used since then; the peak of memory is that of the whole time."""
        made = Counter(self.requests)
        made.subtract(before.requests)
        return Usage(self.cpu_s - before.cpu_s, self.peak_bytes, {kind: made[kind] for kind in sorted(made)})


CARRIER = "carrier"


def kind_of(method: str, url: str, queue_port: str) -> str:
    """Return what a request is counted as: to the carrier, to a queue, or what it does to a table."""
    if _STORAGE_ACCOUNT not in url:
        return CARRIER
    if f":{queue_port}/" in url:
        return "queue"
    if "$batch" in url:
        return "table transactions"
    return "table reads" if method == "GET" else "table writes"


def read_usage(file: Path) -> Usage:
    """Return what a process has written of itself."""
    written = json.loads(file.read_text("utf-8"))
    return Usage(written["cpu_s"], written["peak_bytes"], written["requests"])


def begin(file: Path) -> None:
    """Count what this process uses from now on, and keep it in a file."""
    requests: Counter[str] = Counter()
    _count_requests(requests)
    _write(file, requests, 0)
    threading.Thread(target=_keep_writing, args=(file, requests), daemon=True).start()


def _count_requests(requests: Counter[str]) -> None:
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415 - only in the process that is measured

    queue_port = _QUEUE_PORT.search(os.environ[_STORAGE_SETTING])
    port = queue_port[1] if queue_port else ""
    send = AioHttpTransport.send

    async def counted(self: AioHttpTransport, request: Any, **config: Any) -> Any:  # noqa: ANN401 - the SDK's own
        requests[kind_of(request.method, request.url, port)] += 1
        return await send(self, request, **config)

    AioHttpTransport.send = counted


def _keep_writing(file: Path, requests: Counter[str]) -> None:
    peak = 0
    process = psutil.Process()
    while True:
        peak = max(peak, process.memory_info().rss)
        _write(file, requests, peak)
        time.sleep(_PAUSE_S)


def _write(file: Path, requests: Counter[str], peak: int) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"cpu_s": time.process_time(), "peak_bytes": peak, "requests": requests}), "utf-8")
    new.replace(file)
