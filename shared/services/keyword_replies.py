"""The app's own answers to STOP, START and HELP, where no carrier gives them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from shared.ports.clock import Clock
from shared.rules.errors import CarrierRefused, DailyCapReached
from shared.rules.ids import to_ms
from shared.rules.keywords import KeywordKind
from shared.services.messages import Message
from shared.services.opt_outs import Applied
from shared.services.recipients import Recipient
from shared.services.senders import Senders
from shared.services.sending import Sending, Text

_LOG = logging.getLogger(__name__)

KEYWORD_REPLY = "keyword-reply"

# One confirmation is presumed fine within five minutes of the opt-out: 47 CFR 64.1200(a)(12).
_REPLY_WITHIN = timedelta(minutes=5)


class KeywordReplier:
    """Answers with the texts of the settings; what has none, or an empty one, is not answered."""

    def __init__(self, sending: Sending, senders: Senders, clock: Clock, texts: Mapping[KeywordKind, str]) -> None:
        self._sending = sending
        self._senders = senders
        self._clock = clock
        self._texts = texts

    async def answer(self, message: Message, kind: KeywordKind, applied: Applied | None) -> None:
        """Answer a keyword of this kind, once; `applied` is the change of consent that came of it.

        Raises:
            StorageUnavailable, CarrierUnavailable, CarrierThrottled: to be done again.
        """
        text = self._texts.get(kind, "")
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
