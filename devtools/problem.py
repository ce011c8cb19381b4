"""What went wrong, in one sentence for the person at the terminal."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - it is told to a person, not handled as a kind of error
    """Stop the command. The message is printed as it is, and the exit code is 1."""
