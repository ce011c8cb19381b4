"""The outbox: notices for the webhook are stored here, and are then delivered by `deliveries`.

It is a relay, so whoever tells the application of something has it stored before that counts as done.
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
    """A relay that stores notices for the webhook, and then passes them on to the topic."""

    def __init__(self, lanes: Lanes, queue: Queue, clock: Clock, then: Relay) -> None:
        self._lanes = lanes
        self._queue = queue
        self._clock = clock
        self._then = then

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Store the notices, and hand them to the topic; StorageUnavailable, or what the topic raises."""
        by_lane: dict[str, list[Delivery]] = {}
        for notice in notices:
            lane_id = digest("lane", notice.lane or notice.subject)
            by_lane.setdefault(lane_id, []).append(Delivery(notice.id, body_of(notice)))
        lanes = list(by_lane.items())
        for start in range(0, len(lanes), _AT_ONCE):
            await asyncio.gather(*(self._store(*lane) for lane in lanes[start : start + _AT_ONCE]))
        await self._then.publish(notices)

    async def _store(self, lane_id: str, deliveries: Sequence[Delivery]) -> None:
        due_ms = to_ms(self._clock.now()) + GRACE_MS
        if not await self._lanes.add(lane_id, deliveries, due_ms):
            return
        try:
            await self._queue.put(named(lane_id))
        except StorageUnavailable:
            _LOG.warning("A lane of notices is not in the queue; the timer puts it in.")


def named(lane_id: str) -> str:
    """Return the queue message that names a lane."""
    return json.dumps({"lane": lane_id})


def body_of(notice: Notice) -> str:
    """Return a notice as the webhook gets it: JSON with `type`, `timestamp` and `data`."""
    at = notice.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": notice.type, "timestamp": at, "data": dict(notice.data)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
