"""The table store: entities in partitions, ordered by key, with ETags and one-partition transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Value = str | int | float | bool


class EntityExists(Exception):
    """An insert found the key taken. In a transaction: one of its inserts did, and nothing was written."""


class EntityChanged(Exception):
    """A replace or delete found another ETag, or no entity. In a transaction: nothing was written."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One row. `etag` is empty until the store has given it one."""

    partition: str
    row: str
    values: Mapping[str, Value] = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """Which rows: of one `partition` or of a range of them, and a range of row keys in each.

    Ranges are half-open, None is unbounded, keys compare ordinally. `partition` excludes the other two.
    """

    partition: str | None = None
    partition_from: str | None = None
    partition_to: str | None = None
    row_from: str | None = None
    row_to: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some entities in key order, and where to go on: `cursor` is opaque, None when nothing is left."""

    entities: tuple[Entity, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One step of a transaction.

    insert: fails with EntityExists; replace: needs the entity's `etag`, fails with EntityChanged; upsert: replaces
    whatever is there.
    """

    kind: Literal["insert", "replace", "upsert"]
    entity: Entity


class Table(Protocol):
    """One table. Every method raises StorageUnavailable when the store does not answer."""

    async def get(self, partition: str, row: str) -> Entity | None:
        """Return the entity, or None."""
        ...

    async def insert(self, entity: Entity) -> str:
        """Write a new entity and return its ETag; EntityExists if the key is taken."""
        ...

    async def replace(self, entity: Entity) -> str:
        """Overwrite the entity that still has `entity.etag`, return the new ETag; EntityChanged otherwise."""
        ...

    async def upsert(self, entity: Entity) -> str:
        """Write the entity whatever is there, and return its ETag."""
        ...

    async def delete(self, partition: str, row: str, etag: str | None = None) -> None:
        """Delete the entity; absent is fine. With an ETag: EntityChanged if it is another's."""
        ...

    async def query(
        self, within: Range, *, limit: int = 1000, cursor: str | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Return up to `limit` (1 to 1,000) entities of the range in key order, from the cursor on.

        With `columns`, only these values, which makes long listings cheap.

        Raises:
            InvalidRequest: the cursor is not one of ours.
        """
        ...

    async def transact(self, writes: Sequence[Write]) -> tuple[str, ...]:
        """Do up to 100 writes of one partition, all or none, and return the new ETags in order."""
        ...


class Tables(Protocol):
    """The store's tables by name; a table that does not exist yet is made on first use."""

    def table(self, name: str) -> Table:
        """Return the table of that name."""
        ...


async def scan(table: Table, within: Range, columns: Sequence[str] = ()) -> AsyncIterator[Entity]:
    """Yield every entity of the range in key order, page after page."""
    cursor: str | None = None
    while True:
        page = await table.query(within, cursor=cursor, columns=columns)
        for entity in page.entities:
            yield entity
        if page.cursor is None:
            return
        cursor = page.cursor
