"""OpenTelemetry with exporters in memory, beside the global one, which the tests leave alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.carrier_traced import TracedCarrier
from shared.edges.telemetry import SCOPE, OtelTelemetry
from shared.ports.telemetry import Metric
from tests.unit.services.world import World


@dataclass
class Told:
    """What was exported."""

    spans_in_memory: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    now_s: float = 0

    def __post_init__(self) -> None:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans_in_memory))
        self.tracer = provider.get_tracer(SCOPE)
        meter = MeterProvider([self.reader]).get_meter(SCOPE)
        self.telemetry = OtelTelemetry(self.tracer, meter, lambda: self.now_s)

    def world(self, change: Callable[[World], World] = lambda world: world) -> World:
        """Return a world that is told of here."""
        carrier = MemoryCarrier()
        traced = TracedCarrier(carrier, self.tracer)
        return change(World(carrier=carrier, on_carrier=traced, telemetry=self.telemetry))

    def everything(self) -> str:
        """Return all that was exported, as text."""
        data = self.reader.get_metrics_data()
        return "\n".join([*(one.to_json() for one in self.spans), data.to_json() if data else ""])

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return the spans, in the order in which they ended."""
        return self.spans_in_memory.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        """Return the one span of that name."""
        (found,) = [one for one in self.spans if one.name == name]
        return found

    def values(self, metric: Metric) -> dict[str, float]:
        """Return what is exported of a metric now, by kind."""
        return {str(dict(point.attributes or {}).get("sms.kind", "")): point.value for point in self._points(metric)}

    def _points(self, metric: Metric) -> list[NumberDataPoint]:
        data = self.reader.get_metrics_data()
        scopes = [scope for one in data.resource_metrics for scope in one.scope_metrics] if data else []
        named = [one for scope in scopes for one in scope.metrics if one.name == metric.label]
        return [point for one in named for point in one.data.data_points if isinstance(point, NumberDataPoint)]
