"""Queues in memory: the fake that a test or a simulation empties as the Functions host would."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.edges.queue_limits import MAX_NAME, check_message, check_queue_name
from shared.ports.clock import Clock
from shared.rules.errors import StorageUnavailable

POISON = "-poison"


@dataclass(frozen=True, slots=True)
class HostRules:
    """How the host treats messages (host.json, `extensions.queues`, and its own lock).

    Attributes:
        lock: how long a taken message stays hidden from others.
        retry_after: how long a failed one stays hidden.
        max_dequeue_count: after how many failures it goes to the poison queue.
    """

    lock: timedelta = timedelta(minutes=10)
    retry_after: timedelta = timedelta()
    max_dequeue_count: int = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as its taker has it; whoever takes it again makes this `receipt` worthless."""

    body: str
    dequeue_count: int
    number: int
    receipt: int


@dataclass(slots=True)
class _Message:
    body: str
    dequeue_count: int = 0
    receipt: int = 0


@dataclass(slots=True)
class MemoryQueue:
    """One queue in memory, first in first out among what can be seen. No method yields to the event loop.

    Attributes:
        clock: what delays are counted by.
        rules: how the host treats messages.
        poison: where what fails too often goes; without one it stays hidden until its lock ends, as at the host.
    """

    clock: Clock
    rules: HostRules = field(default_factory=HostRules)
    poison: MemoryQueue | None = None
    _messages: dict[int, _Message] = field(default_factory=dict)
    _order: list[tuple[datetime, int, int]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _failures: deque[bool] = field(default_factory=deque)

    def __len__(self) -> int:
        """Return how many messages are in it, hidden ones too."""
        return len(self._messages)

    def fail_next(self, *, lands: bool = False) -> None:
        """Raise StorageUnavailable at the next put; with `lands` the message is in all the same."""
        self._failures.append(lands)

    async def put(self, body: str, *, delay_s: int = 0) -> None:
        """Put a message in, to be seen after a delay; ValueError as the real queue."""
        check_message(body, delay_s)
        failure = self._failures.popleft() if self._failures else None
        if failure is not False:
            self._add(body, self.clock.now() + timedelta(seconds=delay_s))
        if failure is not None:
            raise StorageUnavailable("Queue storage does not answer (in memory). Try again.")

    def bodies(self) -> list[str]:
        """Return the bodies of all messages, in the order that they were put in."""
        return [message.body for message in self._messages.values()]

    def next_at(self) -> datetime | None:
        """Return when the first message can be seen, maybe in the past; None when there is none."""
        self._drop_stale()
        return self._order[0][0] if self._order else None

    def take(self, now: datetime) -> Taken | None:
        """Take the first message that can be seen and lock it; None when there is none.

        What came back too often without an outcome, its takers having died, goes to the poison queue unseen.
        """
        while (visible_at := self.next_at()) is not None and visible_at <= now:
            number = self._order[0][1]
            message = self._messages[number]
            if self.poison is not None and message.dequeue_count >= self.rules.max_dequeue_count:
                self._bury(number)
                continue
            message.dequeue_count += 1
            self._show_at(number, now + self.rules.lock)
            return Taken(message.body, message.dequeue_count, number, message.receipt)
        return None

    def done(self, taken: Taken) -> None:
        """Delete a message that was worked off; nothing when its lock ran out and another took it."""
        if self._is_held(taken):
            del self._messages[taken.number]

    def fail(self, taken: Taken) -> None:
        """Give back a message whose function failed, or bury it when that happened too often.

        Nothing when its lock ran out and another took it.
        """
        if self.poison is None or not self._is_held(taken):
            return
        if taken.dequeue_count >= self.rules.max_dequeue_count:
            self._bury(taken.number)
        else:
            self._show_at(taken.number, self.clock.now() + self.rules.retry_after)

    def repeat(self, taken: Taken) -> None:
        """Let a message be seen again now, although its taker still works on it or is done with it."""
        if self._is_held(taken):
            self._show_at(taken.number, self.clock.now())
        else:
            self._add(taken.body, self.clock.now())

    def _add(self, body: str, visible_at: datetime) -> None:
        number = next(self._numbers)
        self._messages[number] = _Message(body)
        heapq.heappush(self._order, (visible_at, number, 0))

    def _show_at(self, number: int, visible_at: datetime) -> None:
        message = self._messages[number]
        message.receipt += 1
        heapq.heappush(self._order, (visible_at, number, message.receipt))

    def _bury(self, number: int) -> None:
        body = self._messages.pop(number).body
        if self.poison is not None:
            self.poison._add(body, self.clock.now())  # noqa: SLF001 - a queue of the same class; puts here may fail

    def _is_held(self, taken: Taken) -> bool:
        message = self._messages.get(taken.number)
        return message is not None and message.receipt == taken.receipt

    def _drop_stale(self) -> None:
        while self._order:
            _, number, receipt = self._order[0]
            message = self._messages.get(number)
            if message is not None and message.receipt == receipt:
                return
            heapq.heappop(self._order)


class MemoryQueues:
    """The queues in memory, by name, each with its poison queue."""

    def __init__(self, clock: Clock, rules: HostRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or HostRules()
        self._queues: dict[str, MemoryQueue] = {}

    def queue(self, name: str) -> MemoryQueue:
        """Return the queue of that name, the same one each time."""
        if name not in self._queues:
            check_queue_name(name)
            self._queues[name] = MemoryQueue(self._clock, self._rules, self._poison_of(name))
        return self._queues[name]

    def _poison_of(self, name: str) -> MemoryQueue | None:
        if name.endswith(POISON) or len(name) + len(POISON) > MAX_NAME:
            return None
        return self.queue(name + POISON)
