"""The carrier with a span for each request, and what came of it in the line of the invocation."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from shared.edges.invocations import note
from shared.edges.telemetry import SCOPE
from shared.ports.carrier import Carrier, SendRequest, SendResult
from shared.rules.errors import InternalError, SmsError


class TracedCarrier:
    """A carrier, traced. A span says how many texts there were and how it ended, and never to whom or from whom."""

    def __init__(self, carrier: Carrier, tracer: Tracer | None = None) -> None:
        self.carrier = carrier
        self._tracer = tracer or trace.get_tracer(SCOPE)

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Hand over a request, as the carrier does."""
        asked = len(request.addressees)
        with self._tracer.start_as_current_span(
            "send to ACS",
            kind=SpanKind.CLIENT,
            attributes={"sms.recipients": asked},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                results = await self.carrier.send(request)
            except Exception as error:
                _fail(span, error.code if isinstance(error, SmsError) else InternalError.code)
                note(calls=1, notTaken=asked)
                raise
            taken = sum(one.accepted for one in results)
            span.set_attribute("sms.taken", taken)
            note(calls=1, taken=taken, notTaken=asked - taken)
            return results

    async def probe(self) -> None:
        """Return if the carrier answers."""
        await self.carrier.probe()


def _fail(span: Span, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR, code))
