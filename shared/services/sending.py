"""Sending one text to up to 100 recipients, once per idempotency key, with an answer for each recipient."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from pydantic import TypeAdapter

from shared.ports.clock import Clock
from shared.rules.errors import SmsError
from shared.rules.ids import MessageKey, Send, send_id, to_ms
from shared.rules.reasons import Reason
from shared.rules.segments import count_segments
from shared.rules.states import History, State, Step
from shared.services.dispatch import NOTHING_SENT, Dispatch, StillOpen
from shared.services.idempotency import Answered, Idempotency, Running
from shared.services.messages import Direction, Message
from shared.services.recipients import Recipient
from shared.services.senders import Sender

REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be sent, to whom. `confirms_opt_out`: the one text that a person who opted out still gets."""

    sender: Sender
    recipients: tuple[Recipient, ...]
    text: str
    tag: str = ""
    delivery_report: bool = True
    confirms_opt_out: bool = False

    @property
    def fingerprint(self) -> str:
        """Return what makes this request the same one when its key comes again."""
        numbers = [recipient.number for recipient in self.recipients]
        return json.dumps([self.sender.name, self.text, self.tag, self.delivery_report, numbers])


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """What became of one recipient. A rejected one has no id, since nothing was accepted for it."""

    to: str
    state: str
    segments: int
    id: str | None = None
    reason: str | None = None


_ANSWERS = TypeAdapter(tuple[RecipientAnswer, ...])


class Sending:
    """The way out for every text: those of callers, and those that the app sends by itself."""

    def __init__(self, dispatch: Dispatch, idempotency: Idempotency, clock: Clock) -> None:
        self._dispatch = dispatch
        self._idempotency = idempotency
        self._clock = clock

    async def send(self, text: Text, key: str | None = None) -> tuple[RecipientAnswer, ...]:
        """Send the text and return one answer per recipient, in the order asked; a repeat gets the first answer.

        Raises:
            Conflict: the key belongs to another request, or the first request is still running.
            CarrierRefused, CarrierThrottled, CarrierUnavailable: ACS took none of it; repeat with the same key.
            StorageUnavailable: what became of it could not be recorded; repeat with the same key.
        """
        key = key or str(uuid4())
        begun = await self._idempotency.begin(key, text.fingerprint)
        if isinstance(begun, Answered):
            return _from_stored(begun.answer, text)
        messages = await self._run(text, Send(send_id(key), begun.accepted_ms), begun)
        answers = _answers(text, messages)
        await self._idempotency.finish(begun, _to_stored(answers))
        return answers

    async def has_begun(self, key: str) -> bool:
        """Tell whether a send with this key was begun, and so must be ended by `send` with the same text."""
        return await self._idempotency.knows(key)

    async def _run(self, text: Text, send: Send, running: Running) -> tuple[Message, ...]:
        drafts = [_draft(text, send, one.number, self._now_ms()) for one in text.recipients if not one.problem]
        try:
            return await self._dispatch.run(send, drafts, fenced=not text.confirms_opt_out)
        except StillOpen as still_open:
            await self._idempotency.interrupt(running)
            raise still_open.cause from None
        except NOTHING_SENT:
            await self._idempotency.release(running)
            raise
        except SmsError:
            await self._idempotency.interrupt(running)
            raise

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _to_stored(answers: Sequence[RecipientAnswer]) -> str:
    # Without what was written as the recipient: the repeat brings it, and it may be too much for the store.
    return _ANSWERS.dump_json(tuple(replace(answer, to="") for answer in answers)).decode()


def _from_stored(stored: str, text: Text) -> tuple[RecipientAnswer, ...]:
    pairs = zip(_ANSWERS.validate_json(stored), text.recipients, strict=True)
    return tuple(replace(answer, to=recipient.number) for answer, recipient in pairs)


def _draft(text: Text, send: Send, recipient: str, now_ms: int) -> Message:
    count = count_segments(text.text)
    return Message(
        key=MessageKey.outbound(send, text.sender.name, recipient),
        direction=Direction.OUTBOUND,
        sender=text.sender.name,
        recipient=recipient,
        text=text.text,
        history=History((Step(State.SENDING, now_ms),)),
        tag=text.tag,
        encoding=count.encoding.value,
        segments=count.segments,
        delivery_report=text.delivery_report,
    )


def _answers(text: Text, messages: Sequence[Message]) -> tuple[RecipientAnswer, ...]:
    by_number = {message.recipient: message for message in messages}
    segments = count_segments(text.text).segments
    return tuple(_answer(recipient, by_number.get(recipient.number), segments) for recipient in text.recipients)


def _answer(recipient: Recipient, message: Message | None, segments: int) -> RecipientAnswer:
    if message is None:
        return RecipientAnswer(recipient.number, REJECTED, segments, reason=Reason.INVALID_NUMBER.value)
    return RecipientAnswer(
        recipient.number, message.state.value, message.segments, message.key.id, message.reason or None
    )
