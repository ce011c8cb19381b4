"""Sending one text to up to 100 recipients, once per idempotency key, with an answer for each recipient."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from pydantic import TypeAdapter

from shared.ports.clock import Clock
from shared.ports.telemetry import Telemetry
from shared.rules.choices import NO_WORDS, ChoiceWords
from shared.rules.countries import AllowedCountries
from shared.rules.errors import CarrierRefused, Conflict, DailyCapReached, InvalidRequest, NotFound, SmsError
from shared.rules.ids import MessageKey, Send, send_id, to_ms
from shared.rules.phone_numbers import country_of
from shared.rules.reasons import Reason
from shared.rules.segments import count_segments
from shared.rules.states import State
from shared.services.activity import Activity
from shared.services.batches import Batch, Batches
from shared.services.dispatch import Dispatch
from shared.services.ends import Records
from shared.services.idempotency import Answered, Idempotency, Running
from shared.services.messages import Message
from shared.services.recipient_limits import RecipientLimits
from shared.services.recipients import Recipient
from shared.services.senders import Sender

REJECTED = "rejected"
# Well below the lease of a request: after it, a repeat may have been faster.
_SLOW_MS = 20_000


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be sent, to whom and when (ms; 0 is now, and as late as it takes within the app's limit).

    `caller`: who asks for it, none for what the app sends by itself.
    `confirms_opt_out`: the one text that a person who opted out still gets. `is_answer`: the app itself answers a text
    that came in, and what holds for callers does not hold for it.
    `words`: by which it can be answered.
    """

    sender: Sender
    recipients: tuple[Recipient, ...]
    text: str
    tag: str = ""
    caller: str = ""
    delivery_report: bool = True
    confirms_opt_out: bool = False
    send_at_ms: int = 0
    not_after_ms: int = 0
    is_answer: bool = False
    words: ChoiceWords = NO_WORDS

    @property
    def fingerprint(self) -> str:
        """Return what makes this request the same one when its key comes again."""
        numbers = [recipient.number for recipient in self.recipients]
        options = [self.delivery_report, self.send_at_ms, self.not_after_ms, *filter(None, [self.words.to_json()])]
        return json.dumps([self.sender.name, self.text, self.tag, *options, numbers])


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """What the settings say of texts: for how long one is tried, to which countries, how many to one recipient."""

    send_within: timedelta
    countries: AllowedCountries
    limits: RecipientLimits

    @property
    def send_within_ms(self) -> int:
        """Return for how many ms a text is tried that says nothing of it."""
        return self.send_within // timedelta(milliseconds=1)


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

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        batches: Batches,
        records: Records,
        idempotency: Idempotency,
        clock: Clock,
        telemetry: Telemetry,
        policy: SendPolicy,
    ) -> None:
        self._dispatch = dispatch
        self._batches = batches
        self._messages = records.messages
        self._activity = records.activity
        self._ends = records.ends
        self._idempotency = idempotency
        self._clock = clock
        self._telemetry = telemetry
        self._policy = policy

    async def send(self, text: Text, key: str | None = None) -> tuple[RecipientAnswer, ...]:
        """Send the text and return one answer per recipient, in the order asked; a repeat gets the first answer.

        What cannot go now is `queued` or `scheduled`, and goes by itself.

        Raises:
            InvalidRequest: it would be too late before it could go.
            Conflict: the key belongs to another request, or the first request is still running.
            DailyCapReached: there is no room for all of it today, and nothing of it was accepted.
            CarrierRefused: ACS refused it for good; mend what the error names, then repeat with the same key.
            StorageUnavailable: what became of it could not be recorded; repeat with the same key.
        """
        key = key or str(uuid4())
        begun = await self._idempotency.begin(key, text.fingerprint)
        if isinstance(begun, Answered):
            return _from_stored(begun.answer, text)
        send = Send(send_id(key), begun.accepted_ms)
        text, messages = await self._run(text, send, begun)
        answers = _answers(text, messages)
        await self._idempotency.finish(begun, _to_stored(answers))
        return answers

    async def has_begun(self, key: str) -> bool:
        """Tell whether a send with this key was begun, and so must be ended by `send` with the same text."""
        return await self._idempotency.knows(key)

    async def wake(self, partition: str, row: str) -> None:
        """Go on with a batch that waited; a repetition, or one that is done, does nothing."""
        batch = await self._batches.claim(partition, row)
        if batch is None:
            return
        with self._telemetry.going_on("send batch", batch.traceparent), suppress(CarrierRefused):
            await self._dispatch.run(batch)

    async def cancel(self, key: MessageKey) -> Message:
        """Cancel a message that is scheduled or queued; return it as it is now.

        Raises:
            NotFound: there is none.
            Conflict: it has gone already.
        """
        message = await self._messages.cancel(key, to_ms(self._clock.now()))
        if message is None:
            raise NotFound("There is no message with this id.", code="MessageNotFound", target="id")
        if message.state is not State.CANCELED:
            raise Conflict("The message has gone, and cannot be canceled.", code="MessageHasGone", target="id")
        await self._ends.tell([message])
        await self._activity.merge(Activity.of(message))
        return message

    async def _run(self, text: Text, send: Send, running: Running) -> tuple[Text, Sequence[Message]]:
        try:
            check_times(text.send_at_ms, text.not_after_ms, send.accepted_ms)
            text = await self._allowed(text, send)
            if not _numbers(text):
                return text, ()
            batch = await self._batches.open(self._batch(text, send))
            if batch is None:
                return text, await self._as_they_are(text, send)
            if batch.is_new and self._may_be_done(running) and (done := await self._done_before(text, send)):
                await self._batches.close(batch)
                return text, done
            return text, await self._dispatch.run(batch, asked=True)
        except (CarrierRefused, DailyCapReached, InvalidRequest):
            await self._policy.limits.forget(send, _numbers(text))
            await self._idempotency.release(running)
            raise
        except SmsError:
            await self._idempotency.interrupt(running)
            raise

    async def _allowed(self, text: Text, send: Send) -> Text:
        """Return the text with those recipients marked who may not have it."""
        if text.is_answer:
            return text
        countries = self._policy.countries
        abroad = {one for one in _numbers(text) if countries.codes and not countries.allows(country_of(one))}
        over = await self._policy.limits.over(send, [one for one in _numbers(text) if one not in abroad])
        refused = dict.fromkeys(over, Reason.RECIPIENT_LIMIT) | dict.fromkeys(abroad, Reason.COUNTRY_NOT_ALLOWED)
        return replace(text, recipients=tuple(replace(one, refused=refused.get(one.number)) for one in text.recipients))

    def _may_be_done(self, running: Running) -> bool:
        is_slow = to_ms(self._clock.now()) - running.accepted_ms > _SLOW_MS
        return running.is_repeat or is_slow

    async def _done_before(self, text: Text, send: Send) -> Sequence[Message]:
        """Return the messages if an earlier caller has done all of them, and forgotten the batch; else none.

        Done again, they would be counted again, or given back again.
        """
        messages = await self._as_they_are(text, send)
        is_done = len(messages) == len(_numbers(text)) and not any(one.is_open for one in messages)
        return messages if is_done else ()

    async def _as_they_are(self, text: Text, send: Send) -> Sequence[Message]:
        keys = [MessageKey.outbound(send, text.sender.name, number) for number in _numbers(text)]
        stored = [await self._messages.get(key) for key in keys]
        return [message for message in stored if message]

    def _batch(self, text: Text, send: Send) -> Batch:
        due_ms = max(text.send_at_ms, send.accepted_ms)
        return Batch(
            send=send,
            sender=text.sender.name,
            recipients=_numbers(text),
            text=text.text,
            tag=text.tag,
            caller=text.caller,
            delivery_report=text.delivery_report,
            confirms_opt_out=text.confirms_opt_out,
            words=text.words,
            due_ms=due_ms,
            not_after_ms=text.not_after_ms or due_ms + self._policy.send_within_ms,
            traceparent=self._telemetry.traceparent(),
        )


def check_times(send_at_ms: int, not_after_ms: int, accepted_ms: int) -> None:
    """Raise InvalidRequest if `notAfter` comes before what is asked for could begin; 0 is no such time.

    Compared with the time when the request was accepted first, so that a repeat of it is judged the same.
    """
    if not_after_ms and not_after_ms <= max(send_at_ms, accepted_ms):
        raise InvalidRequest(
            "`notAfter` must be later than `sendAt`, and later than now.", code="NotAfterTooEarly", target="notAfter"
        )


def _to_stored(answers: Sequence[RecipientAnswer]) -> str:
    # Without what was written as the recipient: the repeat brings it, and it may be too much for the store.
    return _ANSWERS.dump_json(tuple(replace(answer, to="") for answer in answers)).decode()


def _from_stored(stored: str, text: Text) -> tuple[RecipientAnswer, ...]:
    pairs = zip(_ANSWERS.validate_json(stored), text.recipients, strict=True)
    return tuple(replace(answer, to=recipient.number) for answer, recipient in pairs)


def _numbers(text: Text) -> tuple[str, ...]:
    return tuple(recipient.number for recipient in text.recipients if not recipient.rejected)


def _answers(text: Text, messages: Sequence[Message]) -> tuple[RecipientAnswer, ...]:
    by_number = {message.recipient: message for message in messages}
    segments = count_segments(text.text).segments
    return tuple(_answer(recipient, by_number.get(recipient.number), segments) for recipient in text.recipients)


def _answer(recipient: Recipient, message: Message | None, segments: int) -> RecipientAnswer:
    if recipient.rejected:
        return RecipientAnswer(recipient.number, REJECTED, segments, reason=recipient.rejected.value)
    if message is None:
        return RecipientAnswer(recipient.number, "queued", segments)
    return RecipientAnswer(recipient.number, message.state.value, message.segments, message.id, message.reason or None)
