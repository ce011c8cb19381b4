"""Every call of `POST /sms`, refused ones too."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

KEPT = 50_000


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One call. `http_status` is None when the connection was dropped instead of an answer."""

    at: datetime
    sender: str | None
    recipient_count: int
    http_status: int | None
    results: tuple[int, ...]
    repeatability_ids: tuple[str, ...]
    client_request_id: str | None


class RequestLog:
    """The newest calls, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=KEPT)

    def add(self, request: LoggedRequest) -> None:
        """Keep one call."""
        self._requests.append(request)

    def all(self) -> list[LoggedRequest]:
        """Return the calls kept."""
        return list(self._requests)

    def clear(self) -> None:
        """Forget all."""
        self._requests.clear()
