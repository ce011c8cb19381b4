"""The host's own endpoints under `/admin`: what is loaded, how the host is, and running a function by hand.

They are those of Azure's host, except that `?wait=1` waits for the run and tells how it ended.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum

from local.host.checks import Loaded
from local.host.errors import InvocationError
from local.host.indexing import Binding, Function
from local.host.invocation import Invoker, TriggerData
from local.host.newtonsoft import event_text
from local.host.queue_messages import MessageFacts, trigger_data
from local.host.timers import timer_datum

_REASON = "This function was programmatically called via the host APIs"


class Admin:
    """Answers `/admin/…`."""

    def __init__(self, loaded: Loaded, disabled: frozenset[str], invoker: Invoker) -> None:
        self._loaded = loaded
        self._disabled = disabled
        self._invoker = invoker
        self._started = time.monotonic()
        self._runs: set[asyncio.Task[web.Response]] = set()

    async def answer(self, request: web.Request, path: Sequence[str]) -> web.Response:
        """Answer a request for a path below `/admin`."""
        match request.method, [part.lower() for part in path]:
            case "GET", ["host", "status"]:
                return web.json_response(self._status())
            case "GET" | "POST", ["host", "ping"]:
                return web.Response()
            case "GET", ["functions"]:
                return web.json_response([self._described(function) for function in self._loaded.functions])
            case "POST", ["functions", _]:
                return await self._run(path[1], request)
            case _:
                return web.Response(status=404)

    def _status(self) -> dict[str, Any]:
        return {
            "id": "local",
            "state": "Running",
            "version": "local",
            "processUptime": round((time.monotonic() - self._started) * 1000),
            "errors": [f"{name}: {sentence}" for name, sentence in self._loaded.errors.items()],
        }

    def _described(self, function: Function) -> dict[str, Any]:
        return {
            "name": function.name,
            "isDisabled": function.name in self._disabled,
            "language": "python",
            "config": {"bindings": [_raw(binding) for binding in function.bindings]},
        }

    async def _run(self, name: str, request: web.Request) -> web.Response:
        functions = {function.name.lower(): function for function in self._loaded.functions}
        function = functions.get(name.lower())
        if function is None:
            return web.Response(status=404)
        if function.trigger.type == "httpTrigger":
            return web.Response(status=400, text="Call an HTTP-triggered function at its own address.")
        try:
            data = _data(function, _input(await request.text()))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        run = asyncio.create_task(self._finished(function, data))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        return await run if request.query.get("wait") == "1" else web.Response(status=202)

    async def _finished(self, function: Function, data: TriggerData) -> web.Response:
        try:
            await self._invoker.invoke(function, data)
        except InvocationError as error:
            return web.Response(status=500, text=str(error))
        return web.Response()


def _raw(binding: Binding) -> Mapping[str, Any]:
    direction = "out" if binding.is_output else "in"
    return {"name": binding.name, "type": binding.type, "direction": direction, **binding.properties}


def _input(body: str) -> str:
    """Return what the body, `{"input": …}` or any JSON, gives the function, as text; no body gives nothing."""
    if not body.strip():
        return ""
    content = json.loads(body)
    given = content.get("input", "") if isinstance(content, dict) else content
    return given if isinstance(given, str) else json.dumps(given)


def _data(function: Function, text: str) -> TriggerData:
    match function.trigger.type:
        case "timerTrigger":
            return TriggerData(timer_datum(past_due=False, adjusts_for_dst=True, status=None), _REASON)
        case "eventGridTrigger":
            return TriggerData(Datum(event_text(json.loads(text)), "json"), _REASON)
        case _:
            now = datetime.now(UTC)
            return trigger_data(text, MessageFacts("", 1, now, now, now, ""), _REASON)
