"""Failures: work that could not be done, and events that were not acted upon, kept until a person has seen to them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.queue import Queues
from shared.ports.relay import Relay
from shared.ports.tables import Entity, Range, Table, Value, scan
from shared.rules.errors import NotFound
from shared.rules.holds import day_of
from shared.rules.ids import DAY_MS, digest, newest_first, to_ms
from shared.services.notices import work_failed
from shared.services.outbox import NOTICES_QUEUE

_LOG = logging.getLogger(__name__)
_PARTITION = "failures"
_EVENTS = "events"
# So much fits a queue message again, however many bytes a character takes.
_BODY_LIMIT = 12_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that went to a poison queue: from which queue, what it said, and when.

    Of an event that was not acted upon, the queue is `events`, and the body says why and where it is kept.
    """

    id: str
    queue: str
    body: str
    failed_ms: int


class Failures:
    """The failures in their table."""

    def __init__(self, table: Table, queues: Queues, relay: Relay, clock: Clock) -> None:
        self._table = table
        self._relay = relay
        self._queues = queues
        self._clock = clock

    async def keep(self, queue: str, body: str, *, failed_ms: int = 0) -> None:
        """Keep a message that came out of the poison queue of `queue`, or that failed at `failed_ms`, once for each.

        The application is told of it, but for what could not be told to it.
        """
        failed_ms = failed_ms or to_ms(self._clock.now())
        row = f"{newest_first(failed_ms)}-{digest('failure', queue, body)}"
        values: dict[str, Value] = {"queue": queue, "body": body[:_BODY_LIMIT], "failedMs": failed_ms}
        await self._table.upsert(Entity(_PARTITION, row, values))
        if queue != NOTICES_QUEUE:
            await self._relay.publish([work_failed(row, queue, failed_ms)])
        _LOG.error("Work of the queue %s could not be done; GET failures lists it.", queue)

    async def note_event(self, row: str, why: str) -> None:
        """List an event that is kept under this row key in KeptEvents; the same one is listed once a day at most."""
        day_ms = day_of(to_ms(self._clock.now())) * DAY_MS
        listed = f"{newest_first(day_ms)}-{digest('failure', _EVENTS, row)}"
        values: dict[str, Value] = {
            "queue": _EVENTS,
            "body": json.dumps({"why": why, "keptEvent": row}),
            "failedMs": to_ms(self._clock.now()),
        }
        await self._table.upsert(Entity(_PARTITION, listed, values))

    async def page(self, limit: int, cursor: str | None) -> tuple[tuple[Failure, ...], str | None]:
        """Return failures, the newest first, and the next page's cursor."""
        page = await self._table.query(Range(_PARTITION), limit=limit, cursor=cursor)
        return tuple(_from_entity(entity) for entity in page.entities), page.cursor

    async def resend(self, failure_id: str) -> None:
        """Put a failure back into its queue and forget it; NotFound if there is none.

        An event cannot be done again: it is only taken off the list.

        If it dies in between, the failure is still listed: what it names is done once all the same.
        """
        entity = await self._table.get(_PARTITION, failure_id)
        if entity is None:
            raise NotFound("There is no failure with this id.", code="FailureNotFound", target="id")
        await self._put_back(entity)

    async def resend_all(self) -> int:
        """Put every failure back into its queue; return how many. What fails meanwhile stays listed."""
        count = 0
        until_now = Range(_PARTITION, row_from=newest_first(to_ms(self._clock.now())))
        async for entity in scan(self._table, until_now):
            if entity.values["queue"] != _EVENTS:
                await self._put_back(entity)
                count += 1
        return count

    async def _put_back(self, entity: Entity) -> None:
        failure = _from_entity(entity)
        # An empty message names no work, and no queue takes it.
        if failure.body and failure.queue != _EVENTS:
            await self._queues.queue(failure.queue).put(failure.body)
        await self._table.delete(_PARTITION, failure.id)


def _from_entity(entity: Entity) -> Failure:
    values = entity.values
    return Failure(entity.row, str(values["queue"]), str(values["body"]), int(values["failedMs"]))
