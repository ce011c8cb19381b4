"""Recipients of campaigns whose turn has not come: without a row of their own, but with an id; they can be canceled."""

from __future__ import annotations

from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.rules.errors import Conflict
from shared.rules.ids import MessageKey, Send, block_id, to_ms
from shared.rules.reasons import Reason
from shared.rules.segments import count_segments
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.campaign_rows import PreparedRecipient
from shared.services.campaigns import CHUNKS_PER_BLOCK, Campaign, Campaigns, Chunk
from shared.services.ends import Ends
from shared.services.messages import Direction, Message, Messages


def draft_of(campaign: Campaign, number: int, addressee: PreparedRecipient, step: Step, first_sent_ms: int) -> Message:
    """Return the message of a recipient of the chunk `number`, with that first step and nothing else heard of it."""
    count = count_segments(addressee.text)
    return Message(
        key=MessageKey.outbound(campaign.send_of(number), campaign.sender, addressee.to),
        direction=Direction.OUTBOUND,
        sender=campaign.sender,
        recipient=addressee.to,
        text=addressee.text,
        history=History((step,)),
        tag=campaign.tag,
        encoding=count.encoding.value,
        segments=count.segments,
        delivery_report=campaign.delivery_report,
        first_sent_ms=first_sent_ms,
        campaign=campaign.id,
        words=campaign.words,
        traceparent=campaign.traceparent,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a recipient stands in its campaign: the chunk, and the place in it."""

    campaign: Campaign
    number: int
    place: int
    addressee: PreparedRecipient

    def is_claimed(self, chunk: Chunk) -> bool:
        """Tell whether the group of this recipient has been handed over, or is being handed over."""
        return self.place < chunk.position + chunk.group


class CampaignRecipients:
    """Finds and cancels the recipients that wait."""

    def __init__(
        self, *, campaigns: Campaigns, messages: Messages, activity: ActivityLog, ends: Ends, clock: Clock
    ) -> None:
        self._campaigns = campaigns
        self._messages = messages
        self._activity = activity
        self._ends = ends
        self._clock = clock

    async def find(self, key: MessageKey) -> Message | None:
        """Return the message that this key will have, as far as it is known now; None if nobody waits under it."""
        place = await self._look_up(key)
        if place is None:
            return None
        # Whoever has gone since the look-up has a row when the chunk says so.
        chunk = await self._chunk_of(place)
        return await self._messages.get(key) or self._waiting(place, chunk)

    async def cancel(self, key: MessageKey) -> Message | None:
        """Cancel a recipient that waits, and return its message; None if there is a message, or nobody waits.

        Raises:
            Conflict: the carrier is being given the text.
        """
        place = None if await self._messages.get(key) else await self._look_up(key)
        if place is None:
            return None
        while True:
            chunk = await self._chunk_of(place)
            # Read after the chunk: of a group that waits again, some may have gone before.
            if await self._messages.get(key):
                return None
            if place.place in chunk.canceled:
                return await self._record(place)
            if place.is_claimed(chunk):
                raise Conflict("The message is on its way, and cannot be canceled.", code="MessageHasGone", target="id")
            if await self._campaigns.cancel_place(chunk, place.place):
                return await self._record(place)

    async def _record(self, place: _Place) -> Message:
        canceled = Step(State.CANCELED, self._now_ms(), Reason.CANCELED)
        message, _ = await self._messages.put_new(self._draft(place).with_step(canceled))
        await self._ends.tell([message])
        await self._activity.merge(Activity.of(message))
        if not message.delivery_report:
            await self._messages.copy_to_conversation(message)
        return message

    async def _chunk_of(self, place: _Place) -> Chunk:
        chunk = await self._campaigns.chunk(place.campaign.id, place.number)
        return chunk or Chunk(place.campaign.id, place.number, 0)

    def _waiting(self, place: _Place, chunk: Chunk) -> Message:
        if place.place in chunk.canceled or place.campaign.waiting_state(self._now_ms()) is State.CANCELED:
            return self._draft(place).with_step(Step(State.CANCELED, place.campaign.created_ms, Reason.CANCELED))
        if place.is_claimed(chunk):
            return self._draft(place).with_step(Step(State.SENDING, chunk.first_sent_ms))
        return self._draft(place)

    def _draft(self, place: _Place) -> Message:
        campaign = place.campaign
        is_later = campaign.send_at_ms > self._now_ms()
        waits = Step(State.SCHEDULED if is_later else State.QUEUED, campaign.created_ms)
        return draft_of(campaign, place.number, place.addressee, waits, first_sent_ms=0)

    async def _look_up(self, key: MessageKey) -> _Place | None:
        async for campaign in self._campaigns.running():
            if campaign.created_ms != key.at_ms:
                continue
            for block in range(-(-campaign.chunks // CHUNKS_PER_BLOCK)):
                send = Send(block_id(campaign.id, block), campaign.created_ms, block=True)
                if send.block_partition == key.partition:
                    return await self._find_in(campaign, block, key)
        return None

    async def _find_in(self, campaign: Campaign, block: int, key: MessageKey) -> _Place | None:
        first = block * CHUNKS_PER_BLOCK
        for number in range(first, min(first + CHUNKS_PER_BLOCK, campaign.chunks)):
            send = campaign.send_of(number)
            for place, one in enumerate(await self._campaigns.addressees(campaign.id, number)):
                if MessageKey.outbound(send, campaign.sender, one.to) == key:
                    return _Place(campaign, number, place, one)
        return None

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())
