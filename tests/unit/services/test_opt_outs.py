"""Opt-outs: the newest wish counts, in each scope; every wish is in the history, once."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from shared.edges.clock_manual import ManualClock
from shared.edges.tables_memory import MemoryTables
from shared.rules.ids import recipient_key
from shared.services.opt_outs import ALL_SENDERS, Change, Consent, OptOuts, Source
from tests.unit.services.world import ANN, BOB, SHORT_CODE, TOLL_FREE

OUT, IN = Consent.OPTED_OUT, Consent.OPTED_IN


class Store:
    """Opt-outs over fakes."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        tables = MemoryTables()
        self.opt_outs = OptOuts(tables.table("OptOuts"), tables.table("Announcements"), self.clock)

    async def apply(self, consent: Consent, at_ms: int, *scopes: str, id: str = "", overrides: bool = False) -> bool:  # noqa: A002 - the change's own name for it
        """Apply a change of ANN; return whether it flipped."""
        scope = scopes or (TOLL_FREE,)
        sender = "" if scope[0] == ALL_SENDERS else scope[0]
        change = Change(id or f"{consent}{at_ms}", ANN, scope, consent, at_ms, Source.SMS, "", sender, overrides)
        return (await self.opt_outs.apply(change)).flipped


@pytest.mark.parametrize("order", list(itertools.permutations([(OUT, 1), (IN, 2), (OUT, 3), (IN, 4)])))
async def test_the_newest_wish_counts_in_any_order(order: tuple[tuple[Consent, int], ...]) -> None:
    store = Store()
    for consent, at in order:
        await store.apply(consent, at)
    standing = await store.opt_outs.standing(ANN)
    assert not standing.blocks(TOLL_FREE)
    assert standing.by_scope[TOLL_FREE].at_ms == 4
    assert [change.at_ms for change in await store.opt_outs.history(ANN)] == [4, 3, 2, 1]


@pytest.mark.parametrize("order", [(OUT, IN), (IN, OUT)])
async def test_at_the_same_time_the_opt_out_counts(order: tuple[Consent, ...]) -> None:
    store = Store()
    for consent in order:
        await store.apply(consent, 5)
    assert (await store.opt_outs.standing(ANN)).blocks(TOLL_FREE)


async def test_a_wish_heard_five_times_is_applied_once_and_says_each_time_what_came_of_it() -> None:
    store = Store()
    assert [await store.apply(OUT, 5) for _ in range(5)] == [True] * 5
    assert len(await store.opt_outs.history(ANN)) == 1
    assert await store.apply(OUT, 6) is False


async def test_wishes_at_once_are_all_kept() -> None:
    store = Store()
    await asyncio.gather(*(store.apply(OUT if at % 2 else IN, at) for at in range(20)))
    assert len(await store.opt_outs.history(ANN)) == 20
    assert (await store.opt_outs.standing(ANN)).blocks(TOLL_FREE)


async def test_an_opt_out_of_all_is_lifted_for_the_one_sender_that_was_answered() -> None:
    store = Store()
    await store.apply(OUT, 1, ALL_SENDERS)
    await store.apply(IN, 2, TOLL_FREE)
    standing = await store.opt_outs.standing(ANN)
    assert (standing.blocks(TOLL_FREE), standing.blocks(SHORT_CODE), standing.blocks(None)) == (False, True, True)
    assert (standing.is_out_of(ALL_SENDERS), standing.is_out_of(TOLL_FREE), standing.is_out_of("x")) == (
        True,
        False,
        False,
    )


async def test_a_later_opt_out_of_all_ends_the_exception_too() -> None:
    store = Store()
    await store.apply(OUT, 1, ALL_SENDERS)
    await store.apply(IN, 2, TOLL_FREE)
    await store.apply(OUT, 3, ALL_SENDERS)
    assert (await store.opt_outs.standing(ANN)).blocks(TOLL_FREE)


async def test_a_wish_of_the_api_counts_though_a_stored_time_is_ahead() -> None:
    store = Store()
    await store.apply(OUT, 1000)
    assert await store.apply(IN, 10, overrides=True)
    assert not (await store.opt_outs.standing(ANN)).blocks(TOLL_FREE)


async def test_the_standing_before_a_time_knows_only_what_came_before() -> None:
    store = Store()
    for consent, at in ((OUT, 10), (IN, 20), (OUT, 30)):
        await store.apply(consent, at)
    before = [(await store.opt_outs.standing_before(ANN, at)).blocks(TOLL_FREE) for at in (10, 11, 20, 21, 31)]
    assert before == [False, True, True, False, True]


async def test_who_left_since_a_time_is_known_with_some_margin() -> None:
    store = Store()
    start = store.clock.now()
    await store.apply(OUT, 1)
    assert await store.opt_outs.left_since(start) == {recipient_key(ANN)}
    store.clock.advance(hours=2)
    assert await store.opt_outs.left_since(store.clock.now()) == set()
    assert await store.opt_outs.left_since(start) == {recipient_key(ANN)}
    await store.apply(IN, 2)
    assert await store.opt_outs.left_since(store.clock.now()) == set()


async def test_a_page_holds_only_what_is_in_force() -> None:
    store = Store()
    await store.apply(OUT, 1)
    await store.apply(IN, 2)
    for number in range(7):
        change = Change(f"{number}", f"{BOB}{number}", (ALL_SENDERS,), OUT, 1, Source.IMPORT)
        await store.opt_outs.apply(change)
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await store.opt_outs.page(2, cursor)
        found += [entry.recipient for entry in page]
        if cursor is None:
            break
    assert sorted(found) == [f"{BOB}{number}" for number in range(7)]
