"""The host as a program: how it starts, what it prints, how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .serving import host_process, run_to_end, write_app

APP = """
import atexit
import os
import time
import azure.functions as func

app = func.FunctionApp()
atexit.register(lambda: print("atexit ran", flush=True))

@app.route("hello", methods=["GET"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ["GREETING"] + " " + os.environ["AZURE_FUNCTIONS_ENVIRONMENT"])

@app.route("slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    print("slow began", flush=True)
    time.sleep(0.5)
    return func.HttpResponse("done")

@app.event_grid_trigger("event")
async def on_event(event: func.EventGridEvent) -> None: ...
"""
SETTINGS_ERROR = """
class SettingsError(Exception):
    pass

raise SettingsError("SMS_DEFAULT_SENDER is missing: give the number to send from.")
"""
IN_ERROR = """
import azure.functions as func

app = func.FunctionApp()

@app.route("admin/x")
async def bad(req: func.HttpRequest) -> func.HttpResponse: ...
"""
GOOD_TOO = """
@app.route("good")
async def good(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("ok")
"""


def _get(url: str, key: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"x-functions-key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def test_it_lists_the_functions_says_that_it_is_ready_and_serves(tmp_path: Path) -> None:
    app = write_app(tmp_path, APP)
    values = {"Values": {"GREETING": "from the file"}, "IsEncrypted": False}
    (tmp_path / "local.settings.json").write_text(json.dumps(values), "utf-8")
    with host_process(app) as host:
        assert f"\thello: [GET] {host.url}/api/hello" in host.lines
        assert f"\tslow: {host.url}/api/slow" in host.lines
        assert "\ton_event: eventGridTrigger" in host.lines
        assert _get(f"{host.url}/api/hello") == (200, "from the file Development")


def test_the_environment_wins_over_local_settings(tmp_path: Path) -> None:
    app = write_app(tmp_path, APP)
    (tmp_path / "local.settings.json").write_text('{"Values": {"GREETING": "from the file"}}', "utf-8")
    with host_process(app, extra={"GREETING": "from outside"}) as host:
        assert _get(f"{host.url}/api/hello")[1] == "from outside Development"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_code_0_and_atexit_does_not_run(tmp_path: Path, number: signal.Signals) -> None:
    with host_process(write_app(tmp_path, APP)) as host:
        host.process.send_signal(number)
        code, rest = host.end()
    assert (code, "Host is stopping." in rest, "atexit ran" in rest) == (0, True, False)


async def test_a_port_that_is_taken_is_one_sentence_that_names_the_flag(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, errors = await run_to_end(write_app(tmp_path, APP), "--port", str(port))
    assert code == 1
    assert re.fullmatch(rf"Port {port} cannot be used \(.*\); choose another with --port\.\n", errors)


async def test_a_wrong_setting_of_the_app_is_told_in_its_own_sentence(tmp_path: Path) -> None:
    code, _, errors = await run_to_end(write_app(tmp_path, SETTINGS_ERROR))
    assert (code, errors) == (1, "SMS_DEFAULT_SENDER is missing: give the number to send from.\n")


async def test_an_app_that_cannot_be_imported_is_told_with_its_trace(tmp_path: Path) -> None:
    code, _, errors = await run_to_end(write_app(tmp_path, "import no_such_module"))
    assert code == 1
    assert errors.rstrip().endswith("The app cannot be imported: ModuleNotFoundError: No module named 'no_such_module'")
    assert "Traceback" in errors


async def test_no_function_at_all_ends_it_with_code_1(tmp_path: Path) -> None:
    code, _, errors = await run_to_end(write_app(tmp_path, IN_ERROR))
    assert code == 1
    assert errors.startswith("The 'bad' function is in error: ")
    assert errors.endswith("No functions were loaded.\n")


def test_a_function_in_error_does_not_keep_the_others_from_being_served(tmp_path: Path) -> None:
    with host_process(write_app(tmp_path, IN_ERROR + GOOD_TOO)) as host:
        assert _get(f"{host.url}/api/good") == (200, "ok")
        [error] = json.loads(_get(f"{host.url}/admin/host/status")[1])["errors"]
        assert error.startswith("bad: ")


async def test_a_wrong_host_json_is_one_sentence(tmp_path: Path) -> None:
    code, _, errors = await run_to_end(write_app(tmp_path, APP, host_json='{"version": "1.0"}'))
    assert (code, errors) == (1, 'host.json must say "version": "2.0".\n')


def test_auth_prints_new_keys_and_asks_for_them(tmp_path: Path) -> None:
    with host_process(write_app(tmp_path, IN_ERROR + GOOD_TOO), "--auth") as host:
        keys = dict(line.split(": ", 1) for line in host.lines if " key:" in line)
        assert _get(f"{host.url}/api/good")[0] == 401
        assert _get(f"{host.url}/api/good", keys["Host key"].strip())[0] == 200
        assert _get(f"{host.url}/admin/host/status", keys["Master key"].strip())[0] == 200


def test_auth_takes_the_keys_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"master": "m", "host": {"default": "h"}}', "utf-8")
    app = write_app(tmp_path, IN_ERROR + GOOD_TOO)
    with host_process(app, "--auth", str(tmp_path / "keys.json")) as host:
        assert not any(" key:" in line for line in host.lines)
        assert _get(f"{host.url}/api/good?code=h")[0] == 200
