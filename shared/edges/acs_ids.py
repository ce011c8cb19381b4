"""The repeatability ids on the wire: ours, not the random ones of the SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from shared.ports.carrier import SendRequest


@dataclass(slots=True)
class Attempt:
    """One call of the SDK under way: what it is for, and whether it got as far as the network."""

    request: SendRequest
    departed: bool = False


_attempt: ContextVar[Attempt] = ContextVar("acs_attempt")


@contextmanager
def attempt(request: SendRequest) -> Iterator[Attempt]:
    """Hand the request to the policies below, for the SDK calls of this task only."""
    current = Attempt(request)
    token = _attempt.set(current)
    try:
        yield current
    finally:
        _attempt.reset(token)


class OurIdsPolicy(SansIOHTTPPolicy[Any, Any]):
    """Put our ids and our first-sent time into the body. Runs once per call, before the body is signed."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Rewrite the JSON body of the request and its length."""
        wanted = _attempt.get().request
        body = json.loads(request.http_request.body)
        body["smsRecipients"] = wire_recipients(wanted)
        request.http_request.body = json.dumps(body)
        request.http_request.headers["Content-Length"] = str(len(request.http_request.body))


class DeparturePolicy(SansIOHTTPPolicy[Any, Any]):
    """Note that a request is about to leave. Runs after authentication, whose failures send nothing."""

    def on_request(self, request: PipelineRequest[Any]) -> None:  # noqa: ARG002 - the signature is azure-core's
        """Mark the attempt as departed."""
        _attempt.get().departed = True


def wire_recipients(request: SendRequest) -> list[dict[str, str]]:
    """Return `smsRecipients` as the REST API has it."""
    first_sent = http_date(request.first_sent)
    return [
        {
            "to": addressee.to,
            "repeatabilityRequestId": addressee.repeatability_id,
            "repeatabilityFirstSent": first_sent,
        }
        for addressee in request.addressees
    ]


def http_date(moment: datetime) -> str:
    """Return an aware time as an RFC 1123 date, `Tue, 26 Mar 2019 16:06:51 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
