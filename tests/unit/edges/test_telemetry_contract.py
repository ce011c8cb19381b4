"""The port of telemetry: the same of OpenTelemetry and of the fake."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider

from shared.edges.telemetry import OtelTelemetry
from shared.edges.telemetry_memory import MemoryTelemetry
from shared.ports.telemetry import Metric, NoTelemetry, Telemetry

TRACE, OTHER = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"
MALFORMED = [
    "",
    "x",
    f"00-{TRACE}",
    f"00-{TRACE}-b7ad6b7169203331",
    f"00-{'0' * 32}-b7ad6b7169203331-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE[:-1]}g-b7ad6b7169203331-01",
    f"00-{TRACE}-b7ad6b7169203331-01\n" * 500,
    "+14255550111",
    "\ud800",
]


def parent(trace: str) -> str:
    """Return a `traceparent` of a trace."""
    return f"00-{trace}-b7ad6b7169203331-01"


@pytest.fixture(params=["otel", "otel without a provider", "memory"])
def telemetry(request: pytest.FixtureRequest) -> Telemetry:
    """Give each of them."""
    kinds: dict[str, Telemetry] = {
        "otel": OtelTelemetry(TracerProvider().get_tracer("test")),
        "otel without a provider": OtelTelemetry(),
        "memory": MemoryTelemetry(),
    }
    return kinds[request.param]


def test_outside_of_a_trace_there_is_none(telemetry: Telemetry) -> None:
    assert telemetry.traceparent() == ""


def test_going_on_is_in_the_same_trace_and_ends(telemetry: Telemetry) -> None:
    with telemetry.going_on("work", parent(TRACE)):
        assert telemetry.traceparent().split("-")[1] == TRACE
        with telemetry.going_on("work", parent(OTHER)):
            assert telemetry.traceparent().split("-")[1] == OTHER
        assert telemetry.traceparent().split("-")[1] == TRACE
    assert telemetry.traceparent() == ""


@pytest.mark.parametrize("traceparent", MALFORMED)
def test_what_is_no_traceparent_is_ignored(telemetry: Telemetry, traceparent: str) -> None:
    with telemetry.going_on("work", parent(TRACE)), telemetry.going_on("work", traceparent):
        assert telemetry.traceparent().split("-")[1] == TRACE


def test_an_error_passes_and_the_trace_ends(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError), telemetry.going_on("work", parent(TRACE)):
        raise KeyError
    assert telemetry.traceparent() == ""


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_is_taken(telemetry: Telemetry, metric: Metric) -> None:
    telemetry.measured(metric, 1)
    telemetry.measured(metric, 0.5, "tollFree")


def test_no_telemetry_is_in_no_trace() -> None:
    nobody = NoTelemetry()
    with nobody.going_on("work", parent(TRACE)):
        nobody.measured(Metric.LEAKS, 1)
        assert nobody.traceparent() == ""
