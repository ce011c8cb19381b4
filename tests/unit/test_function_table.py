"""The functions that the app offers: name, trigger, route, method and who may call them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from devtools.paths import ROOT

KEY, ANYONE = "function", "anonymous"
HTTP = {
    "send_message": ("messages", "POST", KEY),
    "get_message": ("messages/{id}", "GET", KEY),
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
    "get_conversation": ("conversations/{id}/messages", "GET", KEY),
    "get_analytics": ("analytics", "GET", KEY),
    "health": ("health", "GET", ANYONE),
}
EVENTS = {"sms_received", "sms_delivery_report"}
QUEUES = {
    "send_batch": "sms-sends",
    "send_chunk": "sms-campaigns",
    "keep_failed_batch": "sms-sends-poison",
    "keep_failed_chunk": "sms-campaigns-poison",
}
TIMERS = {"release_due": "*/15 * * * * *", "settle_missing_reports": "0 7 * * * *"}

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


def run(settings: dict[str, str], code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a fresh interpreter with these settings alone."""
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60, check=False
    )


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
    methods = [str(method).rpartition(".")[2] for method in trigger["methods"]]
    level = str(trigger["authLevel"]).rpartition(".")[2].lower()
    assert (trigger["route"], *methods, level) == HTTP[name]


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


@pytest.mark.parametrize("name", TIMERS)
def test_a_timer_has_its_schedule(table: dict[str, list[object]], name: str) -> None:
    bindings = table[name][0]
    assert isinstance(bindings, list)
    assert [(one["type"], one["name"], one["schedule"]) for one in bindings] == [
        ("timerTrigger", "timer", TIMERS[name])
    ]


def test_every_function_but_health_needs_a_key() -> None:
    assert [name for name, (_, _, level) in HTTP.items() if level != KEY] == ["health"]


def test_every_function_is_async_and_says_what_it_does(table: dict[str, list[object]]) -> None:
    for name, (_, summary, is_async) in table.items():
        assert is_async, name
        assert isinstance(summary, str), name
        assert summary.endswith("."), name


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SMS_SENDERS": ""}, "SMS_SENDERS must be set."),
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
