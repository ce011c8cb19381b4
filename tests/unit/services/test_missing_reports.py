"""Missing reports: unknown after the time of the settings, and settled by a late one."""

from __future__ import annotations

import pytest

from shared.rules.states import State
from shared.services.sending import Text
from tests.unit.services.campaigning import by_number, request, start
from tests.unit.services.world import ANN, BOB, World, settings


async def hourly(world: World, hours: int) -> int:
    """Let hours pass with the timer at work; return how many texts were settled."""
    count = 0
    for _ in range(hours):
        world.clock.advance(hours=1)
        count += await world.services.missing_reports.settle()
    return count


async def test_a_text_without_a_report_is_unknown_after_a_day_and_a_late_report_settles_it() -> None:
    world = World()
    await world.send(ANN, BOB)
    await world.services.delivery_reports.receive(world.report(BOB))
    assert await hourly(world, 23) == 0
    assert await hourly(world, 3) == 1
    found = {one.recipient: (one.state, one.reason) for one in world.messages()}
    assert found == {ANN: (State.UNKNOWN, "reportMissing"), BOB: (State.DELIVERED, "")}
    await world.services.delivery_reports.receive(world.report(ANN))
    assert {one.state for one in world.messages()} == {State.DELIVERED}
    assert await hourly(world, 30) == 0


async def test_the_time_is_that_of_the_settings() -> None:
    world = World(settings(SMS_REPORT_WITHIN_HOURS="2"))
    await world.send(ANN)
    assert await hourly(world, 1) == 0
    assert await hourly(world, 2) == 1


@pytest.mark.parametrize("ahead_hours", [20, 30, 7 * 24])
async def test_the_time_begins_when_a_text_was_sent_not_when_it_was_accepted(ahead_hours: int) -> None:
    world = World()
    text = world.text(ANN)
    at_ms = world.now_ms + ahead_hours * 3_600_000
    await world.services.sending.send(Text(text.sender, text.recipients, text.text, send_at_ms=at_ms))
    world.clock.advance(hours=ahead_hours)
    await world.pass_time(seconds=30)
    assert [one.state for one in world.messages()] == [State.SENT]
    assert await hourly(world, 23) == 0
    assert await hourly(world, 26) == 1


async def test_a_text_for_which_no_report_was_asked_stays_sent() -> None:
    world = World()
    text = world.text(ANN)
    await world.services.sending.send(Text(text.sender, text.recipients, text.text, delivery_report=False))
    await start(world, request(world, [BOB], delivery_report=False))
    await world.pass_time(seconds=30)
    assert await hourly(world, 60) == 0
    assert {one.state for one in world.messages()} == {State.SENT}


async def test_a_campaigns_message_is_settled_where_it_is_and_in_its_conversation() -> None:
    world = World()
    await start(world, request(world, [ANN]))
    await world.pass_time(seconds=30)
    assert await hourly(world, 26) == 1
    assert by_number(world)[ANN].state is State.UNKNOWN
    assert sorted((one.state, bool(one.home)) for one in world.messages()) == [
        (State.UNKNOWN, False),
        (State.UNKNOWN, True),
    ]
