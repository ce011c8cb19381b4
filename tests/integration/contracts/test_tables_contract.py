"""One suite for the table store, run against the fake and against the real client on Azurite."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.edges.tables_azure import open_tables
from shared.edges.tables_memory import MemoryTables
from shared.ports.tables import (
    Entity,
    EntityChanged,
    EntityExists,
    Range,
    Table,
    Tables,
    Value,
    Write,
    scan,
)
from shared.rules.errors import InvalidRequest


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


async def _fill(table: Table, keys: list[tuple[str, str]]) -> None:
    for partition, row in keys:
        await table.insert(Entity(partition, row, {"n": 1}))


async def _keys(table: Table, within: Range) -> list[tuple[str, str]]:
    return [(entity.partition, entity.row) async for entity in scan(table, within)]


async def test_a_table_nobody_wrote_to_is_empty(table: Table) -> None:
    assert await table.get("p", "r") is None
    assert (await table.query(Range())).entities == ()
    assert (await table.query(Range(partition="p"))).cursor is None
    await table.delete("p", "r")
    await table.delete("p", "r", 'W/"some"')


async def test_a_replace_in_a_table_nobody_wrote_to_finds_no_entity(table: Table) -> None:
    with pytest.raises(EntityChanged):
        await table.replace(Entity("p", "r", {}, 'W/"some"'))


async def test_an_inserted_entity_comes_back_with_its_etag(table: Table) -> None:
    etag = await table.insert(Entity("p", "r", {"name": "Ada"}))

    assert etag
    assert await table.get("p", "r") == Entity("p", "r", {"name": "Ada"}, etag)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "naïve ☃ 😀 'quoted' \"too\" <&> \\",
        "two\nlines\ttab",
        0,
        -1,
        2**31 - 1,
        -(2**31),
        2**31,
        -(2**31) - 1,
        2**63 - 1,
        -(2**63),
        0.0,
        5.0,
        -1.5e300,
        True,
        False,
    ],
    ids=repr,
)
async def test_values_come_back_as_they_were(table: Table, value: Value) -> None:
    etag = await table.insert(Entity("p", "r", {"value": value}))

    found = await table.get("p", "r")
    listed = (await table.query(Range(partition="p"))).entities

    assert found == Entity("p", "r", {"value": value}, etag)
    assert type(found.values["value"]) is type(value)
    assert listed == (found,)


async def test_an_entity_may_have_keys_only(table: Table) -> None:
    await table.insert(Entity("p", "r"))

    found = await table.get("p", "r")

    assert found is not None
    assert found.values == {}


async def test_a_second_insert_of_a_key_is_refused_and_changes_nothing(table: Table) -> None:
    etag = await table.insert(Entity("p", "r", {"n": 1}))

    with pytest.raises(EntityExists):
        await table.insert(Entity("p", "r", {"n": 2}))

    assert await table.get("p", "r") == Entity("p", "r", {"n": 1}, etag)


async def test_of_many_inserts_at_once_one_wins(table: Table) -> None:
    entities = [Entity("p", "r", {"n": n}) for n in range(8)]

    outcomes = await asyncio.gather(*(table.insert(entity) for entity in entities), return_exceptions=True)

    winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, str)]
    assert len(winners) == 1
    assert sum(isinstance(outcome, EntityExists) for outcome in outcomes) == 7
    found = await table.get("p", "r")
    assert found is not None
    assert found.values["n"] == winners[0]


async def test_a_replace_leaves_nothing_of_the_old_values(table: Table) -> None:
    etag = await table.insert(Entity("p", "r", {"old": 1, "kept": 1}))

    newer = await table.replace(Entity("p", "r", {"kept": 2}, etag))

    assert newer != etag
    assert await table.get("p", "r") == Entity("p", "r", {"kept": 2}, newer)


async def test_a_replace_with_an_old_etag_is_refused_and_changes_nothing(table: Table) -> None:
    old = await table.insert(Entity("p", "r", {"n": 1}))
    newer = await table.replace(Entity("p", "r", {"n": 2}, old))

    with pytest.raises(EntityChanged):
        await table.replace(Entity("p", "r", {"n": 3}, old))

    assert await table.get("p", "r") == Entity("p", "r", {"n": 2}, newer)


async def test_a_replace_of_a_deleted_entity_is_refused(table: Table) -> None:
    etag = await table.insert(Entity("p", "r", {"n": 1}))
    await table.delete("p", "r")

    with pytest.raises(EntityChanged):
        await table.replace(Entity("p", "r", {"n": 2}, etag))

    assert await table.get("p", "r") is None


async def test_a_replace_without_an_etag_is_a_mistake(table: Table) -> None:
    with pytest.raises(ValueError, match="ETag"):
        await table.replace(Entity("p", "r", {"n": 1}))


async def test_of_many_replaces_at_once_one_wins(table: Table) -> None:
    etag = await table.insert(Entity("p", "r", {"n": 0}))
    entities = [Entity("p", "r", {"n": n}, etag) for n in range(1, 9)]

    outcomes = await asyncio.gather(*(table.replace(entity) for entity in entities), return_exceptions=True)

    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, EntityChanged) for outcome in outcomes) == 7


async def test_an_upsert_writes_whatever_is_there(table: Table) -> None:
    first = await table.upsert(Entity("p", "r", {"old": 1}))
    second = await table.upsert(Entity("p", "r", {"new": 2}))

    assert first != second
    assert await table.get("p", "r") == Entity("p", "r", {"new": 2}, second)


async def test_a_deleted_entity_is_gone_and_may_be_deleted_again(table: Table) -> None:
    await table.insert(Entity("p", "r", {"n": 1}))

    await table.delete("p", "r")
    await table.delete("p", "r")

    assert await table.get("p", "r") is None


async def test_a_delete_with_an_etag_spares_a_changed_entity(table: Table) -> None:
    old = await table.insert(Entity("p", "r", {"n": 1}))
    newer = await table.replace(Entity("p", "r", {"n": 2}, old))

    with pytest.raises(EntityChanged):
        await table.delete("p", "r", old)
    assert await table.get("p", "r") is not None

    await table.delete("p", "r", newer)
    assert await table.get("p", "r") is None


async def test_what_a_caller_does_to_its_values_later_is_not_stored(table: Table) -> None:
    values: dict[str, Value] = {"n": 1}
    await table.insert(Entity("p", "r", values))
    values["n"] = 2

    found = await table.get("p", "r")

    assert found is not None
    assert found.values == {"n": 1}


async def test_entities_are_listed_in_ordinal_order_of_their_keys(table: Table) -> None:
    keys = [("b", "1"), ("a", "10"), ("a", "2"), ("B", "1"), ("a", "Z"), ("a", "~"), ("a", "é"), ("aa", "")]
    await _fill(table, keys)

    assert await _keys(table, Range()) == sorted(keys)


async def test_one_partition_is_listed_without_its_neighbours(table: Table) -> None:
    await _fill(table, [("a", "1"), ("aa", "1"), ("b", "1"), ("a", "2")])

    assert await _keys(table, Range(partition="a")) == [("a", "1"), ("a", "2")]


async def test_a_range_of_partitions_has_its_start_and_not_its_end(table: Table) -> None:
    await _fill(table, [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")])

    assert await _keys(table, Range(partition_from="b", partition_to="d")) == [("b", "1"), ("c", "1")]
    assert await _keys(table, Range(partition_from="c")) == [("c", "1"), ("d", "1")]
    assert await _keys(table, Range(partition_to="b")) == [("a", "1")]


async def test_a_range_of_rows_holds_in_each_partition(table: Table) -> None:
    await _fill(table, [(partition, row) for partition in "ab" for row in "1234"])

    assert await _keys(table, Range(partition="a", row_from="2", row_to="4")) == [("a", "2"), ("a", "3")]
    assert await _keys(table, Range(row_from="4")) == [("a", "4"), ("b", "4")]
    assert await _keys(table, Range(partition_from="b", row_to="2")) == [("b", "1")]


async def test_an_empty_range_lists_nothing(table: Table) -> None:
    await _fill(table, [("a", "1")])

    page = await table.query(Range(partition="a", row_from="2", row_to="2"))

    assert page.entities == ()
    assert page.cursor is None


async def test_keys_with_quotes_and_spaces_are_found(table: Table) -> None:
    keys = [("it's", "a b"), ("it's", "o'clock"), ("p+q=%&", "ü 😀")]
    await _fill(table, keys)

    for partition, row in keys:
        assert await table.get(partition, row) is not None
    assert await _keys(table, Range(partition="it's", row_from="b'")) == [("it's", "o'clock")]
    assert await _keys(table, Range(partition="' or PartitionKey ne '")) == []
    await table.delete("it's", "o'clock")
    assert await table.get("it's", "o'clock") is None


async def test_pages_are_full_until_the_range_ends(table: Table) -> None:
    keys = [(partition, str(row)) for partition in ("a", "b") for row in range(5)]
    await _fill(table, keys)

    first = await table.query(Range(), limit=4)
    second = await table.query(Range(), limit=4, cursor=first.cursor)
    third = await table.query(Range(), limit=4, cursor=second.cursor)

    pages = (first, second, third)
    assert [len(page.entities) for page in pages] == [4, 4, 2]
    assert [(entity.partition, entity.row) for page in pages for entity in page.entities] == keys
    assert third.cursor is None


async def test_a_page_that_ends_with_the_range_has_no_cursor(table: Table) -> None:
    await _fill(table, [("a", "1"), ("a", "2"), ("b", "1")])

    assert (await table.query(Range(partition="a"), limit=3)).cursor is None
    assert (await table.query(Range(), limit=3)).cursor is None
    assert (await table.query(Range(), limit=2)).cursor is not None


async def test_a_cursor_goes_on_though_its_row_was_deleted_and_others_came(table: Table) -> None:
    await _fill(table, [("a", str(row)) for row in range(1, 7)])
    first = await table.query(Range(partition="a"), limit=3)
    await table.delete("a", "4")
    await _fill(table, [("a", "0"), ("a", "55")])

    second = await table.query(Range(partition="a"), limit=10, cursor=first.cursor)

    assert [entity.row for entity in second.entities] == ["5", "55", "6"]


async def test_more_than_a_thousand_entities_are_scanned_page_by_page(table: Table) -> None:
    rows = [f"{number:04}" for number in range(1005)]
    for start in range(0, len(rows), 100):
        await table.transact([Write("insert", Entity("p", row)) for row in rows[start : start + 100]])

    page = await table.query(Range(partition="p"))

    assert len(page.entities) == 1000
    assert page.cursor is not None
    assert [entity.row async for entity in scan(table, Range(partition="p"))] == rows


@pytest.mark.parametrize(
    "cursor", ["", "x", "eA", "not base64!", "e30", "WzEsMl0", "W10", "bnVsbA", "é", "[" * 50, "a" * 9000]
)
async def test_a_cursor_that_is_not_ours_is_an_invalid_request(table: Table, cursor: str) -> None:
    await _fill(table, [("a", "1")])

    with pytest.raises(InvalidRequest) as caught:
        await table.query(Range(), cursor=cursor)

    assert caught.value.target == "skipToken"


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_has_1_to_1000_entities(table: Table, limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        await table.query(Range(), limit=limit)


async def test_a_range_is_of_one_partition_or_of_several(table: Table) -> None:
    with pytest.raises(ValueError, match="not both"):
        await table.query(Range(partition="a", partition_from="a"))


async def test_a_transaction_inserts_replaces_and_upserts(table: Table) -> None:
    etag = await table.insert(Entity("p", "changed", {"n": 1, "old": True}))
    await table.insert(Entity("p", "over", {"n": 1, "old": True}))

    etags = await table.transact(
        [
            Write("insert", Entity("p", "new", {"n": 2, "big": 2**40})),
            Write("replace", Entity("p", "changed", {"n": 2}, etag)),
            Write("upsert", Entity("p", "over", {"n": 2})),
            Write("upsert", Entity("p", "fresh", {"n": 2})),
        ]
    )

    assert len(set(etags)) == 4
    assert [await table.get("p", row) for row in ("new", "changed", "over", "fresh")] == [
        Entity("p", "new", {"n": 2, "big": 2**40}, etags[0]),
        Entity("p", "changed", {"n": 2}, etags[1]),
        Entity("p", "over", {"n": 2}, etags[2]),
        Entity("p", "fresh", {"n": 2}, etags[3]),
    ]


async def test_a_transaction_makes_the_table_that_it_needs(table: Table) -> None:
    await table.transact([Write("insert", Entity("p", "r", {"n": 1}))])

    assert await table.get("p", "r") is not None


async def test_a_transaction_that_replaces_in_a_new_table_finds_no_entity(table: Table) -> None:
    with pytest.raises(EntityChanged):
        await table.transact([Write("replace", Entity("p", "r", {"n": 1}, 'W/"some"'))])


async def test_a_transaction_of_nothing_does_nothing(table: Table) -> None:
    assert await table.transact([]) == ()


async def test_a_taken_key_undoes_the_whole_transaction(table: Table) -> None:
    await table.insert(Entity("p", "taken", {"n": 1}))

    with pytest.raises(EntityExists):
        await table.transact([Write("upsert", Entity("p", "a")), Write("insert", Entity("p", "taken", {"n": 2}))])

    assert await _keys(table, Range()) == [("p", "taken")]


@pytest.mark.parametrize("absent", [False, True])
async def test_an_old_etag_undoes_the_whole_transaction(table: Table, absent: bool) -> None:
    etag = await table.insert(Entity("p", "changed", {"n": 1}))
    if absent:
        await table.delete("p", "changed")
    else:
        await table.upsert(Entity("p", "changed", {"n": 2}))

    with pytest.raises(EntityChanged):
        await table.transact(
            [Write("insert", Entity("p", "a")), Write("replace", Entity("p", "changed", {"n": 3}, etag))]
        )

    assert await table.get("p", "a") is None


async def test_of_many_transactions_at_once_one_wins(table: Table) -> None:
    etag = await table.insert(Entity("p", "lock", {"owner": -1}))

    async def claim(owner: int) -> None:
        lock = Write("replace", Entity("p", "lock", {"owner": owner}, etag))
        await table.transact([lock, Write("insert", Entity("p", f"of-{owner}"))])

    outcomes = await asyncio.gather(*(claim(owner) for owner in range(6)), return_exceptions=True)

    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, EntityChanged) for outcome in outcomes) == 5
    assert len(await _keys(table, Range())) == 2


async def test_a_transaction_takes_100_writes(table: Table) -> None:
    writes = [Write("insert", Entity("p", f"{n:03}", {"text": "é" * 200})) for n in range(100)]

    assert len(await table.transact(writes)) == 100
    assert len(await _keys(table, Range())) == 100


@pytest.mark.parametrize(
    ("writes", "why"),
    [
        ([Write("upsert", Entity("p", str(n))) for n in range(101)], "100"),
        ([Write("upsert", Entity("p", "r")), Write("upsert", Entity("q", "r"))], "partition"),
        ([Write("upsert", Entity("p", "r")), Write("upsert", Entity("p", "r"))], "once"),
        ([Write("replace", Entity("p", "r"))], "ETag"),
        (
            [Write("upsert", Entity("p", str(n), {f"v{i}": "x" * 30_000 for i in range(15)})) for n in range(5)],
            "4 MiB",
        ),
    ],
    ids=["101", "two partitions", "a row twice", "no ETag", "too large"],
)
async def test_a_transaction_beyond_the_limits_writes_nothing(table: Table, writes: list[Write], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        await table.transact(writes)

    assert await _keys(table, Range()) == []


@pytest.mark.parametrize(
    ("entity", "why"),
    [
        (Entity("p", "r", {"v": "x" * 32_769}), "32768"),
        (Entity("p", "r", {"v": "😀" * 16_385}), "32768"),
        (Entity("p", "r", {f"v{n}": "x" * 30_000 for n in range(18)}), "1 MiB"),
        (Entity("p", "r", {f"v{n}": n for n in range(253)}), "252"),
        (Entity("p", "r", {"v": 2**63}), "64 bits"),
        (Entity("p", "r", {"no-name": 1}), "name a value"),
        (Entity("p", "r", {"PartitionKey": "q"}), "name a value"),
        (Entity("p/q", "r"), "key"),
        (Entity("p", "r\n"), "key"),
        (Entity("p", "r" * 513), "key"),
    ],
    ids=[
        "string",
        "emoji string",
        "entity",
        "values",
        "int",
        "name",
        "reserved",
        "slash",
        "control",
        "long key",
    ],
)
async def test_an_entity_beyond_the_limits_is_not_written(table: Table, entity: Entity, why: str) -> None:
    writes = (table.insert(entity), table.upsert(entity), table.replace(replace(entity, etag='W/"some"')))
    for write in writes:
        with pytest.raises(ValueError, match=why):
            await write

    assert await _keys(table, Range()) == []


async def test_an_entity_at_the_limits_is_written(table: Table) -> None:
    entity = Entity("p" * 100, "r" * 400, {f"v{n}": "x" * 32_000 for n in range(16)} | {"s": "é" * 1000})

    await table.insert(entity)

    found = await table.get(entity.partition, entity.row)
    assert found is not None
    assert found.values == entity.values


async def test_a_value_of_another_type_is_a_mistake(table: Table) -> None:
    with pytest.raises(TypeError, match="v"):
        await table.upsert(Entity("p", "r", {"v": None}))  # type: ignore[dict-item]  # that is the mistake


async def test_tables_of_different_names_are_different_tables(tables: Tables) -> None:
    await tables.table("these").insert(Entity("p", "r", {"n": 1}))

    assert await tables.table("those").get("p", "r") is None
    assert await tables.table("these").get("p", "r") is not None


@pytest.mark.parametrize("name", ["", "with-dash", "überall", "x" * 64])
async def test_a_name_that_no_table_can_have_is_a_mistake(tables: Tables, name: str) -> None:
    with pytest.raises(ValueError, match="table name"):
        tables.table(name or "-")
