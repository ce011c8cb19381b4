"""Delivery reports: each moves one message forward, whenever and however often it comes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from shared.ports.clock import Clock
from shared.ports.relay import Relay
from shared.ports.telemetry import Telemetry
from shared.rules.delivery_codes import DeliveryCode, Outcome, parse_outcome
from shared.rules.errors import StorageUnavailable
from shared.rules.ids import MessageKey, Send, to_ms
from shared.rules.states import ENDS, State, Step
from shared.services.activity import Activity, ActivityLog
from shared.services.consent import Consents
from shared.services.kept_events import KeptEvents, StrangeEvent
from shared.services.messages import Message, Messages
from shared.services.notices import message_settled, opt_out_changed
from shared.services.opt_outs import Applied, Change, Consent, Source
from shared.services.senders import Senders

_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
# Longer than it takes until others have settled what dying workers left, one after the other, in bad times: after it
# the message of a report is stored, or it is not ours. Event Grid delivers again for a day.
_STORED_WITHIN_MS = 6 * 3_600_000
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
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._clock = clock
        self._telemetry = telemetry
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
            await self._tell(None, applied)
            return
        with self._telemetry.going_on("settle by report", message.traceparent):
            await self._tell(await self._settle(message, report, code), applied)

    def _sender_of(self, report: DeliveryReport) -> str:
        known = self._senders.find(report.sender)
        return known.name if known else report.sender

    async def _message_of(self, report: DeliveryReport, sender: str) -> Message | None:
        send = Send.from_tag(report.tag)
        if send is None:
            return None
        key = MessageKey.outbound(send, sender, report.recipient)
        if not send.block:
            return await self._messages.get(key)
        # A campaign's message is stored with the answer of ACS, which its report may come before.
        for pause_s in (*_PAUSES_S, None):
            message = await self._messages.get(key)
            if message or pause_s is None:
                break
            await self._clock.sleep(pause_s)
        if message is None and to_ms(self._clock.now()) - report.received_ms < _STORED_WITHIN_MS:
            raise StorageUnavailable("The message of this report is not stored yet: deliver it again later.")
        return message

    async def _settle(self, message: Message, report: DeliveryReport, code: DeliveryCode) -> Message:
        step = Step(_STATES[code.outcome], report.received_ms, code.reason or "", code.code)
        settled = await self._messages.settle(message, step, report.message_id)
        await self._activity.merge(Activity.of(settled))
        await self._messages.copy_to_conversation(settled)
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
            notices.append(opt_out_changed(applied.change))
        if notices:
            await self._relay.publish(notices)


def _strange(report: DeliveryReport) -> StrangeEvent:
    return StrangeEvent(
        id=report.message_id,
        type="Microsoft.Communication.SMSDeliveryReportReceived",
        body=json.dumps(asdict(report)),
        why="a delivery report for a message that this app did not send",
    )
