"""What the table suites share: the store, once in memory and once on Azurite."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from shared.edges.tables_azure import open_tables
from shared.edges.tables_memory import MemoryTables
from shared.ports.tables import Table, Tables


@pytest.fixture(params=["memory", "azurite"])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    """Give the store, with table names that no other test has."""
    if request.param == "memory":
        yield MemoryTables()
        return
    azurite = request.getfixturevalue("azurite")
    store = open_tables(azurite.connection_string, prefix=f"t{uuid.uuid4().hex}")
    yield store
    await store.close()


@pytest.fixture
def table(tables: Tables) -> Table:
    """Give a table that does not exist yet."""
    return tables.table("things")
