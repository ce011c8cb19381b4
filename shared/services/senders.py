"""The senders that this app may send from, and who answers STOP and START for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.rules.errors import InvalidRequest
from shared.rules.pacing import Rate
from shared.rules.phone_numbers import SenderType


class OptOutHandling(StrEnum):
    """Who answers STOP and START: the carrier (or ACS), or this app. Both are always recorded here."""

    CARRIER = "carrier"
    APP = "app"

    @classmethod
    def default_of(cls, sender_type: SenderType) -> OptOutHandling:
        """Return the usual handling: only toll-free numbers have a carrier that answers for them."""
        return cls.CARRIER if sender_type is SenderType.TOLL_FREE else cls.APP


# Toll-free carriers act on these words only, written just so; all else that means STOP is the app's to answer.
_CARRIER_WORDS = frozenset({"STOP", "START", "UNSTOP"})


# The limits of the service for each type, in texts a minute; all can be raised by a support request.
PER_MINUTE = {
    SenderType.TOLL_FREE: 200,
    SenderType.SHORT_CODE: 6_000,
    SenderType.ALPHANUMERIC: 600,
    SenderType.TEN_DLC: 200,
    SenderType.MOBILE: 200,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """One number, short code or alphanumeric sender of ours."""

    name: str
    type: SenderType
    opt_outs: OptOutHandling
    rate: Rate

    @property
    def pace_key(self) -> str:
        """Return whose schedule its texts are on: its own; alphanumeric senders of a resource share one."""
        return "alphanumeric" if self.type is SenderType.ALPHANUMERIC else self.name

    def answers_itself(self, text: str) -> bool:
        """Tell whether the app answers this text, a keyword, because no carrier does."""
        if self.type is SenderType.ALPHANUMERIC:
            return False
        if self.opt_outs is OptOutHandling.APP:
            return True
        return self.type is SenderType.TOLL_FREE and text.strip().upper() not in _CARRIER_WORDS


@dataclass(frozen=True, slots=True)
class Senders:
    """All senders of this app."""

    all: tuple[Sender, ...]
    default: str

    def choose(self, name: str | None) -> Sender:
        """Return the sender of that name, the default one without a name; InvalidRequest if it is not ours."""
        sender = self.find(name or self.default)
        if sender is None:
            raise InvalidRequest(
                "`from` is not one of this app's senders. Use one of SMS_SENDERS, or leave it out.",
                code="UnknownSender",
                target="from",
            )
        return sender

    def find(self, name: str) -> Sender | None:
        """Return the sender of that name, with or without a leading plus."""
        bare = name.strip().removeprefix("+")
        return next((sender for sender in self.all if sender.name.removeprefix("+") == bare), None)
