"""HTTP requests into functions and their answers back out, changed in just the ways that the host changes them.

Source: azure-functions-host, `HttpRequestExtensions.ToRpcHttp` and `HttpBinding`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from http.cookies import Morsel
from typing import Any
from urllib.parse import parse_qsl, quote

from aiohttp import web
from azure.functions.meta import Datum
from multidict import CIMultiDict

from local.host.context import TraceContext
from local.host.errors import InvocationError
from local.host.host_json import HttpOptions
from local.host.invocation import Invoker, TriggerData
from local.host.router import Match

BODY_LIMIT_BYTES = 104_857_600

_log = logging.getLogger("Host.Triggers.Http")
# The server sets these itself; a function's own would contradict the body that is really sent.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_COOKIE_ATTRIBUTES = ("expires", "max-age", "domain", "path")


class HttpGate:
    """Lets through as many requests at a time as host.json allows, and answers 429 to those that cannot wait."""

    def __init__(self, options: HttpOptions) -> None:
        self._most_outstanding = options.max_outstanding_requests
        self._outstanding = 0
        concurrent = options.max_concurrent_requests
        self._turns = asyncio.Semaphore(concurrent) if concurrent > 0 else None

    async def run(self, match: Match, request: web.Request, invoker: Invoker) -> web.Response:
        """Call the function for a request, or refuse it."""
        if 0 < self._most_outstanding <= self._outstanding:
            return web.Response(status=429)
        self._outstanding += 1
        try:
            if self._turns is None:
                return await call_function(match, request, invoker)
            async with self._turns:
                return await call_function(match, request, invoker)
        finally:
            self._outstanding -= 1


async def call_function(match: Match, request: web.Request, invoker: Invoker) -> web.Response:
    """Answer a request by its function; a failure is a 500 with nothing in it."""
    body = await read_body(request)
    trace = TraceContext.continuing(request.headers.get("traceparent", ""), request.headers.get("tracestate", ""))
    data = TriggerData(
        request_datum(request, match.parameters, body), "This function was programmatically called", trace=trace
    )
    try:
        returned = await invoker.invoke(match.function, data)
        return response_from(returned)
    except InvocationError:
        return web.Response(status=500)
    except (ValueError, TypeError) as error:
        _log.error("The answer of function %s cannot be sent: %s", match.function.name, error)
        return web.Response(status=500)


async def read_body(request: web.Request) -> bytes:
    """Return the body as the worker gets it: one without a Content-Length, so a chunked one, arrives empty."""
    if request.content_length:
        return await request.read()
    if request.body_exists:
        _log.warning("The request body is chunked: the Functions host gives it to the function empty.")
    return b""


def request_datum(request: web.Request, parameters: Mapping[str, str], body: bytes) -> Datum:
    """Describe a request as the host does to the worker."""
    return Datum(
        type="http",
        value={
            "method": _text(request.method),
            "url": _text(f"{request.scheme}://{request.host}{request.raw_path}"),
            "headers": _texts(_joined((name.lower(), value) for name, value in request.headers.items())),
            "query": _texts(_query(request.raw_path)),
            "params": _texts(parameters),
            "body": Datum(type="bytes", value=body),
        },
    )


def _query(raw_path: str) -> dict[str, str]:
    """Join repeated keys, in any case, with commas; leave out keys without a value."""
    pairs = parse_qsl(raw_path.partition("?")[2].partition("#")[0], keep_blank_values=True)
    spelling: dict[str, str] = {}
    same = ((spelling.setdefault(key.lower(), key), value) for key, value in pairs if value)
    return _joined(same)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if values.get(name) else value
    return values


def _text(value: str) -> Datum:
    return Datum(type="string", value=value)


def _texts(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: _text(value) for name, value in values.items()}


def response_from(datum: Datum | None) -> web.Response:
    """Make the response that a function's return value stands for."""
    if datum is None or datum.type not in {"http", "string"}:
        raise TypeError("it is not an HTTP response")
    return _from_http(datum.value) if datum.type == "http" else _from_text(datum.value)


def _from_http(value: Mapping[str, Any]) -> web.Response:
    headers = CIMultiDict((name, one.value) for name, one in value["headers"].items() if name.lower() not in _FRAMING)
    for jar in value["cookies"] or ():
        for cookie in jar.values():
            headers.add("Set-Cookie", _cookie(cookie))
    return web.Response(status=_status(value["status_code"].value), body=value["body"].value, headers=headers)


def _status(value: str | int) -> int:
    status = int(value)
    if not 100 <= status <= 999:
        raise ValueError(f"{status} is not an HTTP status")
    return status


def _cookie(cookie: Morsel[str]) -> str:
    """Write a cookie anew, as ASP.NET Core does: value escaped, attributes lower-case and in its order."""
    parts = [f"{cookie.key}={quote(cookie.value, safe='')}"]
    parts += [f"{name}={cookie[name]}" for name in _COOKIE_ATTRIBUTES if cookie[name]]
    parts += ["secure"] if cookie["secure"] else []
    parts += [f"samesite={cookie['samesite'].lower()}"] if cookie["samesite"] else []
    parts += ["httponly"] if cookie["httponly"] else []
    return "; ".join(parts)


def _from_text(text: str) -> web.Response:
    """Take a string as plain text, unless it is a JSON object with a `body`: then that describes the response."""
    described = _described(text)
    if "body" not in described:
        return web.Response(text=text)
    body, headers = described["body"], CIMultiDict(described.get("headers") or {})
    status = _status(described.get("statuscode", described.get("status", 200)))
    if isinstance(body, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return web.Response(status=status, body=body.encode(), headers=headers)
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers)


def _described(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return {name.lower(): one for name, one in value.items()} if isinstance(value, dict) else {}
