"""The `context` that a function may ask for: which invocation this is, in which trace, and which try."""

from __future__ import annotations

import re
import secrets
import threading
import uuid
from dataclasses import dataclass, field

_TRACE_PARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")

_of_this_thread = threading.local()


@dataclass(frozen=True, slots=True)
class TraceContext:
    """W3C trace context: the invocation is a span of its own in the caller's trace."""

    trace_parent: str
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def continuing(cls, trace_parent: str = "", trace_state: str = "") -> TraceContext:
        """Begin a span in the trace of a `traceparent` header, or a new trace if there is none."""
        match = _TRACE_PARENT.fullmatch(trace_parent.strip().lower())
        trace, flags = (match["trace"], match["flags"]) if match else (secrets.token_hex(16), "00")
        return cls(f"00-{trace}-{secrets.token_hex(8)}-{flags}", trace_state if match else "")


@dataclass(frozen=True, slots=True)
class RetryContext:
    """Which try this is: 0 for the first."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: BaseException | None = None


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """What `azure.functions.Context` promises a function."""

    function_name: str
    function_directory: str
    trace_context: TraceContext = field(default_factory=TraceContext.continuing)
    retry_context: RetryContext = field(default_factory=RetryContext)
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def thread_local_storage(self) -> threading.local:
        """Return the storage where a function's own threads put the invocation id."""
        return _of_this_thread
