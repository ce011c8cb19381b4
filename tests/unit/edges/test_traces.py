"""One trace from the HTTP request over the queue and the call of ACS to the delivery report."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from devtools.paths import ROOT
from shared.edges.events import REPORT_RECEIVED
from shared.ports.tables import Range, scan
from shared.rules.errors import CarrierSilent
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.unit.edges.calling import Caller, calling
from tests.unit.edges.telling import Told
from tests.unit.edges.test_events import event_grid
from tests.unit.services.world import ANN, ENVIRONMENT, World

TRACES = ["0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736", "11111111111111111111111111111111"]
REQUEST, QUEUE, EVENT = TRACES


@dataclass
class Context:
    """The part of the host's context that is read."""

    trace_context: Any


@dataclass
class Trace:
    """The trace context of an invocation."""

    trace_parent: str
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def context(trace: str) -> Any:
    """Return the host's context of an invocation in a trace."""
    return Context(Trace(f"00-{trace}-b7ad6b7169203331-01"))


async def send(caller: Caller, body: dict[str, object], trace: str = REQUEST, name: str = "send_message") -> None:
    """Call an HTTP function in a trace."""
    headers = {"Content-Type": "application/json"}
    url = "https://app.example/api/messages"
    request = func.HttpRequest("POST", url, headers=headers, body=json.dumps(body).encode())
    assert (await caller._functions[name](request, context(trace))).status_code == 202  # type: ignore[call-arg]


async def work_off(caller: Caller, name: str, queue: str) -> None:
    """Call a queue function with the one message of its queue, in a trace of its own."""
    (body,) = caller.world.queues.queue(queue).bodies()
    await caller._functions[name](func.QueueMessage(id="1", body=body), context(QUEUE))  # type: ignore[call-arg]


async def report(caller: Caller) -> None:
    """Deliver the report of the last text, in a trace of its own."""
    sent = caller.world.carrier.sent_to(ANN)[-1]
    data = {
        "messageId": sent.message_id,
        "from": sent.sender,
        "to": ANN,
        "deliveryStatus": "Delivered",
        "tag": sent.tag,
    }
    event = event_grid(REPORT_RECEIVED, data)
    await caller._functions["sms_delivery_report"](event, context(EVENT))  # type: ignore[call-arg]


def trace_of(span: ReadableSpan) -> str:
    """Return the id of the trace of a span."""
    return f"{span.context.trace_id:032x}"


def links_of(span: ReadableSpan) -> list[str]:
    """Return the ids of the traces that a span is linked to."""
    return [f"{link.context.trace_id:032x}" for link in span.links]


@pytest.fixture
def told() -> Told:
    """Give exporters in memory."""
    return Told()


async def test_a_text_that_goes_at_once_is_called_and_reported_in_the_trace_of_its_request(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with calling(told.world(), monkeypatch) as caller:
        await send(caller, {"to": ANN, "text": "Hello"})
        await report(caller)

    call, settled = told.spans
    assert (call.name, call.kind, settled.name) == ("send to ACS", SpanKind.CLIENT, "settle by report")
    assert {trace_of(one) for one in told.spans} == {REQUEST}
    assert links_of(settled) == [EVENT]


async def test_a_text_that_waits_is_in_the_trace_of_its_request_over_the_queue(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with calling(told.world(), monkeypatch) as caller:
        later = caller.world.clock.now() + timedelta(minutes=1)
        await send(caller, {"to": ANN, "text": "Hello", "sendAt": later.isoformat()})
        caller.world.clock.time += timedelta(minutes=1)
        await work_off(caller, "send_batch", SENDS_QUEUE)
        await report(caller)

    assert [one.name for one in told.spans] == ["send to ACS", "send batch", "settle by report"]
    assert {trace_of(one) for one in told.spans} == {REQUEST}
    assert links_of(told.span("send batch")) == [QUEUE]
    call, batch = told.span("send to ACS"), told.span("send batch")
    assert call.parent
    assert call.parent.span_id == batch.context.span_id


async def test_a_campaign_is_in_the_trace_of_its_request_down_to_its_reports(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    body: dict[str, object] = {"name": "N", "text": "Hi", "quietHours": False, "recipients": [{"to": ANN}]}
    with calling(told.world(), monkeypatch) as caller:
        await send(caller, body, name="start_campaign")
        await work_off(caller, "send_chunk", CAMPAIGNS_QUEUE)
        await report(caller)

    assert [one.name for one in told.spans] == ["send to ACS", "send chunk", "settle by report"]
    assert {trace_of(one) for one in told.spans} == {REQUEST}


@pytest.mark.parametrize("stored", [None, "", "x", "+14255550111", 7])
async def test_work_that_names_no_trace_goes_in_that_of_its_invocation(
    told: Told, monkeypatch: pytest.MonkeyPatch, stored: str | int | None
) -> None:
    with calling(told.world(), monkeypatch) as caller:
        later = caller.world.clock.now() + timedelta(minutes=1)
        await send(caller, {"to": ANN, "text": "Hello", "sendAt": later.isoformat()})
        await _write_over(caller.world, stored)
        caller.world.clock.time += timedelta(minutes=1)
        await work_off(caller, "send_batch", SENDS_QUEUE)

    assert trace_of(told.span("send to ACS")) == QUEUE


async def _write_over(world: World, stored: str | int | None) -> None:
    """Put something else, or nothing as an earlier version did, in the place of the trace."""
    table = world.tables.table("Batches")
    async for entity in scan(table, Range()):
        values = {name: value for name, value in entity.values.items() if name != "traceparent"}
        given = {} if stored is None else {"traceparent": stored}
        await table.upsert(type(entity)(entity.partition, entity.row, {**values, **given}))


async def test_what_acs_does_not_take_is_an_error_of_its_span_by_its_code(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = told.world()
    world.carrier.fail_next(CarrierSilent("canary"))
    with calling(world, monkeypatch) as caller:
        await send(caller, {"to": ANN, "text": "Hello"})

    call = told.span("send to ACS")
    assert (call.status.status_code, call.status.description) == (StatusCode.ERROR, CarrierSilent.code)
    assert dict(call.attributes or {}) == {"sms.recipients": 1, "error.type": CarrierSilent.code}
    assert not call.events


async def test_one_trace_id_is_in_the_lines_of_request_queue_and_report(
    told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sms.invocations")
    with calling(told.world(), monkeypatch) as caller:
        later = caller.world.clock.now() + timedelta(minutes=1)
        await send(caller, {"to": ANN, "text": "Hello", "sendAt": later.isoformat()})
        caller.world.clock.time += timedelta(minutes=1)
        await work_off(caller, "send_batch", SENDS_QUEUE)
        await report(caller)

    lines = [one.getMessage() for one in caplog.records if one.name == "sms.invocations"]
    assert len(lines) == 3
    assert all(line.endswith(f"trace={REQUEST}") for line in lines)


IMPORT = """
import sys
import function_app
from opentelemetry import metrics, trace
from opentelemetry.metrics import _internal
assert trace._TRACER_PROVIDER is None, trace._TRACER_PROVIDER
assert _internal._METER_PROVIDER is None, _internal._METER_PROVIDER
function_app.services()
assert trace._TRACER_PROVIDER is None and _internal._METER_PROVIDER is None
import logging
assert logging.getLogger("azure.core.pipeline").getEffectiveLevel() == logging.WARNING
print([one for one in sys.modules if one.startswith(("opentelemetry.sdk", "azure.monitor"))])
"""


def test_the_app_configures_nothing_and_imports_only_the_api() -> None:
    command = [sys.executable, "-c", IMPORT]
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), **ENVIRONMENT}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_no_code_of_the_app_names_the_sdk_or_the_distro() -> None:
    files = [ROOT / "function_app.py", *(ROOT / "shared").rglob("*.py")]
    named = ("opentelemetry.sdk", "configure_azure_monitor", "azure.monitor", "set_tracer_prov", "set_meter_prov")
    assert [file.name for file in files if any(name in file.read_text("utf-8") for name in named)] == []
