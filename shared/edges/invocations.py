"""Invocations: each call of a function is told of in one line, in the trace that the host called it in.

The line has names and numbers only: never a phone number, a text, a key, or an id that holds one. It is one message of
key=value, so that it reads the same on a console and in Application Insights, whoever exports it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

import azure.functions as func
from opentelemetry import context as current_context

from shared.edges.trace_context import context_of, trace_id_now
from shared.rules.errors import InternalError, SmsError

_LOG = logging.getLogger("sms.invocations")
# The alerts and the workbook of infra/ find the line by its beginning.
LINE = "An invocation ended: %s"
# What the host does with a queue message that fails: `maxDequeueCount` in host.json.
MOST_TRIES = 5


class Trigger(StrEnum):
    """What calls a function."""

    HTTP = "http"
    QUEUE = "queue"
    TIMER = "timer"
    EVENT = "eventGrid"


@dataclass(slots=True)
class Invocation:
    """One call of a function: what is told of it when it is over.

    `tries`: which try of a queue message it is. `outcome`: an HTTP status, or how it went. `trace_id`: the trace that
    its work belongs to.
    """

    function: str
    trigger: Trigger
    tries: int = 1
    outcome: str = ""
    error: str = ""
    request_id: str = ""
    trace_id: str = ""
    counts: Counter[str] = field(default_factory=Counter)

    def fails(self, error: Exception) -> None:
        """Note how it failed, by what the host does then."""
        self.error = error.code if isinstance(error, SmsError) else InternalError.code
        self.outcome = {
            Trigger.EVENT: "retried",
            Trigger.QUEUE: "poisoned" if self.tries >= MOST_TRIES else "retried",
        }.get(self.trigger, "failed")

    def line(self, elapsed_ms: int) -> str:
        """Return the line."""
        told: dict[str, object] = {
            "function": self.function,
            "trigger": self.trigger.value,
            "outcome": self.outcome,
            "error": self.error,
            "ms": elapsed_ms,
            **self.counts,
            "request": self.request_id,
            "trace": self.trace_id,
        }
        return " ".join(f"{name}={value}" for name, value in told.items() if value != "")


_current: ContextVar[Invocation] = ContextVar("sms_invocation")


def note(**counts: int) -> None:
    """Add counts to the line of the invocation that this is in, if it is in one."""
    invocation = _current.get(None)
    if invocation:
        invocation.counts.update(counts)


def goes_on_in(trace_id: str) -> None:
    """Tell of the invocation as one of this trace: its work began there."""
    invocation = _current.get(None)
    if invocation:
        invocation.trace_id = trace_id


@contextmanager
def invoked(invocation: Invocation, context: func.Context | None) -> Iterator[None]:
    """Run an invocation in the trace that the host names in `context`, and tell of it when it is over."""
    started = time.monotonic()
    token = _current.set(invocation)
    attached = current_context.attach(_parent(context))
    invocation.trace_id = trace_id_now()
    try:
        yield
        invocation.outcome = invocation.outcome or "ok"
    except Exception as error:
        invocation.fails(error)
        raise
    finally:
        # Without an outcome it was cut off.
        invocation.outcome = invocation.outcome or "failed"
        _LOG.info(LINE, invocation.line(round((time.monotonic() - started) * 1000)))
        current_context.detach(attached)
        _current.reset(token)


def _parent(context: func.Context | None) -> current_context.Context:
    # The worker attaches the same where its telemetry is on; where it is off, and locally, nobody else does.
    told = context.trace_context if context else None
    there = context_of(told.trace_parent or "", told.trace_state or "") if told else None
    return there or current_context.get_current()
