"""Inbound texts: stored once, heard for STOP and START, answered where that is ours to do, relayed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

from shared.ports.relay import Notice, Relay
from shared.rules.choices import Chosen
from shared.rules.ids import MessageKey
from shared.rules.keywords import KeywordKind, classify, folded
from shared.rules.segments import count_segments
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.auto_replies import AUTO_REPLY, AutoReplier
from shared.services.consent import Consents, opt_in_by, opt_out_by
from shared.services.keyword_replies import KEYWORD_REPLY, KeywordReplier
from shared.services.messages import Direction, Message, Messages
from shared.services.notices import choice_received, opt_out_changed, text_received
from shared.services.opt_outs import ALL_SENDERS, Applied
from shared.services.senders import Senders


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A text that came in: `sender` is our number as the event gives it, `recipient` the person's in E.164."""

    message_id: str
    sender: str
    recipient: str
    text: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """What a STOP ends, `all` or `sender`; for how long after a text an inbound one is a response to it."""

    opt_out_scope: str
    response_window: timedelta


class Inbound:
    """The use case of the event SMSReceived. Every step may be repeated, and changes nothing the second time."""

    def __init__(
        self,
        *,
        messages: Messages,
        activity: ActivityLog,
        consents: Consents,
        relay: Relay,
        senders: Senders,
        keyword_replier: KeywordReplier,
        auto_replier: AutoReplier,
        policy: InboundPolicy,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._consents = consents
        self._relay = relay
        self._senders = senders
        self._keyword_replier = keyword_replier
        self._auto_replier = auto_replier
        self._opt_out_scope = policy.opt_out_scope
        self._response_window_ms = policy.response_window // timedelta(milliseconds=1)

    async def receive(self, received: TextReceived) -> None:
        """Store the text and do what it asks for; a repetition ends in the same.

        Raises:
            StorageUnavailable, CarrierUnavailable, CarrierThrottled, RelayUnavailable: to be delivered again.
        """
        message, _ = await self._messages.put_new(self._draft(received))
        if message.handled:
            return
        await self._activity.record([Activity.of(message)])
        kind, applied = await self._hear(message)
        choices = await self._relate(message, kind)
        if kind is KeywordKind.NONE:
            await self._auto_replier.answer(message)
        else:
            await self._keyword_replier.answer(message, kind, applied)
        changes = [opt_out_changed(applied.change)] if applied and applied.flipped else []
        await self._relay.publish([text_received(message), *choices, *changes])
        await self._messages.settle_handled(message)

    async def _relate(self, message: Message, kind: KeywordKind) -> Sequence[Notice]:
        """Relate a text to those that it answers; return what the application is to be told of that."""
        if kind is KeywordKind.OPT_OUT:
            return ()
        at_ms, word = message.key.at_ms, folded(message.text) if kind is KeywordKind.NONE else None
        texts = self._messages.sent_before(message.conversation, at_ms, at_ms - self._response_window_ms)
        async with aclosing(texts):
            answered = await anext(texts, None)
            if answered and answered.tag not in (KEYWORD_REPLY, AUTO_REPLY):
                # One row for each text that is answered, however many answers there are, in whatever order.
                await self._activity.record([Activity.response_to(answered, at_ms)])
            asked = answered
            while asked and word and not _choice_on(message, asked):
                asked = await anext(texts, None)
        chosen = _choice_on(message, asked) if asked and word else None
        return [await self._choose(message, asked, chosen)] if asked and chosen else ()

    async def _choose(self, message: Message, asked: Message, chosen: Chosen) -> Notice:
        told = await self._messages.choose(asked, chosen)
        await self._activity.record([Activity.choice_on(told)])
        return choice_received(told, chosen, message)

    def _draft(self, received: TextReceived) -> Message:
        known = self._senders.find(received.sender)
        sender = known.name if known else received.sender
        count = count_segments(received.text)
        return Message(
            key=MessageKey.inbound(sender, received.recipient, received.received_ms, received.message_id),
            direction=Direction.INBOUND,
            sender=sender,
            recipient=received.recipient,
            text=received.text,
            history=History((Step(State.RECEIVED, received.received_ms),)),
            encoding=count.encoding.value,
            segments=count.segments,
            carrier_message_id=received.message_id,
            keyword=classify(received.text).word or "",
        )

    async def _hear(self, message: Message) -> tuple[KeywordKind, Applied | None]:
        kind = classify(message.text).kind
        if kind is KeywordKind.OPT_OUT:
            scope = ALL_SENDERS if self._opt_out_scope == "all" else message.sender
            return kind, await self._consents.hear(opt_out_by(message, scope))
        if kind not in (KeywordKind.OPT_IN, KeywordKind.OPT_IN_ANSWER):
            return kind, None
        if kind is KeywordKind.OPT_IN_ANSWER and not await self._consents.answers_opt_out(message):
            return KeywordKind.NONE, None
        return KeywordKind.OPT_IN, await self._consents.hear(opt_in_by(message))


def _choice_on(message: Message, asked: Message) -> Chosen | None:
    """Return what a text chooses of an earlier one; None if that offers no such word, or had not gone yet."""
    choice = asked.words.choice_of(message.text) if 0 < asked.first_sent_ms <= message.key.at_ms else None
    return Chosen(choice, message.key.at_ms) if choice else None
