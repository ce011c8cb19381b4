"""One suite for the table store, run against the fake and on Azurite: transactions."""

from __future__ import annotations

import asyncio

import pytest

from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Write
from tests.integration.contracts.filling import keys_in


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

    assert etags[1] != etag
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

    assert await keys_in(table, Range()) == [("p", "taken")]


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
    assert len(await keys_in(table, Range())) == 2


async def test_a_transaction_takes_100_writes(table: Table) -> None:
    writes = [Write("insert", Entity("p", f"{n:03}", {"text": "é" * 200})) for n in range(100)]

    assert len(await table.transact(writes)) == 100
    assert len(await keys_in(table, Range())) == 100


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

    assert await keys_in(table, Range()) == []
