"""The functions that the app offers: name, trigger, route, method and who may call them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from devtools.paths import ROOT
from tests.unit.edges.principals import principal

KEY, ANYONE = "function", "anonymous"
HTTP = {
    "send_message": ("messages", "POST", KEY),
    "get_message": ("messages/{id}", "GET", KEY),
    "explain_message": ("messages/{id}/explain", "GET", KEY),
    "cancel_message": ("messages/{id}", "DELETE", KEY),
    "start_campaign": ("campaigns", "POST", KEY),
    "forecast_campaign": ("campaigns/forecast", "POST", KEY),
    "list_campaigns": ("campaigns", "GET", KEY),
    "get_campaign": ("campaigns/{id}", "GET", KEY),
    "list_campaign_recipients": ("campaigns/{id}/recipients", "GET", KEY),
    "pause_campaign": ("campaigns/{id}/pause", "POST", KEY),
    "resume_campaign": ("campaigns/{id}/resume", "POST", KEY),
    "cancel_campaign": ("campaigns/{id}/cancel", "POST", KEY),
    "list_failures": ("failures", "GET", KEY),
    "resend_failure": ("failures/{id}/resend", "POST", KEY),
    "resend_failures": ("failures/resend", "POST", KEY),
    "check_opt_outs": ("opt-outs/check", "POST", KEY),
    "add_opt_outs": ("opt-outs/add", "POST", KEY),
    "remove_opt_outs": ("opt-outs/remove", "POST", KEY),
    "opt_out_history": ("opt-outs/history", "POST", KEY),
    "list_opt_outs": ("opt-outs", "GET", KEY),
    "list_conversations": ("conversations", "GET", KEY),
    "search_conversations": ("conversations/search", "POST", KEY),
    "get_conversation": ("conversations/{id}", "GET", KEY),
    "change_conversation": ("conversations/{id}", "PATCH", KEY),
    "list_conversation_messages": ("conversations/{id}/messages", "GET", KEY),
    "reply_to_conversation": ("conversations/{id}/messages", "POST", KEY),
    "list_notes": ("conversations/{id}/notes", "GET", KEY),
    "add_note": ("conversations/{id}/notes", "POST", KEY),
    "get_quick_replies": ("quick-replies", "GET", KEY),
    "set_quick_replies": ("quick-replies", "PUT", KEY),
    "get_auto_replies": ("auto-replies", "GET", KEY),
    "set_auto_replies": ("auto-replies", "PUT", KEY),
    "get_analytics": ("analytics", "GET", KEY),
    "health": ("health", "GET", ANYONE),
    "get_openapi": ("openapi.json", "GET", ANYONE),
    "get_docs": ("docs", "GET", ANYONE),
    "get_docs_file": ("docs/{name}", "GET", ANYONE),
    "get_console": ("console", "GET", ANYONE),
    "get_console_file": ("console/{name}", "GET", ANYONE),
    "wrong_address": ("{*address}", ANYONE),
}
EVENTS = {"sms_received", "sms_delivery_report"}
QUEUES = {
    "send_batch": "sms-sends",
    "send_chunk": "sms-campaigns",
    "deliver_notices": "sms-notices",
    "keep_failed_batch": "sms-sends-poison",
    "keep_failed_chunk": "sms-campaigns-poison",
    "keep_failed_lane": "sms-notices-poison",
}
TIMERS = {
    "release_due": "*/15 * * * * *",
    "wake_lanes": "*/15 * * * * *",
    "settle_missing_reports": "0 7 * * * *",
    "roll_up": "0 */10 * * * *",
    "clear_broken_uploads": "0 37 * * * *",
}

# Whoever adds a function here says why: these hold no data and do nothing.
FOR_ANYONE = {"health", "get_openapi", "get_docs", "get_docs_file", "get_console", "get_console_file", "wrong_address"}
SIGN_IN = {"SMS_SIGN_IN": "on", "WEBSITE_AUTH_ENABLED": "True"}

CALL_EACH = """
import asyncio, json, sys, azure.functions as func, function_app
def level(one):
    about = one.get_function_json()
    about = json.loads(about) if isinstance(about, str) else about
    return next((str(b["authLevel"]) for b in about["bindings"] if b["type"] == "httpTrigger"), None)
async def call(code):
    calls = [func.HttpRequest("POST", "/", headers=one, params={}, body=b"{}") for one in json.loads(sys.argv[1])]
    return [(await code(one)).status_code for one in calls]
told = {}
for one in function_app.app.get_functions():
    if level(one) and one.get_function_name() not in sys.argv[2:]:
        told[one.get_function_name()] = [level(one), *asyncio.run(call(one.get_user_function()))]
print(json.dumps(told))
"""

TELL = """
import inspect, json, function_app
told = []
for one in function_app.app.get_functions():
    about = json.loads(one.get_function_json()) if isinstance(one.get_function_json(), str) else one.get_function_json()
    code = one.get_user_function()
    told.append([one.get_function_name(), about["bindings"], code.__doc__, inspect.iscoroutinefunction(code)])
print(json.dumps(told))
"""


def example() -> dict[str, str]:
    """Return the settings of local.settings.json.example."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
    return values


def run(settings: dict[str, str], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a fresh interpreter with these settings alone."""
    command = [sys.executable, "-c", code, *arguments]
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def table() -> dict[str, list[object]]:
    """Give what the app tells of its functions: bindings, docstring, whether it is async."""
    done = run(example(), TELL)
    assert done.returncode == 0, done.stderr
    return {name: about for name, *about in json.loads(done.stdout)}


def test_the_functions_are_exactly_these(table: dict[str, list[object]]) -> None:
    assert set(table) == {*HTTP, *EVENTS, *QUEUES, *TIMERS}


@pytest.mark.parametrize("name", HTTP)
def test_an_http_function_has_its_route_method_and_level(table: dict[str, list[object]], name: str) -> None:
    bindings = table[name][0]
    assert isinstance(bindings, list)
    (trigger,) = [one for one in bindings if one["direction"] in (0, "IN")]
    assert trigger["type"] == "httpTrigger"
    methods = [str(method).rpartition(".")[2] for method in trigger.get("methods") or ()]
    level = str(trigger["authLevel"]).rpartition(".")[2].lower()
    assert (trigger["route"], *methods, level) == HTTP[name]


def test_what_answers_where_nothing_else_does_is_tried_last(table: dict[str, list[object]]) -> None:
    # The host tries functions by name, ordinal and ignoring case.
    assert max(table, key=str.upper) == "wrong_address"


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_event_function_is_triggered_by_event_grid(table: dict[str, list[object]], name: str) -> None:
    bindings = table[name][0]
    assert isinstance(bindings, list)
    assert [(one["type"], one["name"]) for one in bindings] == [("eventGridTrigger", "event")]


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_function_has_its_queue_in_the_apps_own_storage(table: dict[str, list[object]], name: str) -> None:
    bindings = table[name][0]
    assert isinstance(bindings, list)
    told = [(one["type"], one["name"], one["queueName"], one["connection"]) for one in bindings]
    assert told == [("queueTrigger", "message", QUEUES[name], "AzureWebJobsStorage")]


def test_the_queues_have_the_prefix_of_the_settings_so_that_two_apps_share_a_storage_account() -> None:
    done = run({**example(), "SMS_QUEUE_PREFIX": "shop-2"}, TELL)
    assert done.returncode == 0, done.stderr
    told = {name: bindings[0].get("queueName") for name, bindings, *_ in json.loads(done.stdout) if name in QUEUES}
    assert told == {name: queue.replace("sms-", "shop-2-") for name, queue in QUEUES.items()}


@pytest.mark.parametrize("name", TIMERS)
def test_a_timer_has_its_schedule(table: dict[str, list[object]], name: str) -> None:
    bindings = table[name][0]
    assert isinstance(bindings, list)
    assert [(one["type"], one["name"], one["schedule"]) for one in bindings] == [
        ("timerTrigger", "timer", TIMERS[name])
    ]


def test_every_http_function_but_those_for_anyone_needs_a_key(table: dict[str, list[object]]) -> None:
    without = set()
    for name, (bindings, *_) in table.items():
        assert isinstance(bindings, list)
        levels = [str(one["authLevel"]).rpartition(".")[2].lower() for one in bindings if one["type"] == "httpTrigger"]
        without |= {name for level in levels if level != KEY}
    assert without == FOR_ANYONE


def test_with_sign_in_no_function_asks_for_a_key_and_each_refuses_who_has_not_signed_in() -> None:
    calls = [{}, {"x-functions-key": "key"}, principal("Sms.Admin", provider="google"), principal("Sms.Other")]
    done = run({**example(), **SIGN_IN}, CALL_EACH, json.dumps(calls), *FOR_ANYONE)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == set(HTTP) - FOR_ANYONE
    for name, (level, *statuses) in told.items():
        assert level.rpartition(".")[2].lower() == ANYONE, name
        assert statuses == [401, 401, 401, 403], name


def test_without_sign_in_a_function_refuses_who_says_that_somebody_signed_in() -> None:
    done = run(example(), CALL_EACH, json.dumps([principal("Sms.Admin")]), *FOR_ANYONE)
    assert done.returncode == 0, done.stderr
    assert {name: status for name, (_, status) in json.loads(done.stdout).items()} == dict.fromkeys(
        set(HTTP) - FOR_ANYONE, 401
    )


def test_every_function_is_async_and_says_what_it_does(table: dict[str, list[object]]) -> None:
    for name, (_, summary, is_async) in table.items():
        assert is_async, name
        assert isinstance(summary, str), name
        assert summary.endswith("."), name


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SMS_SENDERS": ""}, "SMS_SENDERS must be set."),
        ({"SMS_SIGN_IN": "canary"}, "SMS_SIGN_IN is wrong: input should be "),
        ({"SMS_SIGN_IN": "on"}, "SMS_SIGN_IN is on, but App Service authentication is not: "),
        ({**SIGN_IN, "WEBSITE_AUTH_ENABLED": "False"}, "SMS_SIGN_IN is on, but App Service authentication is not: "),
        ({"SMS_OPT_OUT_SCOPE": "canary"}, "SMS_OPT_OUT_SCOPE is wrong: input should be "),
        ({"ACS_CONNECTION_STRING": "canary"}, "ACS_CONNECTION_STRING is wrong: "),
        ({"AzureWebJobsStorage": "canary"}, "AzureWebJobsStorage is wrong: "),
    ],
)
def test_a_wrong_setting_stops_the_app_when_it_is_imported(changes: dict[str, str], sentence: str) -> None:
    done = run({**example(), **changes}, "import function_app")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"shared.edges.settings.SettingsError: {sentence}")
    assert "canary" not in done.stderr
