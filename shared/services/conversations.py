"""Conversations: who was texted or texted us, the latest first, and all that was said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from shared.rules.errors import NotFound
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.messages import Message, Messages

_MESSAGES = frozenset({Kind.OUTBOUND, Kind.INBOUND})
_MOST_READS = 20


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, as its newest message shows it."""

    newest: Message

    @property
    def id(self) -> str:
        """Return the id: opaque, the same for the same two numbers."""
        return self.newest.key.partition


class Conversations:
    """Reads conversations from the messages; the activity tells which come first."""

    def __init__(self, messages: Messages, activity: ActivityLog) -> None:
        self._messages = messages
        self._activity = activity

    async def page(self, limit: int, cursor: str | None) -> tuple[tuple[Conversation, ...], str | None]:
        """Return up to `limit` conversations, the latest first, and the next page's cursor.

        A page may be short while older conversations follow: long runs of messages of the same few conversations
        are read in bounded steps.
        """
        found: list[Conversation] = []
        for _ in range(_MOST_READS):
            activities, cursor = await self._activity.page(limit - len(found), cursor)
            found += await self._latest_among(activities)
            if cursor is None or len(found) == limit:
                break
        return tuple(found), cursor

    async def _latest_among(self, activities: tuple[Activity, ...]) -> list[Conversation]:
        # Each message has a row in the activity; only the row of a conversation's newest message stands for it.
        # The newest row may be of a campaign's message, which is not in its conversation yet.
        rows = {(one.conversation, one.row) for one in activities if one.kind in _MESSAGES}
        named = sorted({conversation for conversation, _ in rows})
        pages = await asyncio.gather(*(self._messages.page(conversation, 1, None) for conversation in named))
        newest = [message for messages, _ in pages for message in messages]
        shown = [message for message in newest if (message.key.partition, message.key.row) in rows]
        return [Conversation(message) for message in sorted(shown, key=lambda message: message.key.row)]

    async def messages(
        self, conversation: str, limit: int, cursor: str | None
    ) -> tuple[tuple[Message, ...], str | None]:
        """Return messages of a conversation, the newest first, and the next page's cursor; NotFound if it has none."""
        messages, following = await self._messages.page(conversation, limit, cursor)
        if not messages and cursor is None:
            raise NotFound("There is no conversation with this id.", code="ConversationNotFound", target="id")
        return messages, following
