"""The webhook: the application's own address, to which notices are posted one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice as it is posted: the same `id` and the same bytes of `body` at each try."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one try: the status of the answer (0: there was none), and for how long it asks to wait.

    `problem` says in a word or two why there was no answer, without the address.
    """

    status: int
    retry_after_s: int = 0
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        """Tell whether the application has the notice now."""
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Tell whether the application wants nothing more."""
        return self.status == 410


class Webhook(Protocol):
    """The way to the application's own address."""

    @property
    def target(self) -> str:
        """Return what stands for the address, and hides it: another address is another target."""
        ...

    async def post(self, delivery: Delivery) -> Receipt:
        """Try once to hand over a notice, within `TRY_WITHIN_S`; whatever goes wrong is in the receipt."""
        ...


# How long one try may take in all. A lane's lease outlives it.
TRY_WITHIN_S = 20.0
