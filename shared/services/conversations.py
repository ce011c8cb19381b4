"""Conversations: who was texted or texted us, the latest first, what was said, and what is still to be answered.

Unread, waiting and open are read from the messages themselves, so repeated events cannot count twice; only what people
decide is stored (`conversation_states`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from shared.ports.clock import Clock
from shared.ports.tables import EntityChanged, Range
from shared.rules.errors import NotFound
from shared.rules.ids import conversation_id, digest, hour_partition, newest_first, to_ms
from shared.rules.states import State
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.auto_replies import AUTO_REPLY
from shared.services.conversation_states import ConversationState, ConversationStates
from shared.services.keyword_replies import KEYWORD_REPLY
from shared.services.messages import Direction, Message, Messages

_MESSAGES = frozenset({Kind.OUTBOUND, Kind.INBOUND})
_MOST_READS = 20
# So many of the newest messages tell what is unread and since when somebody waits.
RECENT = 20
_NEVER_WENT = frozenset({State.SUPPRESSED, State.CANCELED, State.EXPIRED, State.FAILED})
_SEARCH_LIMIT = 1000
# Tags of what the app answers by itself: no person has answered with it.
AUTOMATIC_TAGS = frozenset({KEYWORD_REPLY, AUTO_REPLY})


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation: its newest messages, the newest first, and what people decided about it."""

    recent: tuple[Message, ...]
    state: ConversationState

    @property
    def newest(self) -> Message:
        """Return the newest message."""
        return self.recent[0]

    @property
    def id(self) -> str:
        """Return the id: opaque, the same for the same two numbers."""
        return self.newest.key.partition

    @property
    def unread(self) -> int:
        """Return how many texts came in that nobody has read or answered; at most 20 are counted."""
        return sum(not self.state.read_row or one.key.row < self.state.read_row for one in self._unanswered)

    @property
    def waiting_since_ms(self) -> int:
        """Return since when the person waits for an answer, 0 if they do not: a keyword wants none."""
        asked = [one.key.at_ms for one in self._unanswered if not one.keyword]
        return min(asked, default=0) if self.is_open else 0

    @property
    def is_open(self) -> bool:
        """Tell whether it is open: a text that comes in opens it again."""
        return not self.state.closed_ms or self.last_in_ms > self.state.closed_ms

    @property
    def last_in_ms(self) -> int:
        """Return when the person wrote last, 0 if not lately."""
        return max((one.key.at_ms for one in self.recent if one.direction is Direction.INBOUND), default=0)

    @property
    def _unanswered(self) -> Sequence[Message]:
        answers = (place for place, one in enumerate(self.recent) if _is_answer(one))
        since_then = self.recent[: next(answers, len(self.recent))]
        return [one for one in since_then if one.direction is Direction.INBOUND]


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides about a conversation; None leaves a thing as it is. `read_row` is that of a message."""

    assignee: str | None = None
    labels: tuple[str, ...] | None = None
    is_open: bool | None = None
    read_row: str | None = None

    def applied_to(self, one: Conversation, now_ms: int) -> ConversationState:
        """Return the state after the decision; it is closed after all that came in so far."""
        state = one.state.read_until(self.read_row) if self.read_row else one.state
        closed_ms = state.closed_ms
        if self.is_open is not None:
            closed_ms = 0 if self.is_open else max(now_ms, one.last_in_ms)
        return replace(
            state,
            assignee=state.assignee if self.assignee is None else self.assignee,
            labels=state.labels if self.labels is None else self.labels,
            closed_ms=closed_ms,
        )


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which conversations are looked for; what is left out does not matter. Times are in ms, `text` in any case."""

    sender: str = ""
    recipient: str = ""
    text: str = ""
    start_ms: int = 0
    end_ms: int = 0
    unread: bool | None = None
    waiting: bool | None = None
    is_open: bool | None = None
    assignee: str | None = None
    label: str = ""

    @property
    def within(self) -> Range:
        """Return the rows of the activity that are looked at."""
        return Range(
            partition_from=hour_partition(self.end_ms) if self.end_ms else None,
            partition_to=hour_partition(self.start_ms) + "~" if self.start_ms else None,
            row_from=newest_first(self.end_ms - 1) if self.end_ms else None,
            row_to=newest_first(self.start_ms) + "~" if self.start_ms else None,
        )

    def fit(self, one: Conversation) -> bool:
        """Tell whether a conversation is looked for, its texts aside."""
        wanted: tuple[tuple[object, object], ...] = (
            (self.sender or None, one.newest.sender),
            (self.unread, one.unread > 0),
            (self.waiting, one.waiting_since_ms > 0),
            (self.is_open, one.is_open),
            (self.assignee, one.state.assignee),
        )
        return all(want is None or want == is_so for want, is_so in wanted) and (
            not self.label or self.label in one.state.labels
        )


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


def _is_answer(one: Message) -> bool:
    by_hand = one.direction is Direction.OUTBOUND and not one.campaign and one.tag not in AUTOMATIC_TAGS
    return by_hand and one.state not in _NEVER_WENT


def _version(sizes: Sequence[int], seen: Sequence[Activity], touched: str) -> str:
    rows = [f"{one.row} {one.etag}" for one in seen]
    return f"{'-'.join(map(str, sizes))}.{digest('inbox', touched, *rows)}"


def _unknown() -> NotFound:
    return NotFound("There is no conversation with this id.", code="ConversationNotFound", target="id")
