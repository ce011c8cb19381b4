"""What comes out of the endpoints of failures, field by field."""

from __future__ import annotations

from shared.edges.api_base import Out, Time
from shared.rules.ids import from_ms
from shared.services.failures import Failure


class FailureAnswer(Out):
    """Work that could not be done after all tries: of which queue, what it names, and when it was given up."""

    id: str
    queue: str
    body: str
    failed_at: Time

    @classmethod
    def of(cls, failure: Failure) -> FailureAnswer:
        """Return the failure as it is shown."""
        return cls(id=failure.id, queue=failure.queue, body=failure.body, failed_at=from_ms(failure.failed_ms))


class FailureList(Out):
    """A page of failures, the newest first."""

    value: list[FailureAnswer]
    next_link: str | None = None


class ResendAnswer(Out):
    """How many failures went back into their queues."""

    resent: int
