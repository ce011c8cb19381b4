"""The recipients of a request: normalized, without repetition, the wrong ones apart, in the order asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.rules.errors import InvalidPhoneNumber
from shared.rules.phone_numbers import normalize
from shared.rules.reasons import Reason


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient: the number in E.164, or what was written when it is not a number (`problem` says why).

    `refused`: why it is not to be texted all the same; None if it may be.
    """

    number: str
    problem: InvalidPhoneNumber | None = None
    refused: Reason | None = None

    @property
    def rejected(self) -> Reason | None:
        """Return why nothing is accepted for it; None if something may be."""
        return Reason.INVALID_NUMBER if self.problem else self.refused


def recipients_of(written: Sequence[str], region: str | None) -> tuple[Recipient, ...]:
    """Return each recipient once, however often and in whatever form it was written, in the order asked."""
    found = [recipient_of(one, region) for one in written]
    return tuple({recipient.number: recipient for recipient in found}.values())


def recipient_of(written: str, region: str | None) -> Recipient:
    """Return one recipient, with the problem if what was written is not a number."""
    try:
        return Recipient(normalize(written, region))
    except InvalidPhoneNumber as problem:
        return Recipient(written, problem)
