"""Explanations: a message in plain words, with what the opt-out list and the campaign have to do with it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.rules.errors import NotFound
from shared.rules.explaining import Explanation, explain
from shared.rules.ids import MessageKey
from shared.rules.reasons import Reason
from shared.services.campaign_recipients import CampaignRecipients
from shared.services.messages import Message, Messages
from shared.services.opt_outs import Change, Consent, OptOuts

_BY_OPT_OUT = {Reason.OPTED_OUT, Reason.OPTED_OUT_AT_CARRIER}


@dataclass(frozen=True, slots=True)
class Explained:
    """A message in words; `opt_out` is the change that keeps it back, `may_be_texted` how its recipient stands now."""

    message: Message
    explanation: Explanation
    may_be_texted: bool
    opt_out: Change | None


class Explanations:
    """Explains messages."""

    def __init__(self, messages: Messages, recipients: CampaignRecipients, opt_outs: OptOuts) -> None:
        self._messages = messages
        self._recipients = recipients
        self._opt_outs = opt_outs

    async def of(self, key: MessageKey) -> Explained:
        """Return a message in words; NotFound if there is none."""
        message = await self._messages.get(key) or await self._recipients.find(key)
        if message is None:
            raise NotFound("There is no message with this id.", code="MessageNotFound", target="id")
        standing = await self._opt_outs.standing(message.recipient)
        blocked = standing.blocks(message.sender)
        change = await self._last_opt_out(message) if blocked or message.reason in _BY_OPT_OUT else None
        words = explain(message.history.steps, message.history.current, message.chosen)
        return Explained(message, words, not blocked, change)

    async def _last_opt_out(self, message: Message) -> Change | None:
        changes = await self._opt_outs.history(message.recipient)
        left = (one for one in changes if one.consent is Consent.OPTED_OUT)
        return next((one for one in left if {message.sender, "*"} & set(one.scopes)), None)
