"""Tables in Azure Table storage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from azure.core import MatchConditions
from azure.core.async_paging import AsyncItemPaged
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.data.tables import TableEntity, TransactionOperation, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.edges.table_cursor import Position, bad_cursor, decode_cursor, encode_cursor
from shared.edges.table_errors import MissingTableError, explained
from shared.edges.table_limits import check_entity, check_query, check_replace, check_table_name, check_writes
from shared.edges.table_wire import etag_of, from_wire, odata_filter, to_wire
from shared.ports.tables import Entity, EntityChanged, Page, Range, Write
from shared.rules.errors import InternalError

T = TypeVar("T")

# A conditional write goes out once. Were the SDK to repeat one whose answer got lost, the repeat would meet
# the first try's own entity and take it for somebody else's.
_ONCE: dict[str, Any] = {"retry_total": 0}
_REPLACE: dict[str, Any] = {"mode": UpdateMode.REPLACE}


class AzureTable:
    """One table.

    Insert, replace and transact go out once. After StorageUnavailable they may have landed: read, then redo.
    """

    def __init__(self, client: TableClient, room: asyncio.Semaphore) -> None:
        self._client = client
        self._room = room

    async def get(self, partition: str, row: str) -> Entity | None:
        """Return the entity, or None."""
        try:
            return from_wire(await self._ask(lambda: self._client.get_entity(partition, row)))
        except (EntityChanged, MissingTableError):
            return None

    async def insert(self, entity: Entity) -> str:
        """Write a new entity and return its ETag; EntityExists if the key is taken."""
        check_entity(entity)
        return etag_of(await self._write(lambda: self._client.create_entity(to_wire(entity), **_ONCE)))

    async def replace(self, entity: Entity) -> str:
        """Overwrite the entity that still has `entity.etag`, return the new ETag; EntityChanged otherwise."""
        check_replace(entity)
        options = {**_REPLACE, **_unchanged(entity.etag), **_ONCE}
        try:
            return etag_of(await self._ask(lambda: self._client.update_entity(to_wire(entity), **options)))
        except MissingTableError:
            raise EntityChanged from None

    async def upsert(self, entity: Entity) -> str:
        """Write the entity whatever is there, and return its ETag."""
        check_entity(entity)
        return etag_of(await self._write(lambda: self._client.upsert_entity(to_wire(entity), **_REPLACE)))

    async def delete(self, partition: str, row: str, etag: str | None = None) -> None:
        """Delete the entity; absent is fine. With an ETag: EntityChanged if it is another's."""
        condition = {} if etag is None else _unchanged(etag)
        await self._ask(lambda: self._client.delete_entity(partition, row, **condition))

    async def query(
        self, within: Range, *, limit: int = 1000, cursor: str | None = None, columns: Sequence[str] = ()
    ) -> Page:
        """Return up to `limit` entities of the range in key order, from the cursor on.

        The store may stop anywhere with a continuation: this goes on until the page is full or all is read.
        """
        check_query(within, limit)
        position = None if cursor is None else decode_cursor(cursor)
        found: list[Entity] = []
        while True:
            some, position = await self._some(odata_filter(within), limit - len(found), position, columns)
            found += some
            if position is None or len(found) >= limit:
                return Page(tuple(found), position and encode_cursor(position))

    async def transact(self, writes: Sequence[Write]) -> tuple[str, ...]:
        """Do up to 100 writes of one partition, all or none, and return the new ETags in order."""
        check_writes(writes)
        if not writes:
            return ()
        steps = [_step(write) for write in writes]
        answers = await self._write(lambda: self._client.submit_transaction(steps, **_ONCE))
        return tuple(etag_of(answer) for answer in answers)

    async def _some(
        self, within: str, size: int, start: Position | None, columns: Sequence[str]
    ) -> tuple[list[Entity], Position | None]:
        try:
            return await self._ask(partial(self._page, within, size, start, columns))
        except (EntityChanged, MissingTableError):
            return [], None
        except InternalError:
            if start is None:
                raise
            raise bad_cursor() from None

    async def _page(
        self, within: str, size: int, start: Position | None, columns: Sequence[str]
    ) -> tuple[list[Entity], Position | None]:
        options = {"select": ["PartitionKey", "RowKey", *columns]} if columns else {}
        pages: Any = self._listed(within, results_per_page=size, **options).by_page(cast("Any", _token(start)))
        page = await anext(pages)
        return [from_wire(entity) async for entity in page], _position(pages.continuation_token)

    def _listed(self, within: str, **options: Any) -> AsyncItemPaged[TableEntity]:  # noqa: ANN401 - the SDK's own
        if within:
            return self._client.query_entities(within, **options)
        return self._client.list_entities(**options)

    async def _write(self, write: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._ask(write)
        except MissingTableError:
            await self._create()
            return await self._ask(write)

    async def _create(self) -> None:
        try:
            async with self._room:
                await self._client.create_table()
        except ResourceExistsError:
            return
        except AzureError as error:
            raise explained(error) from None

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with self._room:
                return await call()
        except AzureError as error:
            raise explained(error) from None


class AzureTables:
    """The store: tables by name, all names with one prefix, one bound on requests under way at once."""

    def __init__(self, service: TableServiceClient, prefix: str, *, parallel: int = 32) -> None:
        self._service = service
        self._prefix = prefix
        self._room = asyncio.Semaphore(parallel)
        self._tables: dict[str, AzureTable] = {}

    def table(self, name: str) -> AzureTable:
        """Return the table of that name, the same one each time."""
        if name not in self._tables:
            check_table_name(self._prefix + name)
            self._tables[name] = AzureTable(self._service.get_table_client(self._prefix + name), self._room)
        return self._tables[name]

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()


def open_tables(
    connection_string: str | None = None,
    *,
    table_uri: str | None = None,
    credential: AsyncTokenCredential | None = None,
    prefix: str = "",
    parallel: int = 32,
    connection_timeout_s: float = 5,
    read_timeout_s: float = 10,
) -> AzureTables:
    """Return the store of a connection string, or of a table endpoint and a credential; call nothing yet.

    Args:
        connection_string: of a storage account, or `UseDevelopmentStorage=true`.
        table_uri: `https://<account>.table.core.windows.net`, with `credential`, for want of the former.
        credential: an identity that has the role Storage Table Data Contributor.
        prefix: put before each table's name.
        parallel: how many requests may be under way at once.
        connection_timeout_s: how long a connection may take.
        read_timeout_s: how long an answer may take.

    Raises:
        ValueError: neither or both were given, or the connection string is malformed.
    """
    options: dict[str, Any] = {
        "retry_total": 2,
        "retry_backoff_factor": 0.2,
        "retry_backoff_max": 2,
        "connection_timeout": connection_timeout_s,
        "read_timeout": read_timeout_s,
        "logging_enable": False,
    }
    if connection_string and not table_uri:
        service = TableServiceClient.from_connection_string(connection_string, **options)
    elif table_uri and credential and not connection_string:
        service = TableServiceClient(table_uri, credential=credential, **options)
    else:
        raise ValueError("table storage needs a connection string, or else a table endpoint and a credential")
    return AzureTables(service, prefix, parallel=parallel)


def _step(write: Write) -> tuple[TransactionOperation, dict[str, Any], dict[str, Any]]:
    entity = to_wire(write.entity)
    match write.kind:
        case "insert":
            return TransactionOperation.CREATE, entity, {}
        case "upsert":
            return TransactionOperation.UPSERT, entity, dict(_REPLACE)
        case "replace":
            return TransactionOperation.UPDATE, entity, {**_REPLACE, **_unchanged(write.entity.etag)}


def _unchanged(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _token(position: Position | None) -> dict[str, str | None] | None:
    return position and {"PartitionKey": position.partition, "RowKey": position.row}


def _position(token: dict[str, str | None] | None) -> Position | None:
    return Position(token["PartitionKey"] or "", token["RowKey"]) if token else None
