"""The webhook that Event Grid delivers to: `/runtime/webhooks/eventgrid?functionName=NAME`.

Source: azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.EventGrid, `HttpRequestProcessor`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from aiohttp import web
from azure.functions.meta import Datum

from local.host.errors import InvocationError
from local.host.indexing import Function
from local.host.invocation import Invoker, TriggerData
from local.host.newtonsoft import event_text

ORIGIN = "eventgrid.azure.net"


class EventGridWebhook:
    """Answers Event Grid for the functions that it triggers; their names count with their case."""

    def __init__(self, functions: Mapping[str, Function], invoker: Invoker) -> None:
        self._functions = functions
        self._invoker = invoker

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a handshake, or run the function once for each event."""
        name = next((value for key, value in request.query.items() if key.lower() == "functionname"), "")
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return web.Response(headers={"Webhook-Allowed-Origin": ORIGIN})
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        if kind not in {"subscriptionvalidation", "notification"}:
            return web.Response(status=400)
        try:
            content = json.loads(await request.read())
        except ValueError:
            return web.Response(status=500, text="The request body is not JSON.")
        return _validate(content) if kind == "subscriptionvalidation" else await self._deliver(function, content)

    async def _deliver(self, function: Function, content: object) -> web.Response:
        events = content if isinstance(content, list) else [content]
        calls = [
            self._invoker.invoke(
                function, TriggerData(Datum(event_text(event), "json"), f"EventGrid trigger fired for {function.name}")
            )
            for event in events
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if not isinstance(failure, InvocationError):
                raise failure
        return web.Response(status=500, text=str(failures[0])) if failures else web.Response(status=202)


def _validate(content: object) -> web.Response:
    code = _validation_code(content)
    if code is None:
        return web.Response(status=500, text="The validation event has no validation code.")
    # 200 and not 202: Event Grid accepts no other answer to its handshake.
    return web.Response(text=json.dumps({"validationResponse": code}))


def _validation_code(content: object) -> str | None:
    event = content[0] if isinstance(content, list) and content else content
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            return None
    code = data.get("validationCode") if isinstance(data, dict) else None
    return code if isinstance(code, str) else None
