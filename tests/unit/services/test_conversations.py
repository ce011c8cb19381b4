"""Conversations: newest first, each once, over however many pages."""

from __future__ import annotations

import random

import pytest

from shared.rules.errors import NotFound
from shared.services.conversation_criteria import Criteria
from tests.unit.services.world import ANN, BOB, SHORT_CODE, TOLL_FREE, World


async def all_pages(world: World, limit: int) -> list[tuple[str, str]]:
    """Return the conversations of all pages, as sender and recipient."""
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        answer = await world.services.conversations.search(Criteria(), limit, cursor)
        page, cursor = answer.conversations, answer.cursor
        assert len(page) <= limit
        found += [(one.newest.sender, one.newest.recipient) for one in page]
        if cursor is None:
            return found


async def test_there_are_none_at_first() -> None:
    found = await World().services.conversations.search(Criteria(), 10, None)
    assert (found.conversations, found.cursor) == ((), None)


async def test_a_conversation_holds_both_directions_newest_first() -> None:
    world = World()
    await world.send(ANN, text="one")
    world.clock.advance(hours=2)
    await world.receive("two", ANN)
    await world.send(ANN, text="three")
    found = await world.services.conversations.search(Criteria(), 10, None)
    (conversation,), cursor = found.conversations, found.cursor
    assert cursor is None
    assert conversation.newest.text == "three"
    messages, _ = await world.services.conversations.messages(conversation.id, 10, None)
    assert [one.text for one in messages] == ["three", "two", "one"]


async def test_a_conversation_is_read_in_pages() -> None:
    world = World()
    for number in range(7):
        await world.send(ANN, text=str(number))
        world.clock.advance(seconds=1)
    (conversation,) = (await world.services.conversations.search(Criteria(), 1, None)).conversations
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await world.services.conversations.messages(conversation.id, 3, cursor)
        found += [one.text for one in page]
        if cursor is None:
            break
    assert found == ["6", "5", "4", "3", "2", "1", "0"]


async def test_each_sender_has_its_own_conversation_with_a_person() -> None:
    world = World()
    await world.send(ANN)
    await world.send(ANN, sender=SHORT_CODE)
    assert sorted(await all_pages(world, 10)) == [(TOLL_FREE, ANN), (SHORT_CODE, ANN)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("seed", range(4))
async def test_pages_hold_each_conversation_once_the_latest_first(limit: int, seed: int) -> None:
    choice = random.Random(seed)
    world = World()
    people = [f"+1425555{number:04}" for number in range(9)]
    last: dict[str, int] = {}
    for number in range(60):
        person = choice.choice(people)
        if choice.random() < 0.5:
            await world.send(person)
        else:
            await world.receive("hi", person, ago_s=0)
        last[person] = number
        world.clock.advance(minutes=choice.randrange(1, 50))
    expected = [(TOLL_FREE, one) for one in sorted(last, key=lambda one: -last[one])]
    assert await all_pages(world, limit) == expected


async def test_a_late_text_does_not_come_before_what_is_newer() -> None:
    world = World()
    await world.send(ANN)
    await world.receive("late", BOB, ago_s=4000)
    await world.receive("later", ANN, ago_s=5000)
    assert await all_pages(world, 1) == [(TOLL_FREE, ANN), (TOLL_FREE, BOB)]


async def test_opt_out_changes_are_no_conversations() -> None:
    world = World()
    await world.services.opt_out_lists.add(None, [ANN])
    assert await all_pages(world, 10) == []


async def test_a_long_run_of_one_conversation_is_read_in_bounded_steps() -> None:
    world = World()
    await world.send(BOB)
    for _ in range(50):
        world.clock.advance(seconds=1)
        await world.send(ANN)
    found = await world.services.conversations.search(Criteria(), 2, None)
    first, cursor = found.conversations, found.cursor
    assert [one.newest.recipient for one in first] == [ANN]
    assert cursor is not None
    assert [recipient for _, recipient in await all_pages(world, 2)] == [ANN, BOB]


async def test_a_conversation_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound) as raised:
        await World().services.conversations.messages("0" * 32, 10, None)
    assert raised.value.code == "ConversationNotFound"
