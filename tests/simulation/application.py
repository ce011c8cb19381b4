"""The application of a world, as far as its webhook goes: what it takes, and in which order that must come."""

from __future__ import annotations

from collections import Counter

from shared.ports.tables import Entity
from shared.ports.webhook import Delivery, Receipt
from shared.rules.errors import StorageUnavailable
from tests.simulation.judge import Broken
from tests.simulation.ports import Wire
from tests.simulation.store import WatchedTables

_REFUSALS = (Receipt(0, problem="no answer"), Receipt(404), Receipt(500), Receipt(503), Receipt(503, 90), Receipt(410))


class Application:
    """Takes notices, and checks each against what is stored of its lane at that moment."""

    def __init__(self, tables: WatchedTables, checks: Counter[str]) -> None:
        self.taken: Counter[str] = Counter()
        self._tables = tables
        self._checks = checks
        self._places: dict[str, tuple[str, int]] = {}
        self._next: Counter[str] = Counter()

    def wrote(self, table: str, old: Entity | None, new: Entity | None) -> None:
        """Note the place of a notice when it is stored."""
        if table != "Outbox" or new is None or old is not None or not new.row.startswith("notice."):
            return
        if new.partition.startswith("topic-"):
            return
        notice_id = str(new.values["noticeId"])
        if notice_id in self._places:
            raise Broken("Webhook: a notice was stored twice")
        self._places[notice_id] = (new.partition, int(new.row.partition(".")[2]))

    def take(self, delivery: Delivery) -> None:
        """Take a notice: the next of its lane, or one again that has not been acknowledged."""
        lane, number = self._places[delivery.id]
        head = self._tables.find("Outbox", lane, "lane")
        if head is None or number < int(head.values["position"]):
            raise Broken("Webhook: a notice came again after it was acknowledged")
        if number > self._next[lane]:
            raise Broken(f"Webhook: notice {number} of a lane came before notice {self._next[lane]}")
        self._next[lane] = max(self._next[lane], number + 1)
        self.taken[delivery.id] += 1
        self._checks["Webhook notices in order"] += 1


class WorkerWebhook:
    """The webhook as a worker reaches it: a try may fail before its effect or after it, and takes its time."""

    target = "application"

    def __init__(self, wire: Wire, application: Application) -> None:
        self._wire = wire
        self._application = application

    async def post(self, delivery: Delivery) -> Receipt:
        """Try to hand over a notice."""
        sky = self._wire.sky
        try:
            await self._wire.pass_by("webhook")
            if sky.strikes(sky.now.relay_fails, "webhook that refuses"):
                return sky.random.choice(_REFUSALS)
            self._application.take(delivery)
            await self._wire.pass_by("webhook")
        except StorageUnavailable:
            return Receipt(0, problem="no answer")
        return Receipt(204)
