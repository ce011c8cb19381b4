"""What the service answers for each recipient of a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from local.carrier.clock import utc_now
from local.carrier.codes import Magic, magic_of
from local.carrier.delivery import Deliveries
from local.carrier.handsets import Bubble, BubbleState, Direction, Handsets
from local.carrier.ids import new_message_id
from local.carrier.messages import Message, Messages
from local.carrier.phone_numbers import is_e164
from local.carrier.repeatability import refusal_of
from local.carrier.segments import Size, measure
from local.carrier.sms_requests import Addressee, SendRequest
from local.carrier.trouble import Switches

BAD_TO = "Invalid To phone number format."


@dataclass(frozen=True, slots=True)
class Result:
    """One item of the answer. `repeatability` is `accepted`, `rejected` or absent."""

    to: str
    http_status: int
    message_id: str | None = None
    repeatability: str | None = None
    error: str | None = None


class Acceptance:
    """Accepts the recipients of a request one by one, each on its own repeatability id."""

    def __init__(self, switches: Switches, messages: Messages, handsets: Handsets, deliveries: Deliveries) -> None:
        self._switches = switches
        self._messages = messages
        self._handsets = handsets
        self._deliveries = deliveries
        self._seen_once: set[str] = set()

    async def accept(self, request: SendRequest) -> tuple[Result, ...]:
        """Return one result per recipient, in order; reports that come before the answer are out by then."""
        size = measure(request.text)
        results = [self._accept_one(request, size, addressee) for addressee in request.addressees]
        early = [message for _, message in results if message is not None]
        await asyncio.gather(*(self._deliveries.finish_before_answer(message) for message in early))
        return tuple(result for result, _ in results)

    def clear(self) -> None:
        """Forget which ids were refused once."""
        self._seen_once.clear()

    def _accept_one(self, request: SendRequest, size: Size, addressee: Addressee) -> tuple[Result, Message | None]:
        """Return the result, and the message if its report is to come before the answer."""
        refused = self._refusal(addressee)
        if refused is not None:
            return refused, None
        if addressee.repeatability_id is not None:
            first = self._messages.repeat(addressee.repeatability_id)
            if first is not None:
                return Result(first.recipient, 202, first.message_id, "accepted"), None
        magic = magic_of(addressee.to)
        if self._is_refused_by_magic(magic, addressee):
            return Result(addressee.to, magic.item_status, error=magic.item_error), None
        message = self._take(request, size, addressee)
        repeatability = "accepted" if message.repeatability_id else None
        result = Result(message.recipient, 202, message.message_id, repeatability)
        if magic.before_answer:
            return result, message
        self._deliveries.begin(message)
        return result, None

    def _refusal(self, addressee: Addressee) -> Result | None:
        if not is_e164(addressee.to):
            return Result(addressee.to, 400, error=BAD_TO)
        if addressee.repeatability_id is None:
            return None
        error = refusal_of(addressee.repeatability_id, addressee.first_sent)
        return Result(addressee.to, 400, repeatability="rejected", error=error) if error else None

    def _is_refused_by_magic(self, magic: Magic, addressee: Addressee) -> bool:
        if magic.item_status == 202:
            return False
        if not magic.first_time_only:
            return True
        key = (addressee.repeatability_id or addressee.to).lower()
        seen = key in self._seen_once
        self._seen_once.add(key)
        return not seen

    def _take(self, request: SendRequest, size: Size, addressee: Addressee) -> Message:
        now = utc_now()
        message = Message(
            message_id=new_message_id("Outgoing", self._switches.trouble.message_id_style, now),
            repeatability_id=addressee.repeatability_id,
            sender=request.sender,
            recipient=addressee.to,
            text=request.text,
            tag=request.tag,
            report_wanted=request.report_wanted,
            report_timeout_s=request.report_timeout_s,
            accepted_at=now,
            size=size,
        )
        self._messages.add(message)
        self._handsets.show(message.recipient, _bubble(message))
        return message


def _bubble(message: Message) -> Bubble:
    return Bubble(
        id=message.message_id,
        direction=Direction.TO_HANDSET,
        sender=message.sender,
        text=message.text,
        at=message.accepted_at,
        state=BubbleState.ON_ITS_WAY,
        size=message.size,
    )
