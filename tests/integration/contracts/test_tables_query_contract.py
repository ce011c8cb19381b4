"""One suite for the table store, run against the fake and on Azurite: ranges, pages, cursors."""

from __future__ import annotations

import pytest

from shared.ports.tables import Entity, Range, Table, Write, scan
from shared.rules.errors import InvalidRequest
from tests.integration.contracts.filling import fill, keys_in


async def test_entities_are_listed_in_ordinal_order_of_theirkeys_in(table: Table) -> None:
    keys = [("b", "1"), ("a", "10"), ("a", "2"), ("B", "1"), ("a", "Z"), ("a", "~"), ("a", "é"), ("aa", "")]
    await fill(table, keys)

    assert await keys_in(table, Range()) == sorted(keys)


async def test_keys_are_ordered_by_utf_16_units(table: Table) -> None:
    await fill(table, [("p", "\ue000"), ("p", "😀"), ("p", "z")])

    assert await keys_in(table, Range()) == [("p", "z"), ("p", "😀"), ("p", "\ue000")]
    assert await keys_in(table, Range(row_from="\ue000")) == [("p", "\ue000")]


async def test_one_partition_is_listed_without_its_neighbours(table: Table) -> None:
    await fill(table, [("a", "1"), ("aa", "1"), ("b", "1"), ("a", "2")])

    assert await keys_in(table, Range(partition="a")) == [("a", "1"), ("a", "2")]


async def test_a_range_of_partitions_has_its_start_and_not_its_end(table: Table) -> None:
    await fill(table, [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")])

    assert await keys_in(table, Range(partition_from="b", partition_to="d")) == [("b", "1"), ("c", "1")]
    assert await keys_in(table, Range(partition_from="c")) == [("c", "1"), ("d", "1")]
    assert await keys_in(table, Range(partition_to="b")) == [("a", "1")]


async def test_a_range_of_rows_holds_in_each_partition(table: Table) -> None:
    await fill(table, [(partition, row) for partition in "ab" for row in "1234"])

    assert await keys_in(table, Range(partition="a", row_from="2", row_to="4")) == [("a", "2"), ("a", "3")]
    assert await keys_in(table, Range(row_from="4")) == [("a", "4"), ("b", "4")]
    assert await keys_in(table, Range(partition_from="b", row_to="2")) == [("b", "1")]


async def test_an_empty_range_lists_nothing(table: Table) -> None:
    await fill(table, [("a", "1")])

    page = await table.query(Range(partition="a", row_from="2", row_to="2"))

    assert page.entities == ()
    assert page.cursor is None


async def test_keys_with_quotes_and_spaces_are_found(table: Table) -> None:
    keys = [("it's", "a b"), ("it's", "o'clock"), ("p+q=%&", "ü 😀")]
    await fill(table, keys)

    for partition, row in keys:
        assert await table.get(partition, row) is not None
    assert await keys_in(table, Range(partition="it's", row_from="b'")) == [("it's", "o'clock")]
    assert await keys_in(table, Range(partition="' or PartitionKey ne '")) == []
    await table.delete("it's", "o'clock")
    assert await table.get("it's", "o'clock") is None


async def test_pages_are_full_until_the_range_ends(table: Table) -> None:
    keys = [(partition, str(row)) for partition in ("a", "b") for row in range(5)]
    await fill(table, keys)

    first = await table.query(Range(), limit=4)
    second = await table.query(Range(), limit=4, cursor=first.cursor)
    third = await table.query(Range(), limit=4, cursor=second.cursor)

    pages = (first, second, third)
    assert [len(page.entities) for page in pages] == [4, 4, 2]
    assert [(entity.partition, entity.row) for page in pages for entity in page.entities] == keys
    assert third.cursor is None


async def test_a_page_that_ends_with_the_range_has_no_cursor(table: Table) -> None:
    await fill(table, [("a", "1"), ("a", "2"), ("b", "1")])

    assert (await table.query(Range(partition="a"), limit=3)).cursor is None
    assert (await table.query(Range(), limit=3)).cursor is None
    assert (await table.query(Range(), limit=2)).cursor is not None


async def test_a_cursor_goes_on_though_its_row_was_deleted_and_others_came(table: Table) -> None:
    await fill(table, [("a", str(row)) for row in range(1, 7)])
    first = await table.query(Range(partition="a"), limit=3)
    await table.delete("a", "4")
    await fill(table, [("a", "0"), ("a", "55")])

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
    "cursor",
    ["", "x", "eA", "not base64!", "e30", "WzEsMl0", "W10", "bnVsbA", "W251bGwsbnVsbF0", "é", "[" * 50, "a" * 9000],
)
async def test_a_cursor_that_is_not_ours_is_an_invalid_request(table: Table, cursor: str) -> None:
    await fill(table, [("a", "1")])

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
