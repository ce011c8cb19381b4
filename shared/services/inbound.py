"""Inbound texts: stored once, heard for STOP and START, answered where that is ours to do, relayed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.relay import Relay
from shared.rules.errors import CarrierRefused, DailyCapReached
from shared.rules.ids import MessageKey, to_ms
from shared.rules.keywords import KeywordKind, classify
from shared.rules.segments import count_segments
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.consent import Consents, opt_in_by, opt_out_by
from shared.services.messages import Direction, Message, Messages
from shared.services.notices import opt_out_changed, text_received
from shared.services.opt_outs import ALL_SENDERS, Applied
from shared.services.recipients import Recipient
from shared.services.senders import Senders
from shared.services.sending import Sending, Text

_LOG = logging.getLogger(__name__)

KEYWORD_REPLY = "keyword-reply"

# One confirmation is presumed fine within five minutes of the opt-out: 47 CFR 64.1200(a)(12).
_REPLY_WITHIN = timedelta(minutes=5)


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
    """What is done with texts that come in.

    The app's own answers to keywords (an empty one is not sent); what a STOP ends: `all` or `sender`; for how long
    after a text an inbound one is a response to it.
    """

    opt_out_reply: str
    opt_in_reply: str
    help_reply: str
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
        sending: Sending,
        relay: Relay,
        clock: Clock,
        senders: Senders,
        policy: InboundPolicy,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._consents = consents
        self._sending = sending
        self._relay = relay
        self._clock = clock
        self._senders = senders
        self._opt_out_scope = policy.opt_out_scope
        self._response_window_ms = policy.response_window // timedelta(milliseconds=1)
        self._reply_texts: Mapping[KeywordKind, str] = {
            KeywordKind.OPT_OUT: policy.opt_out_reply,
            KeywordKind.OPT_IN: policy.opt_in_reply,
            KeywordKind.HELP: policy.help_reply,
        }

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
        if kind is not KeywordKind.OPT_OUT:
            await self._count_response(message)
        await self._answer(message, kind, applied)
        changes = [opt_out_changed(applied.change)] if applied and applied.flipped else []
        await self._relay.publish([text_received(message), *changes])
        await self._messages.settle_handled(message)

    async def _count_response(self, message: Message) -> None:
        # One row for each text that is answered, however many answers there are and in whatever order they come.
        at_ms = message.key.at_ms
        answered = await self._messages.last_sent_before(message.conversation, at_ms, at_ms - self._response_window_ms)
        if answered and answered.tag != KEYWORD_REPLY:
            await self._activity.record([Activity.response_to(answered, at_ms)])

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

    async def _answer(self, message: Message, kind: KeywordKind, applied: Applied | None) -> None:
        text = self._reply_texts.get(kind, "")
        sender = self._senders.find(message.sender)
        if not text or sender is None or not sender.answers_itself(message.text):
            return
        key = f"reply:{message.id}"
        if (applied and not applied.flipped) or (self._is_late(message) and not await self._sending.has_begun(key)):
            return
        reply = Text(
            sender,
            (Recipient(message.recipient),),
            text,
            tag=KEYWORD_REPLY,
            is_answer=True,
            confirms_opt_out=kind is KeywordKind.OPT_OUT,
            not_after_ms=message.key.at_ms + _REPLY_WITHIN // timedelta(milliseconds=1),
        )
        try:
            await self._sending.send(reply, key=key)
        except (CarrierRefused, DailyCapReached) as error:
            _LOG.warning("The answer to a keyword was not sent (%s); the opt-out itself is recorded.", error.code)

    def _is_late(self, message: Message) -> bool:
        return to_ms(self._clock.now() - _REPLY_WITHIN) > message.key.at_ms
