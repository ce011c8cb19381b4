"""A campaign's messages in their conversations: there once a report has settled them."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from shared.rules.errors import StorageUnavailable
from shared.rules.ids import MessageKey, conversation_id, to_ms
from shared.rules.states import State
from shared.services.conversation_criteria import Criteria
from shared.services.delivery_reports import DeliveryReport
from shared.services.messages import Message
from tests.unit.services.campaigning import by_number, people, request, start
from tests.unit.services.world import ANN, BOB, TOLL_FREE, World

CONVERSATION = conversation_id(TOLL_FREE, ANN)


async def sent(world: World, *to: str, delivery_report: bool = True) -> None:
    """Send a campaign."""
    await start(world, request(world, to, delivery_report=delivery_report))
    await world.pass_time(seconds=20)


async def in_conversation(world: World) -> list[Message]:
    """Return what the conversation with Ann shows."""
    page, _ = await world.services.messages.page(CONVERSATION, 10, None)
    return list(page)


async def test_a_report_puts_the_message_into_its_conversation_under_its_own_id() -> None:
    world = World()
    await sent(world, ANN, BOB)
    assert await in_conversation(world) == []
    await world.services.delivery_reports.receive(world.report(ANN))
    (copy,) = await in_conversation(world)
    original = by_number(world)[ANN]
    assert (copy.state, copy.text, copy.id) == (State.DELIVERED, "Hello", original.id)
    assert copy.history == original.history
    key = MessageKey.parse(copy.id)
    assert key
    found = await world.services.messages.get(key)
    assert found == original


async def test_the_conversation_is_listed_by_its_newest_message_that_is_in_it() -> None:
    world = World()
    await world.receive("Hi", ANN, ago_s=0)
    world.clock.advance(seconds=10)
    await sent(world, ANN, BOB)

    async def listed() -> list[tuple[str, str]]:
        page = (await world.services.conversations.search(Criteria(), 10, None)).conversations
        return [(one.id, one.newest.text) for one in page]

    assert await listed() == [(CONVERSATION, "Hi")]
    await world.services.delivery_reports.receive(world.report(ANN))
    assert await listed() == [(CONVERSATION, "Hello")]
    await world.services.delivery_reports.receive(world.report(BOB))
    assert {one for one, _ in await listed()} == {CONVERSATION, conversation_id(TOLL_FREE, BOB)}


async def test_without_reports_messages_are_in_their_conversations_at_once() -> None:
    world = World()
    await sent(world, ANN, delivery_report=False)
    assert [one.state for one in await in_conversation(world)] == [State.SENT]


REPORTS = (("Failed", "4006", 3), ("Delivered", "", 2), ("Failed", "5002", 1))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_reports_in_any_order_and_at_once_leave_copy_and_original_alike(order: tuple[int, ...]) -> None:
    world = World()
    await sent(world, ANN)
    (text,) = world.carrier.sent_to(ANN)
    reports = [
        DeliveryReport(text.message_id, TOLL_FREE, ANN, status, code, world.now_ms + late, text.tag)
        for status, code, late in REPORTS
    ]
    await asyncio.gather(*(world.services.delivery_reports.receive(reports[place]) for place in (*order, *order)))
    (copy,) = await in_conversation(world)
    assert copy.history == by_number(world)[ANN].history
    assert copy.state is State.DELIVERED
    activity, _ = await world.services.conversations._activity.page(10, None)
    assert [one.step for one in activity] == [copy.history.current]


async def test_a_report_that_is_faster_than_the_row_is_to_be_delivered_again() -> None:
    world = World()
    campaign = await start(world, request(world, [ANN]))
    early = DeliveryReport("early", TOLL_FREE, ANN, "Delivered", "", world.now_ms, campaign.send_of(0).tag)
    with pytest.raises(StorageUnavailable):
        await world.services.delivery_reports.receive(early)
    assert world.row_count("KeptEvents") == 0
    await world.pass_time(seconds=20)
    await world.services.delivery_reports.receive(early)
    assert by_number(world)[ANN].state is State.DELIVERED


async def test_a_report_whose_row_comes_while_it_waits_is_taken() -> None:
    world = World()
    campaign = await start(world, request(world, [ANN]))
    early = DeliveryReport("early", TOLL_FREE, ANN, "Delivered", "", world.now_ms, campaign.send_of(0).tag)
    await asyncio.gather(world.work_off(), world.services.delivery_reports.receive(early))
    assert by_number(world)[ANN].state is State.DELIVERED
    assert [one.state for one in await in_conversation(world)] == [State.DELIVERED]


async def test_a_report_whose_row_never_came_is_kept_for_a_person() -> None:
    world = World()
    campaign = await start(world, request(world, [ANN]))
    old = DeliveryReport(
        "old", TOLL_FREE, "+14255559999", "Delivered", "", to_ms(world.clock.now()), campaign.send_of(0).tag
    )
    world.clock.advance(hours=6)
    await world.services.delivery_reports.receive(old)
    assert world.row_count("KeptEvents") == 1


async def test_what_a_carrier_says_of_an_opt_out_counts_for_the_next_campaign() -> None:
    world = World()
    to = [ANN, *people(7)]
    await sent(world, *to)
    await world.services.delivery_reports.receive(world.report(ANN, "Failed", "4007"))
    assert await world.blocked() is True
    await sent(world, *to)
    assert len(world.carrier.sent_to(ANN)) == 1
