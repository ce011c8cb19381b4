"""One suite for the table store, run against the fake and on Azurite: one entity at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Tables, Value
from tests.integration.contracts.filling import keys_in


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

    assert await keys_in(table, Range()) == []


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
