"""Short ways to fill a table and to see what is in it."""

from __future__ import annotations

from shared.ports.tables import Entity, Range, Table, scan


async def fill(table: Table, keys: list[tuple[str, str]]) -> None:
    """Insert an entity under each key."""
    for partition, row in keys:
        await table.insert(Entity(partition, row, {"n": 1}))


async def keys_in(table: Table, within: Range) -> list[tuple[str, str]]:
    """Return the keys of the range, in order."""
    return [(entity.partition, entity.row) async for entity in scan(table, within)]
