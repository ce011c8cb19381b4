"""Conversations: who was texted or texted us, the latest first, what was said, and what is still to be answered.

Unread, waiting and open are read from the messages themselves, so repeated events cannot count twice; only what people
decide is stored (`conversation_states`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from shared.ports.clock import Clock
from shared.ports.tables import EntityChanged
from shared.rules.errors import NotFound
from shared.rules.ids import conversation_id, digest, to_ms
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.conversation import RECENT, Conversation, Decision
from shared.services.conversation_criteria import Criteria
from shared.services.conversation_states import ConversationStates
from shared.services.messages import Message, Messages

_MESSAGES = frozenset({Kind.OUTBOUND, Kind.INBOUND})
_MOST_READS = 20
_SEARCH_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A page of conversations, the next page's cursor, and a version that holds while none of them changes."""

    conversations: tuple[Conversation, ...]
    cursor: str | None
    version: str = ""


class Conversations:
    """Reads conversations from the messages; the activity tells which come first."""

    def __init__(
        self,
        messages: Messages,
        activity: ActivityLog,
        states: ConversationStates,
        senders: Sequence[str],
        clock: Clock,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._states = states
        self._senders = senders
        self._clock = clock

    async def find(self, conversation: str) -> Conversation:
        """Return a conversation; NotFound if nothing was said in it."""
        one = await self._load(conversation)
        if one is None:
            raise _unknown()
        return one

    async def search(self, criteria: Criteria, limit: int, cursor: str | None) -> Found:
        """Return up to `limit` conversations, the latest first.

        A page may be short while older conversations follow: what does not fit is read in bounded steps. With a
        recipient there is one page.
        """
        if criteria.recipient:
            return await self._of_recipient(criteria)
        touched = await self._states.touched()
        found: list[Conversation] = []
        sizes: list[int] = []
        seen: list[Activity] = []
        for _ in range(_MOST_READS):
            sizes.append(limit - len(found))
            activities, cursor = await self._activity.page(sizes[-1], cursor, criteria.within)
            seen += activities
            found += [one for one in await self._latest_among(activities, criteria) if criteria.fit(one)]
            if cursor is None or len(found) == limit:
                break
        return Found(tuple(found), cursor, _version(sizes, seen, touched))

    async def holds(self, version: str) -> bool:
        """Tell by a few reads whether the first page of all conversations is as it was at this version."""
        sizes = [int(size) for size in version.partition(".")[0].split("-") if size.isdecimal()]
        if not 0 < len(sizes) <= _MOST_READS or not all(0 < size <= _SEARCH_LIMIT for size in sizes):
            return False
        touched = await self._states.touched()
        seen: list[Activity] = []
        cursor: str | None = None
        for size in sizes:
            activities, cursor = await self._activity.page(size, cursor)
            seen += activities
            if cursor is None:
                break
        return version == _version(sizes, seen, touched)

    async def change(
        self, conversation: str, decision: Decision, accept: Callable[[Conversation], Awaitable[None]]
    ) -> Conversation:
        """Store what somebody decided about a conversation, and return it as it is then.

        Args:
            conversation: its id; NotFound if nothing was said in it.
            decision: what is to be changed.
            accept: raises what is to be raised if it is no longer what the caller decided about.
        """
        while True:
            one = await self.find(conversation)
            await accept(one)
            try:
                state = await self._states.save(decision.applied_to(one, to_ms(self._clock.now())))
            except EntityChanged:
                continue
            return replace(one, state=state)

    async def messages(
        self, conversation: str, limit: int, cursor: str | None
    ) -> tuple[tuple[Message, ...], str | None]:
        """Return messages of a conversation, the newest first, and the next page's cursor; NotFound if it has none."""
        messages, following = await self._messages.page(conversation, limit, cursor)
        if not messages and cursor is None:
            raise _unknown()
        return messages, following

    async def _of_recipient(self, criteria: Criteria) -> Found:
        senders = [criteria.sender] if criteria.sender else self._senders
        loaded = await asyncio.gather(*(self._load(conversation_id(one, criteria.recipient)) for one in senders))
        found = [one for one in loaded if one and criteria.fit(one)]
        rows = {one.id: "" for one in found}
        if criteria.text or criteria.start_ms or criteria.end_ms:
            said = await asyncio.gather(*(self._newest_match(one.id, criteria) for one in found))
            rows = {one.id: row for one, row in zip(found, said, strict=True) if row}
        return Found(tuple(sorted((one for one in found if one.id in rows), key=lambda one: one.newest.key.row)), None)

    async def _load(self, conversation: str) -> Conversation | None:
        state, (recent, _) = await asyncio.gather(
            self._states.get(conversation), self._messages.page(conversation, RECENT, None)
        )
        return Conversation(recent, state) if recent else None

    async def _latest_among(self, activities: Sequence[Activity], criteria: Criteria) -> list[Conversation]:
        # Each message has a row in the activity; only the row of the newest one that fits stands for its conversation.
        # The newest row may be of a campaign's message, which is not in its conversation yet.
        rows = {(one.conversation, one.row) for one in activities if one.kind in _MESSAGES}
        named = sorted({conversation for conversation, _ in rows})
        loaded = await asyncio.gather(*(self._load(conversation) for conversation in named))
        here = [one for one in loaded if one]
        standing = await asyncio.gather(*(self._standing_row(one, criteria) for one in here))
        shown = [(row, one) for row, one in zip(standing, here, strict=True) if (one.id, row) in rows]
        return [one for _, one in sorted(shown, key=lambda pair: pair[0])]

    async def _standing_row(self, one: Conversation, criteria: Criteria) -> str:
        if criteria.text or criteria.end_ms:
            return await self._newest_match(one.id, criteria)
        return one.newest.key.row

    async def _newest_match(self, conversation: str, criteria: Criteria) -> str:
        """Return the row of the newest message in the range that says it, empty if none of the newest 1,000 does."""
        messages, _ = await self._messages.page(conversation, _SEARCH_LIMIT, None, criteria.within)
        said = criteria.text.casefold()
        return next((one.key.row for one in messages if said in one.text.casefold()), "")


def _version(sizes: Sequence[int], seen: Sequence[Activity], touched: str) -> str:
    rows = [f"{one.row} {one.etag}" for one in seen]
    return f"{'-'.join(map(str, sizes))}.{digest('inbox', touched, *rows)}"


def _unknown() -> NotFound:
    return NotFound("There is no conversation with this id.", code="ConversationNotFound", target="id")
