"""Inbound texts: stored once, heard, answered by whom it falls to, relayed."""

from __future__ import annotations

import asyncio

import pytest

from shared.ports.carrier import SendRequest
from shared.rules.errors import CarrierRefused, CarrierThrottled, CarrierUnavailable, RelayUnavailable, SmsError
from shared.rules.states import State
from shared.services.idempotency import LEASE
from shared.services.messages import Direction, Message
from tests.unit.services.world import (
    ALPHANUMERIC,
    ANN,
    BOB,
    MANAGED,
    SHORT_CODE,
    START_REPLY,
    STOP_REPLY,
    TOLL_FREE,
    World,
    settings,
)

HELP_REPLY = "Contoso. Reply STOP to unsubscribe."


def inbound(world: World) -> list[Message]:
    """Return the texts that came in."""
    return [one for one in world.messages() if one.direction is Direction.INBOUND]


def replies(world: World, person: str = ANN) -> list[str]:
    """Return what the app itself answered."""
    return [one.text for one in world.carrier.sent_to(person)]


def told(world: World) -> list[str]:
    """Return the types of what the application was told, sorted."""
    return sorted(notice.type for notice in world.relay.notices)


async def test_a_text_is_stored_as_received_and_relayed() -> None:
    world = World()
    received = await world.receive("Is my order on its way? 🚚", ANN)
    (message,) = inbound(world)
    assert (message.sender, message.recipient, message.text) == (TOLL_FREE, ANN, "Is my order on its way? 🚚")
    assert (message.state, message.encoding, message.segments) == (State.RECEIVED, "UCS-2", 1)
    assert message.key.at_ms == received.received_ms
    (notice,) = world.relay.notices
    assert (notice.type, notice.id) == ("Sms.TextReceived", message.key.id)
    assert (notice.data["from"], notice.data["to"], notice.data["keyword"]) == (ANN, TOLL_FREE, None)
    assert replies(world) == []


@pytest.mark.parametrize(
    ("to", "word", "reply"),
    [
        (TOLL_FREE, "STOP", None),
        (TOLL_FREE, " stop ", None),
        (TOLL_FREE, "Stop!", STOP_REPLY),
        (TOLL_FREE, "ＳＴＯＰ", STOP_REPLY),
        (TOLL_FREE, "STOPALL", STOP_REPLY),
        (TOLL_FREE, "UNSUBSCRIBE", STOP_REPLY),
        (TOLL_FREE, "ARRET", STOP_REPLY),
        (TOLL_FREE, "HELP", HELP_REPLY),
        (SHORT_CODE, "STOP", STOP_REPLY),
        (SHORT_CODE, "opt-out", STOP_REPLY),
        (SHORT_CODE, "INFO", HELP_REPLY),
        (SHORT_CODE, "START", None),
        (SHORT_CODE, "YES", None),
        (SHORT_CODE, "don't stop", None),
        (MANAGED, "STOP", None),
        (MANAGED, "QUIT", None),
        (MANAGED, "HELP", None),
        (ALPHANUMERIC, "STOP", None),
    ],
)
async def test_who_answers_a_first_keyword(to: str, word: str, reply: str | None) -> None:
    world = World()
    await world.receive(word, to=to)
    assert replies(world) == ([reply] if reply else [])


@pytest.mark.parametrize(
    ("to", "word", "reply"),
    [
        (TOLL_FREE, "START", None),
        (TOLL_FREE, "UNSTOP", None),
        (TOLL_FREE, "YES", START_REPLY),
        (SHORT_CODE, "START", START_REPLY),
        (SHORT_CODE, "YES", START_REPLY),
        (MANAGED, "START", None),
    ],
)
async def test_who_answers_a_return(to: str, word: str, reply: str | None) -> None:
    world = World()
    await world.receive("STOP", to=to, ago_s=20)
    before = len(replies(world))
    assert await world.blocked(sender=to)
    await world.receive(word, to=to, ago_s=10)
    assert not await world.blocked(sender=to)
    assert replies(world)[before:] == ([reply] if reply else [])


@pytest.mark.parametrize("word", ["STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE", "ARRÊT"])
@pytest.mark.parametrize("to", [TOLL_FREE, SHORT_CODE, MANAGED])
async def test_every_opt_out_word_is_recorded_whoever_answers(word: str, to: str) -> None:
    world = World()
    await world.receive(word, to=to)
    assert await world.blocked(sender=to)
    assert [one.type for one in world.relay.notices] == ["Sms.TextReceived", "Sms.OptOutChanged"]
    assert (await world.send(ANN, sender=to))[0].state == "suppressed"


async def test_a_stop_ends_the_texts_of_its_sender_alone_by_default() -> None:
    world = World()
    await world.receive("STOP", to=SHORT_CODE)
    assert (await world.blocked(sender=SHORT_CODE), await world.blocked(sender=TOLL_FREE)) == (True, False)


async def test_a_stop_ends_the_texts_of_all_senders_where_the_settings_say_so() -> None:
    world = World(settings(SMS_OPT_OUT_SCOPE="all"))
    await world.receive("STOP", to=SHORT_CODE, ago_s=10)
    assert [await world.blocked(sender=one) for one in (SHORT_CODE, TOLL_FREE)] == [True, True]
    await world.receive("START", to=TOLL_FREE)
    assert [await world.blocked(sender=one) for one in (SHORT_CODE, TOLL_FREE)] == [True, False]


async def test_yes_is_a_plain_text_unless_it_answers_an_opt_out() -> None:
    world = World()
    await world.receive("YES")
    assert world.row_count("OptOuts") == 0
    await world.receive("STOP", ago_s=0.5)
    await world.receive("YES", ago_s=0.1)
    assert not await world.blocked()
    await world.receive("YES", ago_s=0)
    history = await world.services.opt_out_lists.history(ANN)
    assert [(one.consent.value, one.keyword) for one in history] == [("optedIn", "YES"), ("optedOut", "STOP")]


async def test_yes_at_the_time_of_the_opt_out_does_not_lift_it() -> None:
    world = World()
    await world.receive("STOP")
    await world.receive("YES")
    assert await world.blocked()


async def test_yes_that_was_stored_before_its_opt_out_is_heard_when_that_comes() -> None:
    world = World()
    await world.receive("yes", ago_s=1)
    await world.receive("STOP", ago_s=5)
    assert not await world.blocked()


async def test_yes_to_another_sender_is_heard_when_the_opt_out_of_all_comes_late() -> None:
    world = World(settings(SMS_OPT_OUT_SCOPE="all"))
    await world.receive("YES", to=SHORT_CODE, ago_s=1)
    await world.receive("STOP", to=TOLL_FREE, ago_s=5)
    assert (await world.blocked(sender=SHORT_CODE), await world.blocked(sender=TOLL_FREE)) == (False, True)


async def test_the_confirmation_of_an_opt_out_goes_to_the_person_once() -> None:
    world = World()
    await world.receive("STOP", to=SHORT_CODE, ago_s=3)
    await world.receive("STOP", to=SHORT_CODE, ago_s=2)
    assert replies(world) == [STOP_REPLY]
    (reply,) = [one for one in world.messages() if one.direction is Direction.OUTBOUND]
    assert (reply.state, reply.tag) == (State.SENT, "keyword-reply")


async def test_an_opt_in_of_one_who_never_left_is_not_confirmed() -> None:
    world = World()
    await world.receive("START", to=SHORT_CODE)
    assert replies(world) == []
    assert [one.type for one in world.relay.notices] == ["Sms.TextReceived"]


async def test_the_confirmation_of_an_opt_in_is_not_sent_to_one_who_left_again() -> None:
    world = World()
    await world.receive("STOP", to=SHORT_CODE, ago_s=10)
    await world.services.opt_out_lists.add(None, [ANN])
    await world.receive("START", to=SHORT_CODE, ago_s=1)
    assert await world.blocked(sender=SHORT_CODE)
    assert replies(world) == [STOP_REPLY]


async def test_an_old_event_changes_consent_but_is_not_answered() -> None:
    world = World()
    await world.receive("STOP", to=SHORT_CODE, ago_s=301)
    assert await world.blocked(sender=SHORT_CODE)
    assert replies(world) == []
    assert len(world.relay.notices) == 2


async def test_an_empty_reply_is_not_sent() -> None:
    world = World(settings(SMS_HELP_REPLY=""))
    await world.receive("HELP", to=SHORT_CODE)
    assert replies(world) == []


async def test_replies_are_those_of_the_settings() -> None:
    world = World(settings(SMS_OPT_OUT_REPLY="Bye", SMS_OPT_IN_REPLY="Hi", SMS_HELP_REPLY="Help"))
    for age, word in ((9, "STOP"), (8, "START"), (7, "HELP")):
        await world.receive(word, to=SHORT_CODE, ago_s=age)
    assert replies(world) == ["Bye", "Hi", "Help"]


@pytest.mark.parametrize("word", ["STOP", "START", "HELP", "YES", "hello"])
async def test_the_same_event_five_times_is_one_text(word: str) -> None:
    world = World()
    received = world.received(word, to=SHORT_CODE)
    for _ in range(5):
        await world.services.inbound.receive(received)
    assert len(inbound(world)) == 1
    assert len(replies(world)) <= 1
    assert len(world.relay.notices) == (2 if word == "STOP" else 1)


@pytest.mark.parametrize("word", ["STOP", "HELP", "hello"])
async def test_the_same_event_five_times_at_once_is_one_text(word: str) -> None:
    world = World()
    received = world.received(word, to=SHORT_CODE)
    await asyncio.gather(*(world.services.inbound.receive(received) for _ in range(5)))
    assert len(inbound(world)) == 1
    assert len(replies(world)) == (0 if word == "hello" else 1)
    assert len({one.id for one in world.relay.notices}) == (2 if word == "STOP" else 1)
    assert len(await world.services.opt_out_lists.history(ANN)) == (word == "STOP")


async def test_after_a_relay_failure_the_redelivery_does_the_rest_once() -> None:
    world = World()
    world.relay.fail_next()
    received = world.received("STOP", to=SHORT_CODE)
    with pytest.raises(RelayUnavailable):
        await world.services.inbound.receive(received)
    assert world.relay.notices == []
    world.clock.advance(minutes=30)
    await world.services.inbound.receive(received)
    await world.services.inbound.receive(received)
    assert [one.type for one in world.relay.notices] == ["Sms.TextReceived", "Sms.OptOutChanged"]
    assert replies(world) == [STOP_REPLY]
    assert len(await world.services.opt_out_lists.history(ANN)) == 1


@pytest.mark.parametrize("error", [CarrierUnavailable("down"), CarrierThrottled("too fast")])
async def test_a_reply_that_was_not_taken_is_sent_later_by_itself(error: SmsError) -> None:
    world = World()
    world.carrier.fail_next(error)
    received = await world.receive("STOP", to=SHORT_CODE)
    assert await world.blocked(sender=SHORT_CODE)
    assert replies(world) == []
    await world.services.inbound.receive(received)
    await world.pass_time(minutes=1)
    assert replies(world) == [STOP_REPLY]


async def test_a_reply_that_cannot_go_within_five_minutes_is_not_sent() -> None:
    world = World()
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=600))
    await world.receive("STOP", to=SHORT_CODE)
    await world.pass_time(minutes=15)
    assert replies(world) == []
    assert [one.state for one in world.messages() if one.tag] == [State.EXPIRED]


async def test_a_reply_that_is_refused_for_good_does_not_keep_the_text_from_the_application() -> None:
    world = World()
    world.carrier.fail_next(CarrierRefused("no", target="sender"))
    await world.receive("STOP", to=SHORT_CODE)
    assert told(world) == ["Sms.MessageSettled", "Sms.OptOutChanged", "Sms.TextReceived"]
    assert await world.blocked(sender=SHORT_CODE)


@pytest.mark.parametrize("taken", [False, True])
async def test_a_reply_whose_worker_died_ends_even_where_the_event_is_late_by_then(taken: bool) -> None:
    world = World()

    async def die(request: SendRequest) -> None:
        world.carrier.on_send = None
        if taken:
            await world.carrier.send(request)
        raise asyncio.CancelledError

    world.carrier.on_send = die
    received = world.received("STOP", to=SHORT_CODE)
    with pytest.raises(asyncio.CancelledError):
        await world.services.inbound.receive(received)
    world.clock.advance(minutes=10, seconds=LEASE.total_seconds())
    await world.services.inbound.receive(received)
    (reply,) = [one for one in world.messages() if one.direction is Direction.OUTBOUND]
    assert (reply.state, reply.reason) == (State.UNKNOWN, "interrupted")
    assert len(replies(world)) == taken
    assert told(world) == ["Sms.MessageSettled", "Sms.OptOutChanged", "Sms.TextReceived"]


async def test_a_text_to_a_number_that_is_not_ours_is_kept_and_heard_but_not_answered() -> None:
    world = World()
    await world.receive("STOP", to="+18005550199", ago_s=5)
    await world.receive("YES", to="+18005550199", ago_s=1)
    assert [one.sender for one in inbound(world)] == ["+18005550199"] * 2
    assert [one.sender for one in await world.services.opt_out_lists.history(ANN)] == ["+18005550199"]
    assert world.carrier.requests == []


async def test_our_number_without_its_plus_is_the_same_sender() -> None:
    world = World()
    await world.receive("STOP", to=TOLL_FREE.removeprefix("+"))
    assert await world.blocked()


async def test_texts_of_two_people_do_not_mix() -> None:
    world = World()
    await world.receive("STOP", ANN)
    assert (await world.blocked(ANN), await world.blocked(BOB)) == (True, False)
