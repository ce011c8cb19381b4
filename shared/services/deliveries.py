"""Deliveries: a lane's notices handed over, one after the other, until none waits or one is not taken.

A worker has a lane alone, by a lease that is renewed with each notice that was taken. What was not taken is tried again
after a while, and keeps its place: what stands behind it waits, and other lanes go on.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.webhook import TRY_WITHIN_S, Receipt, Webhook
from shared.rules.ids import digest, to_ms
from shared.services.failures import Failures
from shared.services.lanes import Due, Lane, Lanes
from shared.services.outbox import GRACE_MS, NOTICES_QUEUE, named
from shared.services.pauses import Pauses
from shared.services.topic import LANES

_LOG = logging.getLogger(__name__)

# After the last of these, a lane is listed among the failures, and tried once a day. They are about a day together.
WAITS_S = (5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200)
_DAY_S = 86_400
_GONE_FOR_S = 3_600
_PAUSES_AT = frozenset({429, 503})
# So long one run goes on with a lane, well within the host's five minutes.
_RUN_FOR = timedelta(seconds=90)
# What is left of a lease must be enough for a try and for noting what came of it.
_LEFT_MS = int(TRY_WITHIN_S * 1000) + 15_000
_WOKEN_AT_ONCE = 500
_WOKEN_AGAIN_MS = 5 * 60_000
# While no webhook is set, what is stored for one is looked at so rarely.
_UNSET_MS = 3_600_000


class Deliveries:
    """The use case of the queue of lanes. Whatever is done twice or late here finds nothing to do."""

    def __init__(
        self,
        *,
        lanes: Lanes,
        pauses: Pauses,
        webhook: Webhook | None,
        topic: Webhook,
        queue: Queue,
        failures: Failures,
        clock: Clock,
    ) -> None:
        self._lanes = lanes
        self._pauses = pauses
        self._webhook = webhook
        self._topic = topic
        self._queue = queue
        self._failures = failures
        self._clock = clock

    async def run(self, lane_id: str, *, again: bool = False) -> None:
        """Post what waits in a lane; with `again` now, whatever went before."""
        receiver = self._receiver_of(lane_id)
        if receiver is None:
            return
        if again:
            await self._pauses.end(receiver.target)
        until_ms = await self._pauses.until_ms(receiver.target)
        lane = await self._lanes.take(lane_id, again=again)
        if lane is not None and until_ms:
            await self._put_off(lane, until_ms, lane.tries)
        elif lane is not None:
            await self._empty(receiver, lane)

    async def wake(self) -> None:
        """Put the lanes back into the queue whose time has come, and whose message is lost or late."""
        async for due in self._lanes.due(_WOKEN_AT_ONCE):
            await self._wake(due)

    async def _wake(self, due: Due) -> None:
        lane, now_ms = await self._lanes.get(due.lane), self._now_ms()
        if lane.due != due.row:
            await self._lanes.clear(lane, due)
        elif self._receiver_of(lane.id) is None:
            await self._lanes.look_again(lane, now_ms + _UNSET_MS)
        elif max(lane.lease_ms, lane.wake_ms) > now_ms:
            await self._lanes.look_again(lane, max(lane.lease_ms, lane.wake_ms))
        else:
            await self._queue.put(named(lane.id))
            await self._lanes.look_again(lane, now_ms + _WOKEN_AGAIN_MS)

    def _receiver_of(self, lane_id: str) -> Webhook | None:
        return self._topic if lane_id.startswith(LANES) else self._webhook

    async def _empty(self, receiver: Webhook, taken: Lane) -> None:
        until = self._clock.now() + _RUN_FOR
        lane: Lane | None = taken
        while lane is not None and lane.is_open:
            if self._clock.now() >= until:
                await self._lanes.give_back(lane)
                await self._queue.put(named(lane.id))
                return
            lane = await self._post_first(receiver, lane)

    async def _post_first(self, receiver: Webhook, lane: Lane) -> Lane | None:
        delivery = await self._lanes.first(lane)
        if delivery is None:
            _LOG.error("A notice is gone before it was delivered; those behind it go on.")
            return await self._lanes.acknowledge(lane)
        if not self._has_time(lane):
            renewed = await self._lanes.renew(lane)
            # Storage may have been slow; then whoever finds the lease over goes on.
            if renewed is None or not self._has_time(renewed):
                return None
            lane = renewed
        receipt = await receiver.post(delivery)
        if receipt.is_taken:
            return await self._lanes.acknowledge(lane)
        await self._not_taken(receiver, lane, receipt)
        return None

    def _has_time(self, lane: Lane) -> bool:
        return lane.lease_ms - self._now_ms() >= _LEFT_MS

    async def _not_taken(self, receiver: Webhook, lane: Lane, receipt: Receipt) -> None:
        _LOG.warning("A notice was not taken: %s.", receipt.status or receipt.problem)
        now_ms, asked_ms = self._now_ms(), 1000 * min(receipt.retry_after_s, _DAY_S)
        if receipt.is_gone:
            _LOG.error("The webhook answered 410 and is paused; change SMS_WEBHOOK_URL, or resend a failure.")
            await self._pauses.begin(receiver.target, now_ms + max(asked_ms, 1000 * _GONE_FOR_S))
        elif asked_ms and receipt.status in _PAUSES_AT:
            await self._pauses.begin(receiver.target, now_ms + asked_ms)
        tries = lane.tries + 1
        if tries == len(WAITS_S) + 1:
            body = json.dumps({"lane": lane.id, "again": True})
            await self._failures.keep(NOTICES_QUEUE, body, failed_ms=lane.wake_ms)
        await self._put_off(lane, now_ms + max(asked_ms, wait_ms(lane.id, tries)), tries)

    async def _put_off(self, lane: Lane, wake_ms: int, tries: int) -> None:
        if await self._lanes.put_off(lane, wake_ms=wake_ms, due_ms=wake_ms + GRACE_MS, tries=tries):
            delay_s = -((self._now_ms() - wake_ms) // 1000)
            await self._queue.put(named(lane.id), delay_s=max(0, delay_s))

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def wait_ms(lane_id: str, tries: int) -> int:
    """Return for how long a lane waits after so many tries in vain, in ms.

    It is up to a tenth longer than in the table, so that lanes that failed together do not come back together.
    """
    wait_s = WAITS_S[tries - 1] if tries <= len(WAITS_S) else _DAY_S
    spread = int(digest("wait", lane_id, str(tries))[:4], 16) / 0xFFFF
    return int(wait_s * 1000 * (1 + spread / 10))
