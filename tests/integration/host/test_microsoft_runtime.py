"""The same apps through Microsoft's own worker code and through the local host.

`azure-functions-runtime` is what Azure runs from Python 3.13 on. It needs such a Python on this machine, and
packages from the network the first time; where either is missing the tests say so and are skipped.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from devtools.pythons import find_python
from local.host.errors import InvocationError
from local.host.indexing import Binding, index
from local.host.invocation import Invoker, TriggerData
from tests.support.programs import clean_environment

from .serving import PROJECT, write_app

RUNTIME = "azure-functions-runtime==1.3.0"
DRIVER = PROJECT / "tests" / "support" / "microsoft_runtime_driver.py"
CACHE = PROJECT / ".local" / "microsoft-runtime"

pytestmark = pytest.mark.timeout(900)  # the first run installs packages

SAMPLE = """
import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route("echo/{id}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = [req.method, req.url, dict(req.headers), dict(req.params), dict(req.route_params)]
    body = json.dumps([*seen, req.get_body().decode()])
    return func.HttpResponse(body, status_code=207, headers={"X-A": "b"}, mimetype="application/json")


@app.route("answer")
def answer(req: func.HttpRequest) -> func.HttpResponse:
    match req.params["kind"]:
        case "text":
            return "plain"
        case "bytes":
            return func.HttpResponse(b"\\x00\\xff", mimetype="image/png")
        case "cookie":
            return func.HttpResponse(headers={"Set-Cookie": "a=b; Path=/; HttpOnly"})
        case "none":
            return None
        case "dict":
            return {"a": 1}
        case _:
            raise ValueError


@app.event_grid_trigger("event")
async def on_event(event: func.EventGridEvent) -> None:
    assert (event.id, event.event_time.microsecond, event.get_json()) == ("e1", 123000, {"a": 1})


@app.event_grid_trigger("event")
async def returns_too_much(event: func.EventGridEvent):
    return "a value without a $return binding"


@app.queue_trigger("message", "work", "AzureWebJobsStorage")
async def on_message(message: func.QueueMessage) -> None:
    assert message.get_body() == message.id.encode()
    assert message.dequeue_count == 3


@app.queue_trigger("message", "forward", "AzureWebJobsStorage")
@app.queue_output("$return", "next", "AzureWebJobsStorage")
def forward(message: str) -> str:
    return message.upper()


@app.timer_trigger("timer", "0 */5 * * * *", run_on_startup=False, use_monitor=True)
async def sweep(timer: func.TimerRequest) -> None:
    assert timer.past_due


@app.route("context")
async def with_context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(context.function_name)
"""


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _install(newer: Path, folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    subprocess.run([newer, "-m", "venv", partial], check=True, capture_output=True)
    pip = [str(_python_in(partial)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for packages in (("-r", "requirements.txt"), (RUNTIME,)):
        done = subprocess.run([*pip, *packages], cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(partial)
            pytest.skip(f"packages for Microsoft's runtime cannot be installed: {done.stderr.strip()[-300:]}")
    try:
        partial.rename(folder)
    except OSError:  # another test process was quicker
        shutil.rmtree(partial)


@pytest.fixture(scope="module")
def runtime() -> Path:
    """Give the Python that has Microsoft's runtime and what the app needs; made once, then kept."""
    newer = find_python("3.13")
    if newer is None:
        pytest.skip("Microsoft's runtime needs Python 3.13, and neither PATH nor pyenv has it")
    content = (PROJECT / "requirements.txt").read_bytes() + RUNTIME.encode() + str(newer).encode()
    folder = CACHE / hashlib.sha256(content).hexdigest()[:16]
    if not _python_in(folder).exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _install(newer, folder)
    return _python_in(folder)


def _run_theirs(python: Path, app: Path, calls: list[dict[str, Any]], **settings: str) -> dict[str, Any]:
    done = subprocess.run(
        [python, DRIVER],
        input=json.dumps({"app": str(app), "calls": calls}),
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert "error" not in answer, answer["error"]
    return answer


def _index_ours(app: Path, **settings: str) -> list[dict[str, Any]]:
    """Index an app as the host does, in a process of its own, and return each function's bindings."""
    code = (
        "import json, sys; from pathlib import Path; from local.host.indexing import import_app\n"
        "functions = import_app(Path(sys.argv[1]))\n"
        "print('\\n' + json.dumps([{'name': one.name, 'bindings': [{'name': b.name, 'type': b.type,"
        " 'direction': 'OUT' if b.is_output else 'IN', **b.properties} for b in one.bindings]}"
        " for one in functions]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, app],
        cwd=PROJECT,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    functions: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return functions


def _comparable(functions: list[dict[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    return {one["name"]: sorted(one["bindings"], key=lambda binding: str(binding["name"])) for one in functions}


def _plain(value: str, kind: str = "string") -> dict[str, Any]:
    return {"type": kind, "value": value}


def _request(**changes: Any) -> dict[str, Any]:
    body = base64.b64encode(changes.pop("body", b"")).decode()
    parts = {"method": "GET", "url": "http://127.0.0.1:7071/api/x", "headers": {}, "query": {}, "params": {}, **changes}
    value = {
        name: _plain(part) if isinstance(part, str) else {key: _plain(one) for key, one in part.items()}
        for name, part in parts.items()
    }
    return {"type": "http", "value": {**value, "body": _plain(body, "bytes")}}


def _call(
    function: str, parameter: str, value: dict[str, Any], metadata: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"function": function, "parameter": parameter, "value": value, "metadata": metadata or {}}


def _answer(kind: str) -> dict[str, Any]:
    return _call("answer", "req", _request(query={"kind": kind}))


EVENT = {"id": "e1", "eventTime": "2026-11-22T10:00:00.123Z", "data": {"a": 1}}
MESSAGE = {"Id": _plain("m1"), "DequeueCount": {"type": "int", "value": 3}}
DUE, NOT_DUE = (json.dumps({"Schedule": {}, "ScheduleStatus": None, "IsPastDue": late}) for late in (True, False))
CALLS = [
    _call(
        "echo",
        "req",
        _request(method="POST", headers={"x-a": "1,2"}, query={"q": "é"}, params={"id": "7"}, body="hé".encode()),
    ),
    *(_answer(kind) for kind in ("text", "bytes", "cookie", "none", "dict", "raise")),
    _call("on_event", "event", _plain(json.dumps(EVENT), "json")),
    _call("on_event", "event", _plain(json.dumps({**EVENT, "id": "other"}), "json")),
    _call("on_event", "event", _plain(json.dumps(EVENT), "string")),
    _call("returns_too_much", "event", _plain(json.dumps(EVENT), "json")),
    _call("on_message", "message", _plain("m1"), MESSAGE),
    _call("on_message", "message", _plain("m2"), MESSAGE),
    _call("on_message", "message", _plain("m1"), {**MESSAGE, "DequeueCount": _plain("three")}),
    _call("forward", "message", _plain("text"), MESSAGE),
    _call("sweep", "timer", _plain(DUE, "json")),
    _call("sweep", "timer", _plain(NOT_DUE, "json")),
    _call("with_context", "req", _request()),
]


def _datum(plain: Any) -> Any:
    if "type" not in plain:
        return {name: _datum(one) for name, one in plain.items()}
    kind, value = plain["type"], plain["value"]
    if kind == "bytes":
        value = base64.b64decode(value)
    elif kind == "http":
        value = _datum(value)
    return Datum(value, kind)


def _returned(datum: Datum | None) -> Any:
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
            "body": _returned(value["body"]),
        }
    return {"type": datum.type, "value": value}


async def _run_ours(source: str, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    scope: dict[str, Any] = {"__name__": "sample"}
    exec(compile(source, "sample.py", "exec"), scope)  # noqa: S102 - the sample above, in a namespace of its own
    functions = {function.name: function for function in index(scope["app"])}
    sent: list[Datum] = []

    async def send(_: Binding, datum: Datum) -> None:
        sent.append(datum)

    results = []
    with ThreadPoolExecutor(2) as pool:
        invoker = Invoker(pool, None, send)
        for call in calls:
            data = TriggerData(_datum(call["value"]), "test", _datum(call["metadata"]))
            try:
                returned = await invoker.invoke(functions[call["function"]], data)
            except InvocationError:
                results.append({"ok": False, "returned": None})
            else:
                results.append({"ok": True, "returned": _returned(returned)})
    assert [datum.value for datum in sent] == ["TEXT"]
    return results


async def test_the_same_calls_give_the_same_answers_in_microsofts_worker(runtime: Path, tmp_path: Path) -> None:
    app = write_app(tmp_path, SAMPLE)
    theirs = await asyncio.to_thread(_run_theirs, runtime, app, CALLS)
    ours = await _run_ours(SAMPLE, CALLS)
    for call, their, our in zip(CALLS, theirs["results"], ours, strict=True):
        assert our == their, call
    assert [result["ok"] for result in ours].count(False) == 9


def test_the_same_bindings_are_indexed_in_microsofts_worker(runtime: Path, tmp_path: Path) -> None:
    app = write_app(tmp_path, SAMPLE)
    theirs = _run_theirs(runtime, app, [])
    assert _comparable(_index_ours(app)) == _comparable(theirs["functions"])


def test_this_projects_functions_are_indexed_in_microsofts_worker_as_here(runtime: Path) -> None:
    example = json.loads((PROJECT / "local.settings.json.example").read_text("utf-8"))
    theirs = _run_theirs(runtime, PROJECT, [], **example["Values"])
    ours = _index_ours(PROJECT, **example["Values"])
    assert {one["name"] for one in ours} >= {"send_message", "sms_received", "sms_delivery_report"}
    assert _comparable(ours) == _comparable(theirs["functions"])
