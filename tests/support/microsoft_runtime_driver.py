"""Index an app, and call its functions, with the worker code that Azure itself runs (`azure-functions-runtime`).

It runs in a Python of 3.13 or newer, in a process of its own, with nothing of this project but the app. It reads
`{"app": FOLDER, "calls": [{"function", "parameter", "value", "metadata"}]}` from standard input and writes
`{"functions": [{"name", "bindings"}], "results": [{"ok", "returned"}]}`, or `{"error"}`, as its last line.

Between Azure's host and the worker are protobuf messages. The worker makes and reads them by attribute only, so
plain objects stand in for them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import uuid
from types import SimpleNamespace
from typing import Any

from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.utils.threadpool import start_threadpool_executor


class Message(SimpleNamespace):
    """Stands in for any protobuf message that the worker only fills."""


class StatusResult(Message):
    """Stands in for the message that says whether a request succeeded."""

    Failure = 0
    Success = 1


class BindingInfo(Message):
    """Stands in for the message that describes a binding; the numbers are those of `azure.functions`."""

    undefined = -1
    out = 1
    inout = 2


class Protos:
    """Stands in for the module of protobuf classes."""

    StatusResult = StatusResult
    BindingInfo = BindingInfo

    def __getattr__(self, name: str) -> type[Message]:
        return Message


def _to_datum(plain: Any) -> Datum:
    kind, value = plain["type"], plain["value"]
    if kind == "bytes":
        return Datum(base64.b64decode(value), kind)
    if kind == "http":
        return Datum({name: _to_part(part) for name, part in value.items()}, kind)
    return Datum(value, kind)


def _to_part(part: Any) -> Any:
    return _to_datum(part) if "type" in part else {name: _to_datum(one) for name, one in part.items()}


def _to_plain(datum: Any) -> Any:
    if datum is None or datum.type is None:
        return None
    value = datum.value
    if datum.type == "bytes":
        value = base64.b64encode(value).decode()
    elif datum.type == "http":
        value = {
            "status": value["status_code"].value,
            "headers": {name: one.value for name, one in value["headers"].items()},
            "cookies": [jar.output(header="").strip() for jar in value["cookies"] or ()],
            "body": _to_plain(value["body"]),
        }
    return {"type": datum.type, "value": value}


async def _index(folder: str) -> list[dict[str, Any]]:
    init = SimpleNamespace(capabilities={}, function_app_directory=folder)
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init), properties={"host": "", "protos": Protos()}
    )
    response = await handle_event.worker_init_request(request)
    if response.result.status != StatusResult.Success:
        raise RuntimeError(response.result.exception.message)
    answer = await handle_event.functions_metadata_request(request)
    return [
        {"name": one.name, "bindings": [json.loads(raw) for raw in one.raw_bindings]}
        for one in answer.function_metadata_results or ()
    ]


async def _call(call: dict[str, Any]) -> dict[str, Any]:
    function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, call["function"]))
    metadata = {name: _to_datum(plain) for name, plain in call["metadata"].items()}
    ok, returned, *_ = await native_invocation.invocation_request_native(
        str(uuid.uuid4()), function_id, [(call["parameter"], _to_datum(call["value"]))], metadata
    )
    return {"ok": ok, "returned": _to_plain(returned)}


async def _run(task: dict[str, Any]) -> dict[str, Any]:
    start_threadpool_executor()
    try:
        functions = await _index(task["app"])
        return {"functions": functions, "results": [await _call(call) for call in task["calls"]]}
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Do what standard input says."""
    task = json.load(sys.stdin)
    os.chdir(task["app"])
    sys.path.insert(0, task["app"])
    answer = asyncio.run(_run(task))
    print("\n" + json.dumps(answer), flush=True)
    os._exit(0)  # as Azure's host does: nothing of the app's own ending runs


if __name__ == "__main__":
    main()
