"""Automatic answers: to each person, by each sender, one in an hour at most.

Whoever is about to answer a text first claims it in the row of its conversation, by insert or by ETag: with the text's
id, the time at which it came and the answer. So of two workers one answers, and after a crash the same event finds the
claim and ends with the same send, whose idempotency key is the text's id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Table, Value
from shared.rules.auto_replies import AutoReplies
from shared.rules.errors import CarrierRefused, DailyCapReached
from shared.rules.ids import DAY_MS, HOUR_MS, digest, from_ms, to_ms
from shared.rules.phone_numbers import is_e164
from shared.services.auto_reply_rules import AutoReplyRules
from shared.services.messages import Message
from shared.services.opt_outs import OptOuts
from shared.services.recipients import Recipient
from shared.services.senders import Sender, Senders
from shared.services.sending import Sending, Text

_LOG = logging.getLogger(__name__)

AUTO_REPLY = "auto-reply"
# Four redeliveries by Event Grid come in this time; an answer that comes later answers nothing.
_REPLY_WITHIN_MS = timedelta(minutes=15) // timedelta(milliseconds=1)
# A machine that answers our answers with one text keeps that up for ever, at one an hour.
_MOST_ALIKE = 3
_ROW = "claim"


@dataclass(frozen=True, slots=True)
class _Claim:
    """The last text of a conversation that was answered, and how many before it were alike."""

    conversation: str
    message: str
    at_ms: int
    answer: str
    heard: str
    times: int
    etag: str = ""


class AutoReplier:
    """Answers texts by the rules."""

    def __init__(
        self,
        *,
        rules: AutoReplyRules,
        table: Table,
        opt_outs: OptOuts,
        sending: Sending,
        senders: Senders,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._table = table
        self._opt_outs = opt_outs
        self._sending = sending
        self._senders = senders
        self._clock = clock

    async def answer(self, message: Message) -> None:
        """Answer a text that came in, if a rule does; a repetition ends in the same.

        Raises:
            StorageUnavailable, CarrierUnavailable, CarrierThrottled: to be delivered again.
        """
        sender = self._senders.find(message.sender)
        if sender is None or not self._is_person(message.recipient):
            return
        # Read again each time: a rule that was taken away answers nothing more, on no worker.
        rules = await self._rules.get()
        claim = await self._claim(message, rules) if rules.are_set else None
        if claim:
            await self._send(message, sender, claim.answer)

    def _is_person(self, number: str) -> bool:
        """Tell whether a number may be a person's: no short code, no name, none of our own."""
        return is_e164(number) and self._senders.find(number) is None

    async def _claim(self, message: Message, rules: AutoReplies) -> _Claim | None:
        """Return the claim of this text, old or new; None if it gets no answer."""
        while True:
            last = _claim_of(await self._table.get(message.conversation, _ROW))
            if last and last.message == message.id:
                return last
            claim = _next(last, message, rules)
            if claim is None or self._is_late(message) or await self._has_left(message):
                return None
            if await _write(self._table, _to_entity(claim)):
                return claim

    async def _has_left(self, message: Message) -> bool:
        # The fence has the last word; this keeps a claim and a suppressed message from being written.
        return (await self._opt_outs.standing(message.recipient)).blocks(message.sender)

    async def _send(self, message: Message, sender: Sender, answer: str) -> None:
        key = f"{AUTO_REPLY}:{message.id}"
        if self._is_late(message) and not await self._sending.has_begun(key):
            return
        not_after_ms = message.key.at_ms + _REPLY_WITHIN_MS
        reply = Text(sender, (Recipient(message.recipient),), answer, tag=AUTO_REPLY, not_after_ms=not_after_ms)
        try:
            await self._sending.send(reply, key=key)
        except (CarrierRefused, DailyCapReached) as error:
            _LOG.warning("An automatic answer was not sent (%s).", error.code)

    def _is_late(self, message: Message) -> bool:
        return to_ms(self._clock.now()) >= message.key.at_ms + _REPLY_WITHIN_MS


def _next(last: _Claim | None, message: Message, rules: AutoReplies) -> _Claim | None:
    """Return the claim that would come after the last one; None if the text gets no answer."""
    at_ms, heard = message.key.at_ms, digest(" ".join(message.text.casefold().split()))
    if last and at_ms < last.at_ms + HOUR_MS:
        return None
    is_again = last is not None and last.heard == heard and at_ms < last.at_ms + DAY_MS
    times = last.times + 1 if last and is_again else 1
    answer = rules.answer_to(message.text, message.sender, from_ms(at_ms))
    if not answer or times > _MOST_ALIKE:
        return None
    return _Claim(message.conversation, message.id, at_ms, answer, heard, times, last.etag if last else "")


async def _write(table: Table, entity: Entity) -> bool:
    """Insert or replace the entity, as it has an ETag or not; False if somebody else was faster."""
    try:
        await (table.replace(entity) if entity.etag else table.insert(entity))
    except (EntityExists, EntityChanged):
        return False
    return True


def _to_entity(claim: _Claim) -> Entity:
    values: dict[str, Value] = {
        "message": claim.message,
        "atMs": claim.at_ms,
        "answer": claim.answer,
        "heard": claim.heard,
        "times": claim.times,
    }
    return Entity(claim.conversation, _ROW, values, claim.etag)


def _claim_of(entity: Entity | None) -> _Claim | None:
    if entity is None:
        return None
    found = entity.values
    return _Claim(
        entity.partition,
        str(found["message"]),
        int(found["atMs"]),
        str(found["answer"]),
        str(found["heard"]),
        int(found["times"]),
        entity.etag,
    )
