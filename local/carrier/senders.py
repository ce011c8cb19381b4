"""The senders that this carrier's resource owns, with their limits and who handles their opt-outs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from local.carrier.phone_numbers import is_sender


class SenderType(StrEnum):
    """The kinds of sender that the stand-in knows."""

    TOLL_FREE = "tollFree"
    SHORT_CODE = "shortCode"
    ALPHANUMERIC = "alphanumeric"


class OptOutHandler(StrEnum):
    """Who acts on STOP: the phone network, the service for a short code, or nobody but the app."""

    CARRIER = "carrier"
    SERVICE = "service"
    NONE = "none"


PER_MINUTE = {SenderType.TOLL_FREE: 200, SenderType.SHORT_CODE: 6_000, SenderType.ALPHANUMERIC: 600}
"""Requests, and message units, per 60 s (Azure "Service limits", SMS)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A number, short code or name that texts may be sent from."""

    value: str
    type: SenderType
    opt_outs: OptOutHandler = OptOutHandler.NONE

    @property
    def per_minute(self) -> int:
        """The limit of requests, and of units, in 60 s."""
        return PER_MINUTE[self.type]

    @property
    def limit_key(self) -> str:
        """What the limit is counted for: the number, or the whole resource for alphanumeric senders."""
        return self.type.value if self.type is SenderType.ALPHANUMERIC else self.value

    @property
    def two_way(self) -> bool:
        """Whether people can answer."""
        return self.type is not SenderType.ALPHANUMERIC


DEFAULT_SENDERS = (
    Sender("+18005550100", SenderType.TOLL_FREE, OptOutHandler.CARRIER),
    Sender("12345", SenderType.SHORT_CODE),
    Sender("CONTOSO", SenderType.ALPHANUMERIC),
)


def parse_sender(written: str) -> Sender:
    """Read `12345:shortCode` or `12345:shortCode:service`; without the last part nobody handles opt-outs.

    Raises:
        ValueError: not of that form, or no such type or handler.
    """
    value, kind, *handler = written.split(":")
    if not is_sender(value) or len(handler) > 1:
        raise ValueError(written)
    return Sender(value, SenderType(kind), OptOutHandler(handler[0]) if handler else OptOutHandler.NONE)


class Senders:
    """The senders by value."""

    def __init__(self, senders: tuple[Sender, ...] = DEFAULT_SENDERS) -> None:
        self._by_value = {sender.value: sender for sender in senders}

    def find(self, value: str) -> Sender | None:
        """Return the sender with this value, or None when the resource does not own it."""
        return self._by_value.get(value)

    def all(self) -> tuple[Sender, ...]:
        """Return all senders in the order in which they were given."""
        return tuple(self._by_value.values())
