"""JSON over HTTP to the programs of a measurement, all on loopback."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

# A proxy of the machine must not stand between us and loopback.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, body: object = None, method: str | None = None) -> tuple[Any, Mapping[str, str]]:
    """Send a request, a POST if it has a body, and return the JSON of the answer and its headers.

    Raises:
        OSError: no answer.
        SystemExit: an answer that is an error, shown whole.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - our own address
    try:
        with _HTTP.open(request, timeout=120) as answer:
            return json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{request.get_method()} {url} was answered {error.code}: {error.read().decode()}") from None


def answers(url: str) -> bool:
    """Tell whether a GET is answered with success."""
    try:
        with _HTTP.open(url, timeout=10):
            return True
    except OSError:
        return False
