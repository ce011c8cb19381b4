"""Delivery reports: each moves one message forward, whenever and however often it comes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from shared.ports.relay import Relay
from shared.rules.delivery_codes import DeliveryCode, Outcome, parse_outcome
from shared.rules.ids import MessageKey, Send
from shared.rules.states import ENDS, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.consent import Consents
from shared.services.kept_events import KeptEvents, StrangeEvent
from shared.services.messages import Message, Messages
from shared.services.notices import message_settled, opt_out_changed
from shared.services.opt_outs import Applied, Change, Consent, Source
from shared.services.senders import Senders

_STATES = {
    Outcome.DELIVERED: State.DELIVERED,
    Outcome.FAILED: State.FAILED,
    Outcome.UNKNOWN: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What the carrier reports of one message: `sender` as the event gives it, `recipient` in E.164."""

    message_id: str
    sender: str
    recipient: str
    status: str
    details: str
    received_ms: int
    tag: str = ""


class DeliveryReports:
    """The use case of the event SMSDeliveryReportReceived."""

    def __init__(
        self,
        *,
        messages: Messages,
        activity: ActivityLog,
        consents: Consents,
        kept_events: KeptEvents,
        relay: Relay,
        senders: Senders,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._consents = consents
        self._kept_events = kept_events
        self._relay = relay
        self._senders = senders

    async def receive(self, report: DeliveryReport) -> None:
        """Add what the report says to its message; keep the report if the message is not one of ours.

        Raises:
            StorageUnavailable, RelayUnavailable: to be delivered again.
        """
        code = parse_outcome(report.status, report.details)
        sender = self._sender_of(report)
        applied = await self._record_opt_out(report, sender) if code.suppresses else None
        message = await self._message_of(report, sender)
        if message is None:
            await self._kept_events.keep(_strange(report))
            settled = None
        else:
            settled = await self._settle(message, report, code)
        await self._tell(settled, applied)

    def _sender_of(self, report: DeliveryReport) -> str:
        known = self._senders.find(report.sender)
        return known.name if known else report.sender

    async def _message_of(self, report: DeliveryReport, sender: str) -> Message | None:
        send = Send.from_tag(report.tag)
        if send is None:
            return None
        return await self._messages.get(MessageKey.outbound(send, sender, report.recipient))

    async def _settle(self, message: Message, report: DeliveryReport, code: DeliveryCode) -> Message:
        step = Step(_STATES[code.outcome], report.received_ms, code.reason or "", code.code)
        settled = await self._messages.settle(message, step, report.message_id)
        await self._activity.merge(Activity.of(settled))
        return settled

    async def _record_opt_out(self, report: DeliveryReport, sender: str) -> Applied:
        change = Change(
            id=f"report:{report.message_id}",
            recipient=report.recipient,
            scopes=(sender,),
            consent=Consent.OPTED_OUT,
            at_ms=report.received_ms,
            source=Source.DELIVERY_REPORT,
            sender=sender,
        )
        return await self._consents.hear(change)

    async def _tell(self, settled: Message | None, applied: Applied | None) -> None:
        notices = [message_settled(settled)] if settled and settled.state in ENDS else []
        if applied and applied.flipped:
            notices.append(opt_out_changed(applied))
        if notices:
            await self._relay.publish(notices)


def _strange(report: DeliveryReport) -> StrangeEvent:
    return StrangeEvent(
        id=report.message_id,
        type="Microsoft.Communication.SMSDeliveryReportReceived",
        body=json.dumps(asdict(report)),
        why="a delivery report for a message that this app did not send",
    )
