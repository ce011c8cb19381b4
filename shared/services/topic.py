"""The topic of the application, for those who cannot wait for it: what it does not take now goes later.

Whoever takes an event of Event Grid can leave it to be brought again. Whoever sends texts cannot, since they have left:
what they tell is handed to the topic at once, and stored in a lane if it does not take it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from shared.ports.relay import Notice, Relay
from shared.ports.webhook import Delivery, Receipt
from shared.rules.errors import RelayUnavailable
from shared.rules.ids import digest
from shared.services.outbox import Outbox

LANES = "topic-"


class PatientTopic:
    """A relay that takes everything: what the topic does not take is stored for it."""

    def __init__(self, topic: Relay, outbox: Outbox) -> None:
        self._topic = topic
        self._outbox = outbox

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Hand over the notices, or store them; StorageUnavailable if that cannot be done either."""
        try:
            await self._topic.publish(notices)
        except RelayUnavailable:
            await self._outbox.store([(_lane_of(notice), _delivery_of(notice)) for notice in notices])


class TopicPost:
    """The topic as what a lane is delivered to."""

    target = "topic"

    def __init__(self, topic: Relay) -> None:
        self._topic = topic

    async def post(self, delivery: Delivery) -> Receipt:
        """Hand over one notice that was stored."""
        stored = json.loads(delivery.body)
        notice = Notice(
            delivery.id, stored["type"], stored["subject"], datetime.fromisoformat(stored["at"]), stored["data"]
        )
        try:
            await self._topic.publish([notice])
        except RelayUnavailable:
            return Receipt(0, problem="the topic did not take it")
        return Receipt(200)


def _lane_of(notice: Notice) -> str:
    # A topic knows no order: these lanes are for going side by side.
    return LANES + digest("topic", notice.id)[:2]


def _delivery_of(notice: Notice) -> Delivery:
    stored = {"type": notice.type, "subject": notice.subject, "at": notice.at.isoformat(), "data": dict(notice.data)}
    return Delivery(notice.id, json.dumps(stored))
