"""The outbox: what is to be delivered is stored here, in lanes, and is then delivered by `deliveries`.

To those who tell the application of something it is a relay, so it is stored before what they tell counts as done.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import UTC

from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.relay import Notice, Relay
from shared.ports.webhook import Delivery
from shared.rules.errors import StorageUnavailable
from shared.rules.ids import digest, to_ms
from shared.services.lanes import Lanes

_LOG = logging.getLogger(__name__)
# The name without its prefix, as those in `work`.
NOTICES_QUEUE = "notices"
_AT_ONCE = 16
# The timer looks at a lane so long after its message should have come out of the queue.
GRACE_MS = 60_000


class Outbox:
    """Puts what is to be delivered into lanes, and the lanes into the queue."""

    def __init__(self, lanes: Lanes, queue: Queue, clock: Clock) -> None:
        self._lanes = lanes
        self._queue = queue
        self._clock = clock

    async def store(self, deliveries: Sequence[tuple[str, Delivery]]) -> None:
        """Store each in the lane beside it, in this order and once; StorageUnavailable if that cannot be done."""
        by_lane: dict[str, list[Delivery]] = {}
        for lane_id, delivery in deliveries:
            by_lane.setdefault(lane_id, []).append(delivery)
        lanes = list(by_lane.items())
        for start in range(0, len(lanes), _AT_ONCE):
            await asyncio.gather(*(self._store(*lane) for lane in lanes[start : start + _AT_ONCE]))

    async def _store(self, lane_id: str, deliveries: Sequence[Delivery]) -> None:
        due_ms = to_ms(self._clock.now()) + GRACE_MS
        if not await self._lanes.add(lane_id, deliveries, due_ms):
            return
        try:
            await self._queue.put(named(lane_id))
        except StorageUnavailable:
            _LOG.warning("A lane of notices is not in the queue; the timer puts it in.")


class WebhookRelay:
    """A relay that stores notices for the webhook."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Store the notices, each in the lane of its conversation; StorageUnavailable if that cannot be done."""
        await self._outbox.store([(_lane_of(notice), Delivery(notice.id, body_of(notice))) for notice in notices])


class Relays:
    """Several relays as one: the notices go to each in turn."""

    def __init__(self, *relays: Relay) -> None:
        self._relays = relays

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Hand over the notices to all, or raise what the first one raises that does not take them."""
        for relay in self._relays:
            await relay.publish(notices)


def named(lane_id: str) -> str:
    """Return the queue message that names a lane."""
    return json.dumps({"lane": lane_id})


def body_of(notice: Notice) -> str:
    """Return a notice as the webhook gets it: JSON with `type`, `timestamp` and `data`."""
    at = notice.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": notice.type, "timestamp": at, "data": dict(notice.data)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _lane_of(notice: Notice) -> str:
    return digest("lane", notice.lane or notice.subject)
