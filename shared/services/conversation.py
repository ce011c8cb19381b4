"""A conversation: what is unread, who waits and what is open, read from its newest messages; and decisions about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.rules.states import State
from shared.services.auto_replies import AUTO_REPLY
from shared.services.conversation_states import ConversationState
from shared.services.keyword_replies import KEYWORD_REPLY
from shared.services.messages import Direction, Message

# So many of the newest messages tell what is unread and since when somebody waits.
RECENT = 20
_NEVER_WENT = frozenset({State.SUPPRESSED, State.CANCELED, State.EXPIRED, State.FAILED})
# Tags of what the app answers by itself: no person has answered with it.
_AUTOMATIC_TAGS = frozenset({KEYWORD_REPLY, AUTO_REPLY})


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


def _is_answer(one: Message) -> bool:
    by_hand = one.direction is Direction.OUTBOUND and not one.campaign and one.tag not in _AUTOMATIC_TAGS
    return by_hand and one.state not in _NEVER_WENT
