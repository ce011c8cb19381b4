"""What can stop the host from starting, and what can go wrong in a call."""

from __future__ import annotations


class StartError(Exception):
    """The host cannot start. The message is one sentence for the developer."""


class FunctionError(Exception):
    """One function cannot be loaded; the others still are. The message is one sentence."""


class InvocationError(Exception):
    """A call of a function failed: it raised, returned something without a binding for it, or took too long."""
