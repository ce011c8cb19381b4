"""Tables in memory: the fake that behaves like the real store, limits included."""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import TypeVar

from shared.edges.table_cursor import Position, decode_cursor, encode_cursor
from shared.edges.table_limits import (
    check_entity,
    check_query,
    check_replace,
    check_table_name,
    check_writes,
)
from shared.ports.tables import Entity, EntityChanged, EntityExists, Page, Range, Write

V = TypeVar("V")


def ordinal(key: str) -> bytes:
    """Return what keys are ordered by: their UTF-16 units, which is not Python's order beyond U+FFFF."""
    return key.encode("utf-16-be", "surrogatepass")


class _Sorted(dict[str, V]):
    """A dictionary that can be read in the order of its keys. New keys are put in their places when it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._order: list[str] = []
        self._new: list[str] = []

    def add(self, key: str, value: V) -> None:
        """Set a value."""
        if key not in self:
            self._new.append(key)
        self[key] = value

    def remove(self, key: str) -> None:
        """Forget a key that is there."""
        self._sort()
        del self[key]
        del self._order[bisect_left(self._order, ordinal(key), key=ordinal)]

    def between(self, *bounds: str | None) -> Iterator[tuple[str, V]]:
        """Yield what is at or after all bounds but the last, and before the last, in order."""
        self._sort()
        *lows, high = bounds
        low = max((ordinal(bound) for bound in lows if bound is not None), default=b"")
        first = bisect_left(self._order, low, key=ordinal)
        last = len(self._order) if high is None else bisect_left(self._order, ordinal(high), key=ordinal)
        for place in range(first, last):
            key = self._order[place]
            yield key, self[key]

    def _sort(self) -> None:
        if len(self._new) * 16 > len(self._order):
            self._order = sorted(self, key=ordinal)
        else:
            for key in self._new:
                insort(self._order, key, key=ordinal)
        self._new.clear()


class MemoryTable:
    """One table in memory. No method yields to the event loop, so each is atomic."""

    def __init__(self, etags: Iterator[int] | None = None) -> None:
        self._etags = etags or itertools.count(1)
        self._partitions: _Sorted[_Sorted[Entity]] = _Sorted()

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
        self._partitions[partition].remove(row)

    async def query(
        self, within: Range, *, limit: int = 1000, cursor: str | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Return up to `limit` entities of the range in key order, from the cursor on."""
        check_query(within, limit)
        start = None if cursor is None else decode_cursor(cursor)
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
        rows = self._partitions.get(partition)
        return rows.get(row) if rows else None

    def _put(self, entity: Entity) -> str:
        etag = f'W/"{next(self._etags)}"'
        if entity.partition not in self._partitions:
            self._partitions.add(entity.partition, _Sorted())
        stored = Entity(entity.partition, entity.row, dict(entity.values), etag)
        self._partitions[entity.partition].add(entity.row, stored)
        return etag

    def _must_be_absent(self, entity: Entity) -> None:
        if self._find(entity.partition, entity.row) is not None:
            raise EntityExists

    def _must_match(self, entity: Entity) -> None:
        found = self._find(entity.partition, entity.row)
        if found is None or found.etag != entity.etag:
            raise EntityChanged

    def _from(self, start: Position | None, within: Range) -> Iterator[Entity]:
        low, high = within.partition_from, within.partition_to
        if within.partition is not None:
            low, high = within.partition, within.partition + "\0"
        for partition, rows in self._partitions.between(start.partition if start else None, low, high):
            begin = start.row if start and start.partition == partition else None
            for _, entity in rows.between(begin, within.row_from, within.row_to):
                yield entity


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
    return Entity(entity.partition, entity.row, kept, entity.etag)
