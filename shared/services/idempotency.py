"""Idempotency: a request with a key is done once, and its repeats get the first answer.

A record holds the payload's hash, when the request was accepted and, when it is done, the answer. While it is
running, the record is leased; a lease that has run out means that the worker died, and the next repeat takes over
with the same acceptance time, so with the same message keys and the same ids on the wire (invariant I2).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Table, Value
from shared.rules.errors import Conflict
from shared.rules.ids import digest, to_ms

LEASE = timedelta(seconds=60)
_ROW = "request"
_POLLS_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Running:
    """A request that this caller is to do; hand it back to `finish`, `release` or `interrupt`.

    `is_repeat`: an earlier caller may have done some of it, or all.
    """

    entity: Entity
    accepted_ms: int
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that is done: its answer as it was given."""

    answer: str


class Idempotency:
    """The records in their table; `keep` is for how long an answer is kept."""

    def __init__(self, table: Table, clock: Clock, keep: timedelta) -> None:
        self._table = table
        self._clock = clock
        self._keep_ms = int(keep.total_seconds() * 1000)

    async def begin(self, key: str, payload: str) -> Running | Answered:
        """Claim the key for this payload, or return the first answer; wait for one that is running.

        Raises:
            Conflict: the key belongs to another payload, or the first request is still running after 10 s.
        """
        fresh = self._fresh(key, payload)
        for pause in (*_POLLS_S, None):
            outcome = await self._try_begin(fresh)
            if outcome:
                return outcome
            if pause is not None:
                await self._clock.sleep(pause)
        raise _in_progress()

    async def extend(self, running: Running) -> Running:
        """Lease the request for as long again; Conflict if a repeat has taken it over meanwhile."""
        leased = replace(running.entity, values={**running.entity.values, "leaseMs": self._lease_end()})
        try:
            return replace(running, entity=replace(leased, etag=await self._table.replace(leased)))
        except EntityChanged:
            raise _in_progress() from None

    async def knows(self, key: str) -> bool:
        """Tell whether there is a record of this key: running, interrupted or answered."""
        return await self._table.get(digest("idempotency", key), _ROW) is not None

    async def _try_begin(self, fresh: Entity) -> Running | Answered | None:
        stored = await self._table.get(fresh.partition, fresh.row)
        try:
            if stored is None:
                return _running(fresh, await self._table.insert(fresh))
            return await self._resume(stored, fresh)
        except (EntityExists, EntityChanged):
            return None

    async def _resume(self, stored: Entity, fresh: Entity) -> Running | Answered | None:
        now = to_ms(self._clock.now())
        if int(stored.values["acceptedMs"]) + self._keep_ms <= now:
            again = replace(fresh, etag=stored.etag)
            return _running(again, await self._table.replace(again))
        if stored.values["payload"] != fresh.values["payload"]:
            raise Conflict(
                "This idempotency key was used for another request. Use a new key for each request.",
                code="IdempotencyKeyReused",
                target="Idempotency-Key",
            )
        if stored.values["answer"]:
            return Answered(str(stored.values["answer"]))
        if int(stored.values["leaseMs"]) > now:
            return None
        taken = replace(stored, values={**stored.values, "leaseMs": self._lease_end()})
        return replace(_running(taken, await self._table.replace(taken)), is_repeat=True)

    async def finish(self, running: Running, answer: str) -> None:
        """Keep the answer for repeats."""
        done = replace(running.entity, values={**running.entity.values, "answer": answer})
        await self._replace_quietly(done)

    async def release(self, running: Running) -> None:
        """Forget the request, since nothing came of it: a repeat starts anew."""
        try:
            await self._table.delete(running.entity.partition, running.entity.row, running.entity.etag)
        except EntityChanged:
            return

    async def interrupt(self, running: Running) -> None:
        """End the lease, since it is not known what came of it: a repeat takes over at once."""
        await self._replace_quietly(replace(running.entity, values={**running.entity.values, "leaseMs": 0}))

    async def _replace_quietly(self, entity: Entity) -> None:
        try:
            await self._table.replace(entity)
        except EntityChanged:
            return

    def _fresh(self, key: str, payload: str) -> Entity:
        values: dict[str, Value] = {
            "payload": hashlib.sha256(payload.encode()).hexdigest(),
            "acceptedMs": to_ms(self._clock.now()),
            "leaseMs": self._lease_end(),
            "answer": "",
        }
        return Entity(digest("idempotency", key), _ROW, values)

    def _lease_end(self) -> int:
        return to_ms(self._clock.now() + LEASE)


def _in_progress() -> Conflict:
    return Conflict(
        "The first request with this idempotency key is still running. Try again in a moment.",
        code="RequestInProgress",
        target="Idempotency-Key",
        retry_after_s=2,
    )


def _running(entity: Entity, etag: str) -> Running:
    return Running(replace(entity, etag=etag), int(entity.values["acceptedMs"]))
