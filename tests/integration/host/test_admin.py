"""The host's own endpoints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import azure.functions as func

from .serving import serving

SETTINGS = {"AzureWebJobs.sleeper.Disabled": "true"}


class Calls:
    """What the functions under test were given."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.gate = asyncio.Event()


def _app(calls: Calls) -> func.FunctionApp:
    app = func.FunctionApp()

    @app.route("page", methods=["GET"])
    async def page(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    @app.timer_trigger("timer", "0 0 0 1 1 *", use_monitor=False)
    async def sweep(timer: func.TimerRequest) -> None:
        await calls.gate.wait()
        calls.seen.append(timer.past_due)

    @app.timer_trigger("timer", "0 0 0 1 1 *", use_monitor=False)
    async def sleeper(timer: func.TimerRequest) -> None: ...

    @app.event_grid_trigger("event")
    async def on_event(event: func.EventGridEvent) -> None:
        calls.seen.append(event.id)
        if event.id == "bad":
            raise ValueError

    return app


async def test_functions_are_listed_with_their_bindings(tmp_path: Path) -> None:
    async with serving(_app(Calls()), tmp_path, settings=SETTINGS) as client:
        listed = json.loads((await client.get("/admin/functions")).body)
    assert [(one["name"], one["isDisabled"]) for one in listed] == [
        ("on_event", False),
        ("page", False),
        ("sleeper", True),
        ("sweep", False),
    ]
    trigger, output = listed[1]["config"]["bindings"]
    assert (trigger["type"], trigger["route"], trigger["methods"]) == ("httpTrigger", "page", ["GET"])
    assert (output["type"], output["direction"]) == ("http", "out")


async def test_the_status_is_running(tmp_path: Path) -> None:
    async with serving(_app(Calls()), tmp_path) as client:
        status = json.loads((await client.get("/Admin/Host/Status")).body)
        assert (await client.get("/admin/host/ping")).status == 200
    assert (status["state"], status["errors"]) == ("Running", [])


async def test_a_function_is_started_at_once_and_waited_for_only_on_demand(tmp_path: Path) -> None:
    calls = Calls()
    async with serving(_app(calls), tmp_path) as client:
        started = await client.send("POST", "/admin/functions/Sweep", body="{}")
        assert (started.status, calls.seen) == (202, [])
        calls.gate.set()
        waited = await client.send("POST", "/admin/functions/sweep?wait=1")
        assert (waited.status, calls.seen) == (200, [False, False])


async def test_the_input_is_what_the_function_gets_and_its_failure_is_told(tmp_path: Path) -> None:
    calls = Calls()
    async with serving(_app(calls), tmp_path) as client:
        answers = [
            await client.send("POST", "/admin/functions/on_event?wait=1", body=json.dumps({"input": given}))
            for given in ('{"id": "good"}', {"id": "bad"})
        ]
    assert [answer.status for answer in answers] == [200, 500]
    assert calls.seen == ["good", "bad"]


async def test_what_cannot_be_run_by_hand_is_refused(tmp_path: Path) -> None:
    async with serving(_app(Calls()), tmp_path) as client:
        assert (await client.send("POST", "/admin/functions/none")).status == 404
        assert (await client.send("POST", "/admin/functions/page")).status == 400
        assert (await client.send("POST", "/admin/functions/on_event", body="{")).status == 400
        assert (await client.get("/admin/other")).status == 404
