"""Who opted out of which sender, and what the network or the service does when a keyword comes in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from local.carrier.senders import OptOutHandler, Sender

STOP_REPLY = "You have successfully been unsubscribed to messages from this number. Reply START to resubscribe"
START_REPLY = "You have successfully been re-subscribed to messages from this number. Reply STOP to unsubscribe"

# Azure "SMS FAQ": a toll-free network acts on STOP alone; the service's own list for short codes is longer.
_STOP_WORDS = {
    OptOutHandler.CARRIER: frozenset({"STOP"}),
    OptOutHandler.SERVICE: frozenset({"STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE", "ARRET"}),
    OptOutHandler.NONE: frozenset[str](),
}
_START_WORDS = frozenset({"START", "UNSTOP"})


class Action(StrEnum):
    """What a text asks of the network or the service."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class Pair:
    """A sender and a recipient: the key of every opt-out of the service."""

    sender: str
    recipient: str


def action_of(sender: Sender, text: str) -> Action | None:
    """Return what the handler of this sender's opt-outs takes the text for: an exact keyword, trimmed, in any case."""
    word = text.strip().upper()
    if word in _STOP_WORDS[sender.opt_outs]:
        return Action.STOP
    if sender.opt_outs is not OptOutHandler.NONE and word in _START_WORDS:
        return Action.START
    return None


class OptOuts:
    """The service's list, which its API changes, and the network's block, which only the person lifts."""

    def __init__(self) -> None:
        self._listed: set[Pair] = set()
        self._blocked: set[Pair] = set()

    def apply(self, sender: Sender, recipient: str, action: Action) -> str:
        """Do what the person asked and return the text that answers it."""
        pair = Pair(sender.value, recipient)
        if action is Action.START:
            self._listed.discard(pair)
            self._blocked.discard(pair)
            return START_REPLY
        self._listed.add(pair)
        if sender.opt_outs is OptOutHandler.CARRIER:
            self._blocked.add(pair)
        return STOP_REPLY

    def add(self, pair: Pair) -> None:
        """Put a pair on the service's list."""
        self._listed.add(pair)

    def remove(self, pair: Pair) -> None:
        """Take a pair off the service's list; a block of the network stays."""
        self._listed.discard(pair)

    def is_listed(self, pair: Pair) -> bool:
        """Tell what `optouts:check` answers."""
        return pair in self._listed

    def is_refused(self, pair: Pair) -> bool:
        """Tell whether a text to this pair ends with 4007."""
        return pair in self._listed or pair in self._blocked

    def clear(self) -> None:
        """Forget all."""
        self._listed.clear()
        self._blocked.clear()
