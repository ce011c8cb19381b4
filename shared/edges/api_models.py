"""What goes in and out of the HTTP API, field by field; see also `api_campaigns` and `api_failures`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from shared.edges.api_base import (
    In,
    Moment,
    Out,
    PageQuery,
    SenderName,
    Tag,
    Text,
    Time,
    Words,
    WrittenNumber,
    time_of,
)
from shared.rules.ids import from_ms
from shared.rules.reasons import describe
from shared.services.messages import Direction, Message
from shared.services.opt_out_lists import Imported, ListAnswer
from shared.services.opt_outs import Change, OptOut
from shared.services.sending import RecipientAnswer


def _as_list(to: object) -> object:
    return [to] if isinstance(to, str) else to


Recipients = Annotated[list[WrittenNumber], Field(min_length=1, max_length=100)]


class SendRequest(In):
    """One text to 1 to 100 recipients."""

    sender: SenderName = None
    to: Annotated[Recipients, BeforeValidator(_as_list)]
    text: Text
    tag: Tag = ""
    delivery_report: bool = True
    send_at: Moment = None
    not_after: Moment = None
    confirm_words: Words
    cancel_words: Words


class RecipientResult(Out):
    """What became of one recipient: its state; one that is `rejected` has no id."""

    to: str
    id: str | None = None
    state: str
    reason: str | None = None
    segments: int

    @classmethod
    def of(cls, answer: RecipientAnswer) -> RecipientResult:
        """Return the answer as it is shown."""
        return cls(to=answer.to, id=answer.id, state=answer.state, reason=answer.reason, segments=answer.segments)


class SendAnswer(Out):
    """One result per recipient, in the order asked."""

    value: list[RecipientResult]


class Reason(Out):
    """Why a message is where it is, in plain words, and what to do about it."""

    code: str
    kind: str
    meaning: str
    advice: str

    @classmethod
    def of(cls, code: str) -> Reason | None:
        """Return the reason of that code, None when there is none to give."""
        info = describe(code or None)
        if info is None:
            return None
        return cls(code=info.code, kind=info.kind, meaning=info.meaning, advice=info.advice)


class StateChange(Out):
    """One step of a message's history."""

    state: str
    at: Time
    reason: str | None = None
    delivery_code: str | None = None


class MessageAnswer(Out):
    """One message, with its history."""

    id: str
    conversation_id: str
    direction: str
    sender: Annotated[str, Field(serialization_alias="from")]
    to: str
    text: str
    tag: str | None = None
    keyword: str | None = None
    confirm_words: list[str] | None = None
    cancel_words: list[str] | None = None
    choice: Literal["confirm", "cancel"] | None = None
    chosen_at: Time | None = None
    state: str
    reason: Reason | None = None
    encoding: str
    segments: int
    at: Time
    history: list[StateChange]

    @classmethod
    def of(cls, message: Message) -> MessageAnswer:
        """Return the message as it is shown: `from` and `to` the way that it went."""
        outbound = message.direction is Direction.OUTBOUND
        ends = (message.sender, message.recipient) if outbound else (message.recipient, message.sender)
        return cls(
            id=message.id,
            conversation_id=message.conversation,
            direction=message.direction.value,
            sender=ends[0],
            to=ends[1],
            text=message.text,
            tag=message.tag or None,
            keyword=message.keyword or None,
            confirm_words=list(message.words.confirm) or None,
            cancel_words=list(message.words.cancel) or None,
            choice=message.chosen.choice.value if message.chosen else None,
            chosen_at=time_of(message.chosen.at_ms if message.chosen else 0),
            state=message.state.value,
            reason=Reason.of(message.reason),
            encoding=message.encoding,
            segments=message.segments,
            at=from_ms(message.key.at_ms),
            history=[
                StateChange(
                    state=step.state.value,
                    at=from_ms(step.at_ms),
                    reason=step.reason or None,
                    delivery_code=step.code or None,
                )
                for step in message.history.steps
            ],
        )


class MessageList(Out):
    """A page of messages, the newest first."""

    value: list[MessageAnswer]
    next_link: str | None = None


class OptOutRequest(In):
    """Recipients to check, opt out or opt in again; without `from`, for all senders."""

    sender: SenderName = None
    recipients: Recipients


class OptOutResult(Out):
    """What became of one recipient, in the form of ACS's own opt-out API."""

    to: str
    http_status_code: int
    is_opted_out: bool | None = None
    error_message: str | None = None

    @classmethod
    def of(cls, answer: ListAnswer) -> OptOutResult:
        """Return the answer as it is shown."""
        return cls(
            to=answer.to,
            http_status_code=answer.http_status,
            is_opted_out=answer.opted_out,
            error_message=answer.error,
        )


class OptOutAnswer(Out):
    """One result per recipient, in the order asked."""

    value: list[OptOutResult]


class ImportAnswer(Out):
    """What came of an uploaded opt-out file."""

    changed: int
    unchanged: int

    @classmethod
    def of(cls, imported: Imported) -> ImportAnswer:
        """Return the counts as they are shown."""
        return cls(changed=imported.changed, unchanged=imported.unchanged)


class OptOutEntry(Out):
    """One opt-out in force; `scope` is a sender, or `*` for all senders."""

    recipient: str
    scope: str
    since: Time
    source: str
    keyword: str | None = None

    @classmethod
    def of(cls, entry: OptOut) -> OptOutEntry:
        """Return the entry as it is shown."""
        return cls(
            recipient=entry.recipient,
            scope=entry.scope,
            since=from_ms(entry.at_ms),
            source=entry.source.value,
            keyword=entry.keyword or None,
        )


class OptOutList(Out):
    """A page of opt-outs in force."""

    value: list[OptOutEntry]
    next_link: str | None = None


class HistoryRequest(In):
    """The recipient whose history is asked for; in the body, so that no number is in a URL."""

    recipient: WrittenNumber


class OptOutChange(Out):
    """One change in a recipient's history."""

    at: Time
    state: str
    scopes: list[str]
    sender: str | None = None
    source: str
    keyword: str | None = None

    @classmethod
    def of(cls, change: Change) -> OptOutChange:
        """Return the change as it is shown."""
        return cls(
            at=from_ms(change.at_ms),
            state=change.consent.value,
            scopes=list(change.scopes),
            sender=change.sender or None,
            source=change.source.value,
            keyword=change.keyword or None,
        )


class HistoryAnswer(Out):
    """Every change of one recipient, the newest first."""

    value: list[OptOutChange]


class OptOutListQuery(PageQuery):
    """Which page, and in what form: `csv` is the whole list in one file."""

    format: Literal["json", "csv"] = "json"


class CheckAnswer(Out):
    """One part that the app needs."""

    name: str
    status: Literal["ready"]


class HealthAnswer(Out):
    """The app can do its work; when it cannot, the answer is an error that names what is missing."""

    status: Literal["ready"]
    checks: list[CheckAnswer]
