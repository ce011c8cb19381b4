"""The opt-out list as callers use it."""

from __future__ import annotations

import csv
import io

import pytest

from shared.rules.errors import InvalidPhoneNumber, InvalidRequest
from shared.services.analytics import Interval
from shared.services.opt_out_lists import CSV_HEADER, Imported
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World, settings

HEADER = ",".join(CSV_HEADER)


async def counted(world: World) -> tuple[int, int]:
    """Return how many opt-outs and opt-ins the analytics count in all."""
    report = await world.services.analytics.report(0, world.now_ms + 1, Interval.DAY, None)
    return report.totals["opt_outs"], report.totals["opt_ins"]


async def test_check_add_and_remove_answer_for_each_recipient_in_the_order_asked() -> None:
    lists = World().services.opt_out_lists
    added = await lists.add(TOLL_FREE, [ANN, "no number", "+1 425 555 0112", ANN])
    assert [(one.to, one.http_status, one.opted_out) for one in added] == [
        (ANN, 200, None),
        ("no number", 400, None),
        (BOB, 200, None),
    ]
    assert added[1].error
    assert "no number" not in added[1].error
    checked = await lists.check(TOLL_FREE, [CAT, ANN, "x"])
    assert [(one.to, one.http_status, one.opted_out) for one in checked] == [
        (CAT, 200, False),
        (ANN, 200, True),
        ("x", 400, None),
    ]
    removed = await lists.remove(TOLL_FREE, [ANN, CAT, ""])
    assert [one.http_status for one in removed] == [200, 200, 400]
    assert [one.opted_out for one in await lists.check(TOLL_FREE, [ANN, BOB])] == [False, True]


async def test_without_a_sender_the_list_is_of_all_senders() -> None:
    world = World()
    await world.services.opt_out_lists.add(None, [ANN])
    assert [await world.blocked(sender=one) for one in (TOLL_FREE, SHORT_CODE)] == [True, True]
    await world.services.opt_out_lists.remove(None, [ANN])
    assert [await world.blocked(sender=one) for one in (TOLL_FREE, SHORT_CODE)] == [False, False]


async def test_without_a_sender_one_who_left_any_sender_counts_as_opted_out() -> None:
    world = World()
    await world.services.opt_out_lists.add(SHORT_CODE, [ANN])
    (answer,) = await world.services.opt_out_lists.check(None, [ANN])
    assert answer.opted_out
    await world.services.opt_out_lists.remove(None, [ANN])
    assert not await world.blocked(sender=SHORT_CODE)


async def test_removing_one_who_never_left_leaves_no_trace() -> None:
    world = World()
    await world.services.opt_out_lists.remove(None, [ANN])
    assert await world.services.opt_out_lists.history(ANN) == ()


async def test_a_sender_that_is_not_ours_is_refused() -> None:
    lists = World().services.opt_out_lists
    for call in (lists.check, lists.add, lists.remove):
        with pytest.raises(InvalidRequest) as raised:
            await call("+18005550199", [ANN])
        assert raised.value.code == "UnknownSender"


async def test_the_history_has_every_change_newest_first() -> None:
    world = World()
    await world.receive("STOP", ago_s=30)
    await world.receive("START", ago_s=20)
    world.clock.advance(seconds=1)
    await world.services.opt_out_lists.add(None, [ANN])
    history = await world.services.opt_out_lists.history("+1 425 555 0111")
    assert [(one.consent.value, one.source.value, one.keyword, one.scopes) for one in history] == [
        ("optedOut", "api", "", ("*",)),
        ("optedIn", "sms", "START", (TOLL_FREE,)),
        ("optedOut", "sms", "STOP", (TOLL_FREE,)),
    ]


async def test_the_history_of_what_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidPhoneNumber):
        await World().services.opt_out_lists.history("Ann")


async def test_numbers_without_a_country_are_of_the_region_in_the_settings() -> None:
    world = World(settings(SMS_DEFAULT_REGION="US"))
    await world.services.opt_out_lists.add(None, ["(425) 555-0111"])
    assert await world.blocked(ANN)


async def test_adding_the_same_person_again_is_counted_once() -> None:
    world = World()
    for _ in range(3):
        await world.services.opt_out_lists.add(None, [ANN])
        world.clock.advance(seconds=1)
    assert await counted(world) == (1, 0)
    await world.services.opt_out_lists.remove(None, [ANN])
    assert await counted(world) == (1, 1)


async def listed(world: World) -> str:
    """Return the export with its rows in a fixed order."""
    head, *rows = (await world.services.opt_out_lists.export()).splitlines()
    return "\n".join([head, *sorted(rows)])


async def left_in_every_way() -> World:
    """Return a world in which people left in every way there is."""
    world = World()
    await world.receive("STOP", ANN)
    await world.receive("opt-out", BOB, to=SHORT_CODE)
    await world.send(CAT)
    await world.services.delivery_reports.receive(world.report(CAT, "Failed", "4007"))
    await world.services.opt_out_lists.add(None, ["+442071838750", ANN])
    await world.services.opt_out_lists.load("recipient\n+33142685300\n")
    return world


async def test_the_export_imports_back_unchanged() -> None:
    world = await left_in_every_way()
    exported = await world.services.opt_out_lists.export()
    other = World(clock=world.clock)
    assert await other.services.opt_out_lists.load(exported) == Imported(6, 0)
    assert await listed(other) == await listed(world)
    assert await other.services.opt_out_lists.load(exported) == Imported(0, 6)
    assert await listed(other) == await listed(world)


async def test_the_export_imported_where_it_came_from_changes_and_counts_nothing() -> None:
    world = await left_in_every_way()
    before = await listed(world), await counted(world)
    imported = await world.services.opt_out_lists.load(await world.services.opt_out_lists.export())
    assert imported.changed == 0
    assert (await listed(world), await counted(world)) == before


async def test_no_cell_of_the_export_is_a_formula() -> None:
    world = await left_in_every_way()
    rows = list(csv.reader(io.StringIO(await world.services.opt_out_lists.export())))
    assert rows[0] == list(CSV_HEADER)
    assert len(rows) == 7
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


async def test_the_export_of_many_pages_is_whole() -> None:
    world = World()
    people = [f"+1425555{number:04}" for number in range(1001)]
    await world.services.opt_out_lists.load("recipient\n" + "\n".join(people))
    exported = await world.services.opt_out_lists.export()
    assert len(exported.splitlines()) == 1002


async def test_a_file_of_numbers_alone_means_all_senders_now() -> None:
    world = World()
    text = f"recipient\r\n{ANN}\r\n'{BOB}\r\n\r\n{ANN}\r\n"
    assert await world.services.opt_out_lists.load(text) == Imported(2, 1)
    (change,) = await world.services.opt_out_lists.history(ANN)
    assert (change.scopes, change.at_ms, change.source.value) == (("*",), world.now_ms, "import")
    world.clock.advance(days=1)
    assert await world.services.opt_out_lists.load(text) == Imported(0, 3)


async def test_columns_may_come_in_any_order_and_cells_may_be_missing() -> None:
    world = World()
    assert await world.services.opt_out_lists.load(f"scope,recipient,keyword\n{SHORT_CODE},{ANN}\n") == Imported(1, 0)
    assert (await world.blocked(sender=SHORT_CODE), await world.blocked()) == (True, False)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("x,*,,,", "NotAPhoneNumber"),
        (",*,,,", "NotAPhoneNumber"),
        ("", None),
        (f"{ANN},+18005550199,,,", "UnknownSender"),
        (f"{ANN},*,yesterday,,", "InvalidRow"),
        (f"{ANN},*,2026-01-01T00:00:00,,", "InvalidRow"),
        (f"{ANN},*,0001-01-01T00:00:00Z,,", "InvalidRow"),
        (f"{ANN},*,2027-01-01T00:00:00Z,,", "InvalidRow"),
        (f"{ANN},*,,gossip,", "InvalidRow"),
        (f"{ANN},*,,,,,", "InvalidRow"),
    ],
)
async def test_a_wrong_row_is_named_and_nothing_of_the_file_is_taken(row: str, code: str | None) -> None:
    world = World()
    load = world.services.opt_out_lists.load(f"{HEADER}\n{BOB},*,,,\n{row}\n")
    if code is None:
        assert await load == Imported(1, 0)
        return
    with pytest.raises(InvalidRequest) as raised:
        await load
    assert raised.value.code == "InvalidCsv"
    assert [(one.code, one.target) for one in raised.value.details] == [(code, "line 3")]
    assert world.row_count("OptOuts") == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "number\n+14255550111\n",
        "recipient,notes\n+14255550111,x\n",
        "recipient,recipient\n+14255550111,+14255550112\n",
        "scope\n*\n",
        '"recipient\n+14255550111\n',
        'recipient\n"+14255550111\n',
        'recipient\n"+14255550111" x\n',
        "recipient\n" + "1" * 200_000,
    ],
)
async def test_what_is_not_such_a_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await World().services.opt_out_lists.load(text)
    assert raised.value.code == "InvalidCsv"


async def test_many_wrong_rows_are_counted_and_a_hundred_are_named() -> None:
    with pytest.raises(InvalidRequest) as raised:
        await World().services.opt_out_lists.load("recipient\n" + "x\n" * 150)
    assert raised.value.message.startswith("150 rows")
    assert len(raised.value.details) == 100
