"""What the endpoints of conversations take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.edges.api_base import In, Moment, Out, SenderName, Tag, Text, Time, time_of
from shared.edges.api_models import MessageAnswer
from shared.edges.path_ids import MESSAGE_ID
from shared.rules.ids import from_ms
from shared.services.conversation import Conversation
from shared.services.notes import Note
from shared.services.quick_replies import QuickReply

Status = Literal["open", "closed"]
Assignee = Annotated[str, Field(max_length=128)]
Label = Annotated[str, Field(min_length=1, max_length=64)]
MessageId = Annotated[str, StringConstraints(pattern=f"^{MESSAGE_ID.pattern}$")]


class ConversationAnswer(Out):
    """A conversation between one of our senders and one person; `isOptedOut` where one alone is asked for."""

    id: str
    sender: str
    recipient: str
    last_activity_at: Time
    last_message: MessageAnswer
    unread: int
    waiting_since: Time | None = None
    status: Status
    assignee: str | None = None
    labels: list[str]
    is_opted_out: bool | None = None

    @classmethod
    def of(cls, one: Conversation, *, opted_out: bool | None = None) -> ConversationAnswer:
        """Return the conversation as it is shown."""
        return cls(
            id=one.id,
            sender=one.newest.sender,
            recipient=one.newest.recipient,
            last_activity_at=from_ms(one.newest.key.at_ms),
            last_message=MessageAnswer.of(one.newest),
            unread=one.unread,
            waiting_since=time_of(one.waiting_since_ms),
            status="open" if one.is_open else "closed",
            assignee=one.state.assignee or None,
            labels=list(one.state.labels),
            is_opted_out=opted_out,
        )


class ConversationList(Out):
    """A page of conversations, the latest first."""

    value: list[ConversationAnswer]
    next_link: str | None = None


class ConversationSearch(In):
    """Which conversations are looked for; all that is given must hold."""

    sender: SenderName = None
    recipient: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    text: Annotated[str | None, Field(min_length=2, max_length=160)] = None
    after: Moment = None
    before: Moment = None
    unread: bool | None = None
    waiting: bool | None = None
    status: Status | None = None
    assignee: Assignee | None = None
    label: Label | None = None
    max_page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    skip_token: str | None = None


class ConversationSearchAnswer(Out):
    """A page of what was found, the latest first; `skipToken` asks for the next one."""

    value: list[ConversationAnswer]
    skip_token: str | None = None


class ConversationPatch(In):
    """What is decided about a conversation; what is left out stays."""

    assignee: Assignee | None = None
    status: Status | None = None
    labels: Annotated[list[Label], Field(max_length=20)] | None = None
    read_up_to: MessageId | None = None


class ReplyRequest(In):
    """An answer to the person of a conversation."""

    text: Text
    tag: Tag = ""


class NoteRequest(In):
    """A note for the team, which is never sent."""

    text: Text


class NoteAnswer(Out):
    """A note for the team; `author` is an id of the caller that tells neither key nor person."""

    id: str
    text: str
    author: str
    at: Time

    @classmethod
    def of(cls, note: Note) -> NoteAnswer:
        """Return the note as it is shown."""
        return cls(id=note.id, text=note.text, author=note.author, at=from_ms(note.at_ms))


class NoteList(Out):
    """A page of notes, the newest first."""

    value: list[NoteAnswer]
    next_link: str | None = None


class QuickReplyModel(In):
    """One template of what the team writes often."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    text: Text

    @classmethod
    def of(cls, one: QuickReply) -> QuickReplyModel:
        """Return the quick reply as it is shown."""
        return cls(name=one.name, text=one.text)


class QuickReplyRequest(In):
    """All quick replies, in the order in which they are offered."""

    value: Annotated[list[QuickReplyModel], Field(max_length=200)]


class QuickReplyAnswer(Out):
    """All quick replies, in the order in which they are offered."""

    value: list[QuickReplyModel]
