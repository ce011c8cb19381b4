"""Telemetry over OpenTelemetry: the API alone. Whoever runs the app configures what is behind it, or nobody does.

The instruments of all metrics are here. A gauge gives what was measured last in this process, as long as that is good:
timers may run elsewhere the next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import Link, SpanKind, Tracer

from shared.edges.invocations import goes_on_in
from shared.edges.trace_context import context_of, trace_id_now, traceparent_now
from shared.ports.telemetry import Metric

SCOPE = "sms"
KIND = "sms.kind"


class OtelTelemetry:
    """Spans and metrics of this process; by default for the providers of this process, whenever they are set."""

    def __init__(
        self, tracer: Tracer | None = None, meter: Meter | None = None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._tracer = tracer or trace.get_tracer(SCOPE)
        self._now_s = now_s
        self._last: dict[tuple[Metric, str], tuple[float, float]] = {}
        meter = meter or metrics.get_meter(SCOPE)
        self._counters = {
            one: meter.create_counter(one.label, one.unit, one.description) for one in Metric if one.is_count
        }
        for one in Metric:
            if not one.is_count:
                meter.create_observable_gauge(one.label, [self._reader(one)], one.unit, one.description)

    def traceparent(self) -> str:
        """Return the `traceparent` of the current span, empty if there is none."""
        return traceparent_now()

    @contextmanager
    def going_on(self, name: str, traceparent: str) -> Iterator[None]:
        """Go on in a span of that trace, linked to the one that this is in; in that one if `traceparent` is none."""
        there = context_of(traceparent)
        if there is None:
            yield
            return
        here = trace.get_current_span().get_span_context()
        links = [Link(here)] if here.is_valid else []
        with self._tracer.start_as_current_span(
            name, there, SpanKind.CONSUMER, links=links, record_exception=False, set_status_on_exception=False
        ):
            goes_on_in(trace_id_now())
            yield

    def measured(self, metric: Metric, value: float, of: str = "") -> None:
        """Add to a counter, or keep the value until it is read."""
        if metric.is_count:
            self._counters[metric].add(value, _attributes(of))
        else:
            self._last[metric, of] = (value, self._now_s() + metric.good_for_s)

    def _reader(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            now_s = self._now_s()
            kept = [(of, *last) for (one, of), last in tuple(self._last.items()) if one is metric]
            return [Observation(value, _attributes(of)) for of, value, until_s in kept if now_s <= until_s]

        return read


def _attributes(of: str) -> dict[str, str]:
    return {KIND: of} if of else {}
