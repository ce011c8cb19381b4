"""Tables in memory: the fake that behaves like the real store, limits included."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.edges.table_cursor import Position, decode_cursor, encode_cursor
from shared.edges.table_limits import (
    check_entity,
    check_query,
    check_replace,
    check_table_name,
    check_writes,
)
from shared.ports.tables import Entity, EntityChanged, EntityExists, Page, Range, Write


def ordinal(key: str) -> bytes:
    """Return what keys are ordered by: their UTF-16 units, which is not Python's order beyond U+FFFF."""
    return key.encode("utf-16-be", "surrogatepass")


class MemoryTable:
    """One table in memory. No method yields to the event loop, so each is atomic."""

    def __init__(self, etags: Iterator[int] | None = None) -> None:
        self._etags = etags or itertools.count(1)
        self._partitions: dict[str, dict[str, Entity]] = {}

    async def get(self, partition: str, row: str) -> Entity | None:
        """Return the entity, or None."""
        found = self._find(partition, row)
        return found and _copy(found)

    async def insert(self, entity: Entity) -> str:
        """Write a new entity and return its ETag; EntityExists if the key is taken."""
        check_entity(entity)
        self._must_be_absent(entity)
        return self._put(entity)

    async def replace(self, entity: Entity) -> str:
        """Overwrite the entity that still has `entity.etag`, return the new ETag; EntityChanged otherwise."""
        check_replace(entity)
        self._must_match(entity)
        return self._put(entity)

    async def upsert(self, entity: Entity) -> str:
        """Write the entity whatever is there, and return its ETag."""
        check_entity(entity)
        return self._put(entity)

    async def delete(self, partition: str, row: str, etag: str | None = None) -> None:
        """Delete the entity; absent is fine. With an ETag: EntityChanged if it is another's."""
        found = self._find(partition, row)
        if found is None:
            return
        if etag is not None and found.etag != etag:
            raise EntityChanged
        del self._partitions[partition][row]

    async def query(
        self, within: Range, *, limit: int = 1000, cursor: str | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Return up to `limit` entities of the range in key order, from the cursor on."""
        check_query(within, limit)
        start = None if cursor is None else _start(decode_cursor(cursor))
        found = list(itertools.islice(self._from(start, within), limit + 1))
        rest = found[limit:]
        after = encode_cursor(Position(rest[0].partition, rest[0].row)) if rest else None
        return Page(tuple(_copy(entity, columns) for entity in found[:limit]), after)

    async def transact(self, writes: Sequence[Write]) -> tuple[str, ...]:
        """Do up to 100 writes of one partition, all or none, and return the new ETags in order."""
        check_writes(writes)
        for write in writes:
            if write.kind == "insert":
                self._must_be_absent(write.entity)
            elif write.kind == "replace":
                self._must_match(write.entity)
        return tuple(self._put(write.entity) for write in writes)

    def _find(self, partition: str, row: str) -> Entity | None:
        return self._partitions.get(partition, {}).get(row)

    def _put(self, entity: Entity) -> str:
        stored = replace(_copy(entity), etag=f'W/"{next(self._etags)}"')
        self._partitions.setdefault(entity.partition, {})[entity.row] = stored
        return stored.etag

    def _must_be_absent(self, entity: Entity) -> None:
        if self._find(entity.partition, entity.row) is not None:
            raise EntityExists

    def _must_match(self, entity: Entity) -> None:
        found = self._find(entity.partition, entity.row)
        if found is None or found.etag != entity.etag:
            raise EntityChanged

    def _from(self, start: tuple[bytes, bytes] | None, within: Range) -> Iterator[Entity]:
        for entity in self._in_order(within):
            if start is None or (ordinal(entity.partition), ordinal(entity.row)) >= start:
                yield entity

    def _in_order(self, within: Range) -> Iterator[Entity]:
        for partition in self._partitions_of(within):
            rows = self._partitions[partition]
            for row in sorted(rows, key=ordinal):
                if _between(row, within.row_from, within.row_to):
                    yield rows[row]

    def _partitions_of(self, within: Range) -> list[str]:
        if within.partition is not None:
            return [within.partition] if within.partition in self._partitions else []
        names = sorted(self._partitions, key=ordinal)
        return [name for name in names if _between(name, within.partition_from, within.partition_to)]


class MemoryTables:
    """The store in memory, tables by name."""

    def __init__(self) -> None:
        self._tables: dict[str, MemoryTable] = {}
        self._etags = itertools.count(1)

    def table(self, name: str) -> MemoryTable:
        """Return the table of that name, the same one each time."""
        check_table_name(name)
        return self._tables.setdefault(name, MemoryTable(self._etags))


def _copy(entity: Entity, columns: Sequence[str] = ()) -> Entity:
    kept = {name: value for name, value in entity.values.items() if not columns or name in columns}
    return replace(entity, values=kept)


def _start(position: Position) -> tuple[bytes, bytes]:
    return ordinal(position.partition), ordinal(position.row or "")


def _between(key: str, low: str | None, high: str | None) -> bool:
    return (low is None or ordinal(low) <= ordinal(key)) and (high is None or ordinal(key) < ordinal(high))
