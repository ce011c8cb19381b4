"""What the application is told: the notices that go out by the relay. docs/events.md describes each."""

from __future__ import annotations

from shared.ports.relay import Notice
from shared.rules.choices import Chosen
from shared.rules.delivery_rates import Arrivals
from shared.rules.ids import conversation_id, digest, from_ms, recipient_key
from shared.services.messages import Message
from shared.services.notice_models import data_of
from shared.services.opt_outs import Change
from shared.services.tallies import GroupBy


def text_received(message: Message) -> Notice:
    """Return the notice of a text that came in."""
    return Notice(
        id=message.id,
        type="Sms.TextReceived",
        subject=f"conversations/{message.conversation}",
        at=from_ms(message.key.at_ms),
        data=data_of(
            "Sms.TextReceived",
            {
                "id": message.id,
                "conversationId": message.conversation,
                "from": message.recipient,
                "to": message.sender,
                "text": message.text,
                "keyword": message.keyword or None,
                "receivedAt": from_ms(message.key.at_ms).isoformat(),
            },
        ),
    )


def choice_received(asked: Message, chosen: Chosen, received: Message) -> Notice:
    """Return the notice that a recipient has chosen, by one of the words of a message; a later one may differ."""
    return Notice(
        id=digest("choice", received.id),
        type="Sms.ChoiceReceived",
        subject=f"conversations/{asked.conversation}",
        at=from_ms(chosen.at_ms),
        data=data_of(
            "Sms.ChoiceReceived",
            {
                "id": asked.id,
                "conversationId": asked.conversation,
                "from": asked.recipient,
                "to": asked.sender,
                "tag": asked.tag or None,
                "campaignId": asked.campaign or None,
                "choice": chosen.choice.value,
                "textId": received.id,
                "receivedAt": from_ms(chosen.at_ms).isoformat(),
            },
        ),
    )


def message_settled(message: Message) -> Notice:
    """Return the notice that a message has reached an end, or that its end is not known."""
    end = message.history.current
    return Notice(
        id=digest("settled", message.id, end.state, end.reason, end.code),
        type="Sms.MessageSettled",
        subject=f"conversations/{message.conversation}",
        at=from_ms(end.at_ms),
        data=data_of(
            "Sms.MessageSettled",
            {
                "id": message.id,
                "conversationId": message.conversation,
                "from": message.sender,
                "to": message.recipient,
                "tag": message.tag or None,
                "state": end.state.value,
                "reason": end.reason or None,
                "deliveryCode": end.code or None,
                "settledAt": from_ms(end.at_ms).isoformat(),
            },
        ),
    )


def opt_out_changed(change: Change) -> Notice:
    """Return the notice that a person left or came back."""
    return Notice(
        id=digest("opt-out", change.id, str(change.at_ms)),
        type="Sms.OptOutChanged",
        subject="opt-outs",
        at=from_ms(change.at_ms),
        data=data_of(
            "Sms.OptOutChanged",
            {
                "recipient": change.recipient,
                "scopes": list(change.scopes),
                "state": change.consent.value,
                "source": change.source.value,
                "keyword": change.keyword or None,
                "changedAt": from_ms(change.at_ms).isoformat(),
            },
        ),
        lane=_lane_of(change),
    )


def work_failed(failure_id: str, queue: str, failed_ms: int) -> Notice:
    """Return the notice that work of a queue could not be done after all tries."""
    return Notice(
        id=digest("failed", failure_id),
        type="Sms.WorkFailed",
        subject=f"failures/{failure_id}",
        at=from_ms(failed_ms),
        data=data_of("Sms.WorkFailed", {"id": failure_id, "queue": queue, "failedAt": from_ms(failed_ms).isoformat()}),
    )


def _lane_of(change: Change) -> str:
    # What was said to one sender is told in the order of that conversation, all else in an order for each person.
    if change.sender:
        return f"conversations/{conversation_id(change.sender, change.recipient)}"
    return f"opt-outs/{recipient_key(change.recipient)}"


def delivery_rate_dropped(of: GroupBy, group: str, since_ms: int, now: Arrivals, before: Arrivals) -> Notice:
    """Return the warning that fewer texts of a sender, or to a country, arrive than before."""
    return Notice(
        id=digest("drop", of.value, group, str(since_ms)),
        type="Sms.DeliveryRateDropped",
        subject="delivery-rates",
        at=from_ms(since_ms),
        data=data_of(
            "Sms.DeliveryRateDropped",
            {
                "sender": group if of is GroupBy.SENDER else None,
                "country": group if of is GroupBy.COUNTRY else None,
                "deliveryRate": round(now.rate, 4),
                "settled": now.settled,
                "deliveryRateBefore": round(before.rate, 4),
                "settledBefore": before.settled,
                "noticedAt": from_ms(since_ms).isoformat(),
            },
        ),
    )
