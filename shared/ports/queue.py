"""The work queue: messages that name work whose state is in tables, so that a message may be lost or come twice."""

from __future__ import annotations

from typing import Protocol


class Queue(Protocol):
    """One queue. The Functions host takes messages out of it; the app puts them in."""

    async def put(self, body: str, *, delay_s: int = 0) -> None:
        """Put a message in, to be seen after a delay of up to seven days; StorageUnavailable if it was not taken.

        A StorageUnavailable may come although the message is in: whoever takes it must not mind a repetition.
        """
        ...


class Queues(Protocol):
    """The queues by name; a queue that does not exist yet is made on first use."""

    def queue(self, name: str) -> Queue:
        """Return the queue of that name."""
        ...
