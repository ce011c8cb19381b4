"""Ends: the application is told of each message that has come to one, before that is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.ports.relay import Relay
from shared.rules.states import ENDS
from shared.services.activity import ActivityLog
from shared.services.messages import Message, Messages
from shared.services.notices import message_settled


class Ends:
    """Tells the application what became of messages of which no event tells."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def tell(self, messages: Sequence[Message]) -> None:
        """Tell of those that have ended; once more does no harm."""
        notices = [message_settled(message) for message in messages if message.state in ENDS]
        if notices:
            await self._relay.publish(notices)


@dataclass(frozen=True, slots=True)
class Records:
    """Where it is noted what becomes of messages: in their rows, in the activity, and to the application."""

    messages: Messages
    activity: ActivityLog
    ends: Ends
