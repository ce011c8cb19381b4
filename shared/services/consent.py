"""Consent: every way in which a person, the carrier or a caller changes who may be texted."""

from __future__ import annotations

import asyncio
import itertools

from shared.rules.ids import conversation_id, digest, newest_first
from shared.rules.keywords import KeywordKind, classify
from shared.rules.states import State, Step
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.messages import Message, Messages
from shared.services.opt_outs import ALL_SENDERS, Applied, Change, Consent, OptOuts, Source
from shared.services.senders import Senders


class Consents:
    """Applies changes of consent and leaves their trace in the activity."""

    def __init__(self, opt_outs: OptOuts, messages: Messages, activity: ActivityLog, senders: Senders) -> None:
        self._opt_outs = opt_outs
        self._messages = messages
        self._activity = activity
        self._senders = senders

    async def hear(self, change: Change) -> Applied:
        """Apply what an event says, and count it once however often it is heard of, in whatever order."""
        applied = await self._opt_outs.apply(change)
        await self._activity.merge(_activity_of(change))
        if change.consent is Consent.OPTED_OUT:
            await self._hear_later_answers(change)
        return applied

    async def change(self, change: Change) -> Applied:
        """Apply what a caller asks for, and count it if it makes a difference: callers list the same people again."""
        applied = await self._opt_outs.apply(change)
        if applied.flipped:
            await self._activity.merge(_activity_of(change))
        return applied

    async def answers_opt_out(self, message: Message) -> bool:
        """Tell whether this text, a YES to one of our senders, answers an opt-out: the person had opted out then."""
        sender = self._senders.find(message.sender)
        if sender is None:
            return False
        standing = await self._opt_outs.standing_before(message.recipient, message.key.at_ms)
        return standing.blocks(sender.name) or await self._opt_outs.has(opt_in_by(message))

    async def _hear_later_answers(self, opt_out: Change) -> None:
        # Events come in any order: a YES that was sent after this opt-out may have been stored before it, as a
        # plain text. It is heard now, so that the end is the same as in the order of sending (invariant I3).
        names = {sender.name for sender in self._senders.all} if ALL_SENDERS in opt_out.scopes else {opt_out.sender}
        conversations = (conversation_id(name, opt_out.recipient) for name in names)
        found = await asyncio.gather(*(self._messages.inbound_after(one, opt_out.at_ms) for one in conversations))
        later = sorted(itertools.chain.from_iterable(found), key=lambda message: message.key.at_ms)
        for message in later:
            is_yes = classify(message.text).kind is KeywordKind.OPT_IN_ANSWER
            if is_yes and await self.answers_opt_out(message):
                await self.hear(opt_in_by(message))


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
