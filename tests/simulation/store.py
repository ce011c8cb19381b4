"""The shared tables of a world: the fake, watched at each write."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from shared.edges.table_limits import check_table_name
from shared.edges.tables_memory import MemoryTable, MemoryTables
from shared.ports.tables import Entity

Watch = Callable[[str, Entity | None, Entity | None], None]


class WatchedTable(MemoryTable):
    """A table that tells of each write: what was there, and what is there now."""

    def __init__(self, name: str, etags: Iterator[int], watch: Watch) -> None:
        super().__init__(etags)
        self._name = name
        self._watch = watch

    async def delete(self, partition: str, row: str, etag: str | None = None) -> None:
        """Delete the entity."""
        found = self._find(partition, row)
        await super().delete(partition, row, etag)
        if found is not None:
            self._watch(self._name, found, None)

    def _put(self, entity: Entity) -> str:
        found = self._find(entity.partition, entity.row)
        etag = super()._put(entity)
        self._watch(self._name, found, entity)
        return etag

    def find(self, partition: str, row: str) -> Entity | None:
        """Return a row as it is stored."""
        return self._find(partition, row)

    def all(self) -> Iterator[Entity]:
        """Yield all rows as they are stored."""
        for rows in self._partitions.values():
            yield from rows.values()


class WatchedTables(MemoryTables):
    """The tables by name. Nobody watches until `watch` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.watch: Watch = lambda *_: None
        self._watched: dict[str, WatchedTable] = {}
        self._numbers = itertools.count(1)

    def table(self, name: str) -> WatchedTable:
        """Return the table of that name, the same one each time."""
        if name not in self._watched:
            check_table_name(name)
            self._watched[name] = WatchedTable(name, self._numbers, self._tell)
        return self._watched[name]

    def _tell(self, table: str, old: Entity | None, new: Entity | None) -> None:
        self.watch(table, old, new)

    def find(self, table: str, partition: str, row: str) -> Entity | None:
        """Return a row of a table as it is stored."""
        return self.table(table).find(partition, row)
