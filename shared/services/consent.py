"""Consent: every way in which a person, the carrier or a caller changes who may be texted."""

from __future__ import annotations

from shared.rules.ids import conversation_id, digest, newest_first
from shared.rules.keywords import KeywordKind, classify
from shared.rules.states import State, Step
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.messages import Message, Messages
from shared.services.opt_outs import Applied, Change, Consent, OptOuts, Source


class Consents:
    """Applies changes of consent and leaves their trace in the activity."""

    def __init__(self, opt_outs: OptOuts, messages: Messages, activity: ActivityLog) -> None:
        self._opt_outs = opt_outs
        self._messages = messages
        self._activity = activity

    async def change(self, change: Change) -> Applied:
        """Apply a change and record it, once however often it is heard of."""
        applied = await self._opt_outs.apply(change)
        await self._activity.merge(_activity_of(change))
        if change.consent is Consent.OPTED_OUT and change.source in (Source.SMS, Source.DELIVERY_REPORT):
            await self._hear_later_answers(change)
        return applied

    async def answers_opt_out(self, change: Change) -> bool:
        """Tell whether this opt-in answers an opt-out: the person is opted out, or this very change ended it."""
        standing = await self._opt_outs.standing(change.recipient)
        return standing.blocks(change.sender) or await self._opt_outs.has(change)

    async def _hear_later_answers(self, opt_out: Change) -> None:
        # Events come in any order: a YES that was sent after this opt-out may have been stored before it, as a
        # plain text. It is heard now, so that the end is the same as in the order of sending (invariant I3).
        conversation = conversation_id(opt_out.sender, opt_out.recipient)
        for message in await self._messages.inbound_after(conversation, opt_out.at_ms):
            if classify(message.text).kind is KeywordKind.OPT_IN_ANSWER:
                await self.change(opt_in_by(message))


def opt_in_by(message: Message) -> Change:
    """Return the opt-in that an inbound text asks for: to the sender that it was sent to."""
    return _change_by(message, message.sender, Consent.OPTED_IN)


def opt_out_by(message: Message, scope: str) -> Change:
    """Return the opt-out that an inbound text asks for: of its sender, or with `*` of all."""
    return _change_by(message, scope, Consent.OPTED_OUT)


def _change_by(message: Message, scope: str, consent: Consent) -> Change:
    return Change(
        id=message.id,
        recipient=message.recipient,
        scopes=(scope,),
        consent=consent,
        at_ms=message.key.at_ms,
        source=Source.SMS,
        keyword=message.keyword,
        sender=message.sender,
    )


def _activity_of(change: Change) -> Activity:
    kind = Kind.OPT_OUT if change.consent is Consent.OPTED_OUT else Kind.OPT_IN
    return Activity(
        kind=kind,
        row=f"{newest_first(change.at_ms)}-{digest(kind.value, change.id)}",
        conversation=conversation_id(change.sender, change.recipient) if change.sender else "",
        sender=change.sender,
        step=Step(State.RECEIVED, change.at_ms, change.source.value),
        keyword=change.keyword,
    )
