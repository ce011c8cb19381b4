"""Who may be texted, and how often: the countries and the limit of texts to one recipient."""

from __future__ import annotations

import asyncio

import pytest

from shared.rules.errors import CarrierRefused
from tests.unit.services.world import ANN, BOB, SHORT_CODE, World, settings

PARIS = "+33612345678"


def limited(over: World | None = None) -> World:
    """Return a worker that lets nobody be texted more than twice an hour."""
    limit = settings(SMS_RECIPIENT_TEXTS_PER_HOUR="2")
    if over is None:
        return World(settings=limit)
    return World(settings=limit, tables=over.tables, carrier=over.carrier, clock=over.clock, queues=over.queues)


async def outcome(world: World, to: str, key: str | None = None) -> tuple[str, str | None]:
    """Send a text and return what became of it, and why."""
    (answer,) = await world.send(to, key=key)
    return answer.state, answer.reason


async def test_a_text_to_a_country_that_is_not_allowed_is_rejected_and_the_others_go() -> None:
    world = World(settings=settings(SMS_COUNTRIES="US,CA"))
    abroad, here = await world.send(PARIS, ANN)
    assert (abroad.state, abroad.reason, abroad.id) == ("rejected", "countryNotAllowed", None)
    assert here.state == "sent"
    assert [one.to for one in world.carrier.sent] == [ANN]


async def test_where_no_country_is_named_all_are_allowed() -> None:
    assert await outcome(World(), PARIS) == ("sent", None)


async def test_a_person_abroad_who_writes_is_answered_all_the_same() -> None:
    world = World(settings=settings(SMS_COUNTRIES="US"))
    await world.receive("STOP", person=PARIS, to=SHORT_CODE)
    assert [one.to for one in world.carrier.sent] == [PARIS]


async def test_a_recipient_gets_no_more_texts_in_an_hour_than_allowed() -> None:
    world = limited()
    assert [await outcome(world, ANN) for _ in range(3)] == [
        ("sent", None),
        ("sent", None),
        ("rejected", "recipientLimit"),
    ]
    assert await outcome(world, BOB) == ("sent", None)
    world.clock.advance(minutes=61)
    assert await outcome(world, ANN) == ("sent", None)


async def test_a_repeated_request_counts_once_and_gets_its_first_answer() -> None:
    world = limited()
    for _ in range(3):
        assert await outcome(world, ANN, key="one") == ("sent", None)
    assert await outcome(world, ANN, key="two") == ("sent", None)
    for _ in range(2):
        assert await outcome(world, ANN, key="three") == ("rejected", "recipientLimit")


async def test_at_once_on_two_workers_a_recipient_gets_no_more() -> None:
    first = limited()
    second = limited(over=first)
    await asyncio.gather(*(world.send(ANN) for world in (first, second) for _ in range(5)))
    assert len(first.carrier.sent_to(ANN)) == 2


async def test_what_was_refused_as_a_whole_does_not_count() -> None:
    world = limited()
    world.carrier.fail_next(CarrierRefused("no"), CarrierRefused("no"))
    for _ in range(2):
        with pytest.raises(CarrierRefused):
            await world.send(ANN)
    assert [await outcome(world, ANN) for _ in range(2)] == [("sent", None)] * 2


async def test_the_answers_of_the_app_do_not_count() -> None:
    world = limited()
    for _ in range(3):
        await world.receive("HELP", to=SHORT_CODE)
    assert len(world.carrier.sent_to(ANN)) == 3


async def test_rows_are_deleted_when_the_hour_is_over() -> None:
    world = limited()
    await world.send(ANN, BOB)
    world.clock.advance(minutes=30)
    await world.send(ANN)
    world.clock.advance(minutes=31)
    assert await world.services.recipient_limits.clear() == 1
    assert world.row_count("RecipientUse") == 1


async def test_without_a_limit_nothing_is_stored() -> None:
    world = World()
    await world.send(ANN)
    assert world.row_count("RecipientUse") == 0
