"""Work: what comes out of the queues, read and handed to the service that does it."""

from __future__ import annotations

import json

from shared.rules.errors import InvalidRequest
from shared.services.deliveries import Deliveries
from shared.services.releases import Releases
from shared.services.sending import Sending

# The names without their prefix, which is a setting: the port of queues and the triggers put it before them.
SENDS_QUEUE = "sends"
CAMPAIGNS_QUEUE = "campaigns"


class Work:
    """Does the work that a queue message names; a message that names none is an error, and goes to poison."""

    def __init__(self, sending: Sending, releases: Releases, deliveries: Deliveries) -> None:
        self._sending = sending
        self._releases = releases
        self._deliveries = deliveries

    async def send_batch(self, body: str) -> None:
        """Go on with a batch."""
        named = _read(body, "batchPartition", "batchRow")
        await self._sending.wake(str(named["batchPartition"]), str(named["batchRow"]))

    async def send_chunk(self, body: str) -> None:
        """Go on with a chunk of a campaign."""
        named = _read(body, "campaign", "chunk")
        number = named["chunk"]
        if not isinstance(number, int):
            raise InvalidRequest("The message names no chunk.", code="InvalidQueueMessage")
        await self._releases.go_on(str(named["campaign"]), number)

    async def deliver_lane(self, body: str) -> None:
        """Post what waits in a lane of notices."""
        named = _read(body, "lane")
        await self._deliveries.run(str(named["lane"]), again=named.get("again") is True)


def _read(body: str, *names: str) -> dict[str, object]:
    try:
        named = json.loads(body)
    except (ValueError, RecursionError):
        named = None
    if not isinstance(named, dict) or not all(name in named for name in names):
        raise InvalidRequest("The queue message does not name any work.", code="InvalidQueueMessage")
    return named
