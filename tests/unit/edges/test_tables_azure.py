"""What is particular to the Azure Tables client: tries, pages, errors, and the bound on requests."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.data.tables.aio import TableServiceClient

from shared.edges.tables_azure import AzureTable, AzureTables, open_tables
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Write, scan
from shared.rules.errors import InternalError, InvalidRequest, StorageUnavailable
from tests.support.waiting import eventually
from tests.unit.edges.table_server import ACCOUNT_KEY, TableServer, page, refusal, table_server, written

ENTITY = Entity("p", "r", {"text": "private words"}, 'W/"1"')


@pytest.fixture
async def server() -> AsyncIterator[TableServer]:
    """Give the test's table service."""
    async with table_server() as running:
        yield running


@pytest.fixture
async def tables(server: TableServer) -> AsyncIterator[AzureTables]:
    """Give the store on that service, without pauses between tries."""
    service = TableServiceClient.from_connection_string(server.connection_string, retry_total=2, retry_backoff_factor=0)
    store = AzureTables(service, "sms", parallel=3)
    yield store
    await store.close()


@pytest.fixture
def table(tables: AzureTables) -> AzureTable:
    """Give a table of it."""
    return tables.table("things")


Call = Callable[[AzureTable], Awaitable[object]]
CALLS: dict[str, Call] = {
    "get": lambda table: table.get("p", "r"),
    "insert": lambda table: table.insert(ENTITY),
    "replace": lambda table: table.replace(ENTITY),
    "upsert": lambda table: table.upsert(ENTITY),
    "delete": lambda table: table.delete("p", "r"),
    "query": lambda table: table.query(Range()),
    "transact": lambda table: table.transact([Write("insert", ENTITY)]),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@each_call
@pytest.mark.parametrize(
    "answer",
    [(401, "AuthenticationFailed"), (403, "AuthorizationPermissionMismatch"), (403, "")],
)
async def test_a_closed_door_is_unavailable_and_points_at_the_role(
    table: AzureTable, server: TableServer, call: Call, answer: tuple[int, str]
) -> None:
    server.script.append(refusal(*answer))

    with pytest.raises(StorageUnavailable, match="Storage Table Data Contributor"):
        await call(table)


@each_call
@pytest.mark.parametrize(
    "answer",
    [(500, "InternalError"), (500, "OperationTimedOut"), (503, "ServerBusy"), (429, ""), (409, "TableBeingDeleted")],
)
async def test_a_service_in_trouble_is_unavailable(
    table: AzureTable, server: TableServer, call: Call, answer: tuple[int, str]
) -> None:
    server.script.extend(refusal(*answer) for _ in range(3))

    with pytest.raises(StorageUnavailable) as caught:
        await call(table)

    assert not caught.value.permanent
    assert "private" not in caught.value.message


@each_call
async def test_a_broken_connection_is_unavailable(table: AzureTable, server: TableServer, call: Call) -> None:
    server.script.extend([None] * 9)

    with pytest.raises(StorageUnavailable):
        await call(table)


@each_call
async def test_a_service_that_is_not_there_is_unavailable(server: TableServer, call: Call) -> None:
    nowhere = server.connection_string.replace(str(server.port), "1")
    service = TableServiceClient.from_connection_string(nowhere, retry_total=0)
    store = AzureTables(service, "sms")

    with pytest.raises(StorageUnavailable, match="ServiceRequestError"):
        await call(store.table("things"))
    await store.close()


@each_call
async def test_a_request_that_the_service_finds_wrong_is_a_defect(
    table: AzureTable, server: TableServer, call: Call
) -> None:
    server.script.append(refusal(400, "InvalidInput"))

    with pytest.raises(InternalError, match="400 InvalidInput") as caught:
        await call(table)

    assert "private" not in caught.value.message


@pytest.mark.parametrize("name", ["insert", "replace", "transact"])
@pytest.mark.parametrize("answer", [503, 500])
async def test_a_conditional_write_goes_out_once(
    table: AzureTable, server: TableServer, name: str, answer: int
) -> None:
    server.script.append(refusal(answer, "ServerBusy"))

    with pytest.raises(StorageUnavailable):
        await CALLS[name](table)

    assert len(server.seen) == 1


@pytest.mark.parametrize("name", ["insert", "transact"])
async def test_an_insert_whose_answer_is_lost_is_not_reported_as_a_taken_key(
    table: AzureTable, server: TableServer, name: str
) -> None:
    server.script.extend([None, refusal(409, "EntityAlreadyExists")])

    with pytest.raises(StorageUnavailable):
        await CALLS[name](table)

    assert len(server.seen) == 1


async def test_what_may_be_repeated_is_tried_three_times(server: TableServer) -> None:
    server.script.extend([refusal(503, "ServerBusy"), refusal(500), written()])
    server.script.extend(refusal(503, "ServerBusy") for _ in range(4))
    store = open_tables(server.connection_string, prefix="sms")

    assert await store.table("things").upsert(ENTITY) == 'W/"2"'
    with pytest.raises(StorageUnavailable):
        await store.table("things").get("p", "r")
    await store.close()

    assert len(server.seen) == 6


async def test_an_answer_that_takes_too_long_is_unavailable(server: TableServer) -> None:
    server.gate = asyncio.Event()
    store = open_tables(server.connection_string, prefix="sms", read_timeout_s=0.2)

    with pytest.raises(StorageUnavailable, match="ServiceResponseTimeoutError"):
        await store.table("things").insert(ENTITY)
    await store.close()
    server.gate.set()


@pytest.mark.parametrize(
    ("name", "answer", "error"),
    [
        ("insert", (409, "EntityAlreadyExists"), EntityExists),
        ("insert", (409, ""), EntityExists),
        ("replace", (412, "UpdateConditionNotSatisfied"), EntityChanged),
        ("replace", (404, "ResourceNotFound"), EntityChanged),
        ("replace", (404, "TableNotFound"), EntityChanged),
    ],
)
async def test_a_conflict_is_told_as_the_port_has_it(
    table: AzureTable, server: TableServer, name: str, answer: tuple[int, str], error: type[Exception]
) -> None:
    server.script.append(refusal(*answer))

    with pytest.raises(error):
        await CALLS[name](table)


@each_call
@pytest.mark.parametrize("status", [302, 502])
async def test_an_answer_that_is_not_the_services_own_is_unavailable(
    table: AzureTable, server: TableServer, call: Call, status: int
) -> None:
    server.script.extend(web.Response(text="<p>a proxy</p>", status=status) for _ in range(3))

    with pytest.raises(StorageUnavailable, match=str(status)):
        await call(table)


async def test_a_missing_table_is_made_and_the_write_repeated(table: AzureTable, server: TableServer) -> None:
    server.script.extend([refusal(404, "TableNotFound"), written(201), written(), written()])

    await table.upsert(ENTITY)
    await table.upsert(ENTITY)

    entity = "PUT /smsthings(PartitionKey='p',RowKey='r')"
    assert server.seen == [entity, "POST /Tables", entity, entity]


async def test_a_table_that_another_worker_made_meanwhile_is_fine(table: AzureTable, server: TableServer) -> None:
    server.script.extend([refusal(404, "TableNotFound"), refusal(409, "TableAlreadyExists"), written()])

    assert await table.upsert(ENTITY) == 'W/"2"'


async def test_a_table_that_may_not_be_made_is_unavailable(table: AzureTable, server: TableServer) -> None:
    server.script.extend([refusal(404, "TableNotFound"), refusal(403, "AuthorizationFailure")])

    with pytest.raises(StorageUnavailable, match="role"):
        await table.upsert(ENTITY)


async def test_short_and_empty_pages_are_put_together(table: AzureTable, server: TableServer) -> None:
    server.script.extend([page("1", then="n1"), page(then="n2"), page("2", "3", then="n3")])

    found = await table.query(Range(partition="p"), limit=3)

    assert [entity.row for entity in found.entities] == ["1", "2", "3"]
    assert found.cursor is not None
    assert [query["$top"] for query in server.queries] == ["3", "2", "2"]
    assert [query.get("NextRowKey") for query in server.queries] == [None, "n1", "n2"]


async def test_a_scan_ends_with_the_last_continuation(table: AzureTable, server: TableServer) -> None:
    server.script.extend([page("1", then="n1"), page("2", then=""), page(then="n3"), page()])

    assert [entity.row async for entity in scan(table, Range())] == ["1", "2"]
    assert server.script == deque()


async def test_a_cursor_carries_the_continuation_to_the_service(table: AzureTable, server: TableServer) -> None:
    server.script.extend([page("1", then="1!4!Mg--"), page("2")])
    first = await table.query(Range(partition="p"), limit=1)

    second = await table.query(Range(partition="p"), limit=1, cursor=first.cursor)

    assert [entity.row for entity in second.entities] == ["2"]
    assert second.cursor is None
    assert server.queries[1]["NextPartitionKey"] == "1!4!cA--"
    assert server.queries[1]["NextRowKey"] == "1!4!Mg--"


async def test_a_cursor_that_the_service_cannot_read_is_an_invalid_request(
    table: AzureTable, server: TableServer
) -> None:
    server.script.extend([page("1", then="n1"), refusal(400, "InvalidInput")])
    first = await table.query(Range(), limit=1)

    with pytest.raises(InvalidRequest) as caught:
        await table.query(Range(), limit=1, cursor=first.cursor)

    assert caught.value.target == "skipToken"


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (Range(), None),
        (Range(partition="it's"), "PartitionKey eq 'it''s'"),
        (Range(partition_from="a", partition_to="b"), "PartitionKey ge 'a' and PartitionKey lt 'b'"),
        (Range(partition="p", row_from="", row_to="b"), "PartitionKey eq 'p' and RowKey ge '' and RowKey lt 'b'"),
    ],
)
async def test_a_range_is_a_filter_with_escaped_keys(
    table: AzureTable, server: TableServer, within: Range, expected: str | None
) -> None:
    server.script.append(page())

    await table.query(within)

    assert server.queries[0].get("$filter") == expected


async def test_no_more_requests_are_under_way_than_allowed(table: AzureTable, server: TableServer) -> None:
    server.gate = asyncio.Event()
    server.script.extend(written() for _ in range(8))
    writes = [asyncio.create_task(table.upsert(Entity("p", str(n)))) for n in range(8)]
    await eventually(lambda: server.under_way == 3)
    for _ in range(50):  # time for a fourth to come, were there no bound
        await asyncio.sleep(0)
    server.gate.set()
    await asyncio.gather(*writes)

    assert server.most_under_way == 3
    assert len(server.seen) == 8


async def test_a_call_that_is_given_up_while_it_waits_leaves_no_trace(table: AzureTable, server: TableServer) -> None:
    server.gate = asyncio.Event()
    server.script.extend(written() for _ in range(4))
    writes = [asyncio.create_task(table.upsert(Entity("p", str(n)))) for n in range(5)]
    await eventually(lambda: server.under_way == 3)
    writes[4].cancel()
    server.gate.set()

    outcomes = await asyncio.gather(*writes, return_exceptions=True)

    assert isinstance(outcomes[4], asyncio.CancelledError)
    assert len(server.seen) == 4


async def test_no_log_shows_a_value_or_the_key(
    table: AzureTable, server: TableServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.extend([written(201), refusal(409, "EntityAlreadyExists")])

    with caplog.at_level(logging.DEBUG):
        await table.insert(ENTITY)
        with pytest.raises(EntityExists):
            await table.insert(ENTITY)

    assert "private words" not in caplog.text
    assert ACCOUNT_KEY not in caplog.text


class _Identity:
    """An identity for tests that never get to use it."""

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("token", 0)

    async def close(self) -> None: ...

    async def __aenter__(self) -> _Identity:
        return self

    async def __aexit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"table_uri": "https://a.table.core.windows.net"},
        {"credential": _Identity()},
        {"connection_string": "UseDevelopmentStorage=true", "table_uri": "https://a.table.core.windows.net"},
    ],
)
def test_a_store_needs_one_way_to_sign_in(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="connection string"):
        open_tables(**given)


@pytest.mark.parametrize("connection_string", ["nonsense", f"AccountKey={ACCOUNT_KEY}"])
def test_a_malformed_connection_string_is_named_without_the_key(connection_string: str) -> None:
    with pytest.raises(ValueError, match=r"[Cc]onnection") as caught:
        open_tables(connection_string)

    assert ACCOUNT_KEY not in str(caught.value)


async def test_a_store_opens_with_an_identity_or_for_development() -> None:
    for store in (
        open_tables(table_uri="https://a.table.core.windows.net", credential=_Identity()),
        open_tables("UseDevelopmentStorage=true"),
    ):
        assert store.table("things") is store.table("things")
        await store.close()
