"""The webhook in memory: the fake that keeps what it was given, and answers what it is told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.ports.webhook import Delivery, Receipt


def _takes_all(delivery: Delivery) -> Receipt:  # noqa: ARG001 - whatever it is
    return Receipt(204)


@dataclass(slots=True)
class MemoryWebhook:
    """A webhook that keeps every try and what it took, repeats included. `answers` says what becomes of each."""

    answers: Callable[[Delivery], Receipt] = _takes_all
    tried: list[Delivery] = field(default_factory=list)
    taken: list[Delivery] = field(default_factory=list)
    target: str = "memory"

    async def post(self, delivery: Delivery) -> Receipt:
        """Take a notice, or not."""
        self.tried.append(delivery)
        receipt = self.answers(delivery)
        if receipt.is_taken:
            self.taken.append(delivery)
        return receipt
