"""Consent: every way in which a person, the carrier or a caller changes who may be texted."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.relay import Relay
from shared.rules.ids import conversation_id, digest, newest_first, to_ms
from shared.rules.keywords import KeywordKind, classify
from shared.rules.states import State, Step
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.messages import Message, Messages
from shared.services.notices import opt_out_changed
from shared.services.opt_outs import ALL_SENDERS, Applied, Change, Consent, OptOuts, Source
from shared.services.senders import Senders

_FROM_CALLERS = frozenset({Source.API, Source.IMPORT})
# For so long a request that a crash interrupted is expected to be repeated.
_REPEATED_WITHIN = timedelta(hours=1)


class Consents:
    """Applies changes of consent and leaves their trace in the activity."""

    def __init__(
        self,
        *,
        opt_outs: OptOuts,
        messages: Messages,
        activity: ActivityLog,
        relay: Relay,
        senders: Senders,
        clock: Clock,
    ) -> None:
        self._opt_outs = opt_outs
        self._relay = relay
        self._clock = clock
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
        """Apply what a caller asks for; tell of it and count it if it makes a difference.

        Callers list the same people again. Then that which made the difference is told and counted once more, if it is
        not long ago: its worker may have died before it did.
        """
        applied = await self._opt_outs.apply(change)
        if applied.flipped:
            await self._note(change)
            return applied
        since_ms = to_ms(self._clock.now() - _REPEATED_WITHIN)
        for earlier in await self._opt_outs.flips_since(change.recipient, since_ms):
            if earlier.source in _FROM_CALLERS and earlier.consent is change.consent:
                await self._note(earlier)
        return applied

    async def _note(self, change: Change) -> None:
        await self._relay.publish([opt_out_changed(change)])
        await self._activity.merge(_activity_of(change))

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
                heard = await self.hear(opt_in_by(message))
                if heard.flipped:
                    await self._relay.publish([opt_out_changed(heard.change)])


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
