"""Trace context as it is written, in W3C headers, and as OpenTelemetry has it."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def context_of(traceparent: str, tracestate: str = "") -> Context | None:
    """Return the context that these headers name, None if they name none."""
    found = _PROPAGATOR.extract({"traceparent": traceparent, "tracestate": tracestate}, Context())
    return found if trace.get_current_span(found).get_span_context().is_valid else None


def traceparent_now() -> str:
    """Return the `traceparent` of the current span, empty if there is none."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def trace_id_now() -> str:
    """Return the id of the trace that this is in, empty if it is in none."""
    here = trace.get_current_span().get_span_context()
    return trace.format_trace_id(here.trace_id) if here.is_valid else ""
