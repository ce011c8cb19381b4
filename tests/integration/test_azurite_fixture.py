"""The storage emulator that the tests share behaves as the fault tests need it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables.aio import TableServiceClient

from tests.support.azurite import Azurite, start_azurite


async def test_tables_outlive_a_stop_and_a_start(tmp_path: Path) -> None:
    server = start_azurite(tmp_path)
    try:
        connection = server.connection_string
        async with TableServiceClient.from_connection_string(connection, retry_total=0) as tables:
            table = await tables.create_table("kept")
            await table.create_entity({"PartitionKey": "p", "RowKey": "r", "note": "written before the stop"})

            server.stop()
            with pytest.raises(ServiceRequestError):
                await table.get_entity("p", "r")

            server.start()
            assert (await table.get_entity("p", "r"))["note"] == "written before the stop"
    finally:
        server.stop()


async def test_shared_emulator_takes_tables(azurite: Azurite) -> None:
    name = f"t{uuid4().hex}"
    async with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
        await tables.create_table(name)
        assert name in [table.name async for table in tables.list_tables()]
        await tables.delete_table(name)
