"""Sending: an answer for each recipient, once per key."""

from __future__ import annotations

import asyncio

import pytest

from shared.ports.carrier import SendRequest
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    CarrierThrottled,
    CarrierUnavailable,
    Conflict,
    SmsError,
)
from shared.rules.states import State
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World

THROTTLED = CarrierThrottled("too fast", retry_after_s=7)
UNAVAILABLE = CarrierUnavailable("not now")
REFUSED = CarrierRefused("no", target="credentials")
REFUSED_FOR_RECIPIENT = CarrierRefused("no", target="recipients")


async def test_each_recipient_has_an_answer_in_the_order_asked() -> None:
    world = World()
    await world.services.opt_out_lists.add(None, [BOB])
    world.carrier.reject_next(CAT, 400)
    answers = await world.send(CAT, "no number", BOB, ANN, tag="news")
    assert [(one.to, one.state, one.reason) for one in answers] == [
        (CAT, "failed", "recipientRefused"),
        ("no number", "rejected", "invalidNumber"),
        (BOB, "suppressed", "optedOut"),
        (ANN, "sent", None),
    ]
    assert [one.id is None for one in answers] == [False, True, False, False]
    assert [one.to for one in world.carrier.requests[0].addressees] == [CAT, ANN]
    stored = await world.message(answers[3].id)
    assert (stored.sender, stored.recipient, stored.text, stored.tag) == (TOLL_FREE, ANN, "Hello", "news")
    assert [step.state for step in stored.history.steps] == [State.SENDING, State.SENT]


async def test_one_number_in_two_spellings_is_sent_once() -> None:
    world = World()
    answers = await world.send("+1 (425) 555-0111", ANN, "tel:+14255550111", ANN)
    assert [one.to for one in answers] == [ANN]
    assert len(world.carrier.sent) == 1


async def test_no_valid_recipient_means_no_request() -> None:
    world = World()
    (answer,) = await world.send("nobody")
    assert answer.state == "rejected"
    assert world.carrier.requests == []
    assert world.messages() == []


async def test_a_hundred_recipients_go_in_one_request() -> None:
    world = World()
    people = [f"+1425555{number:04}" for number in range(100)]
    await world.services.opt_out_lists.add(None, people[:3])
    answers = await world.send(*people)
    assert [one.state for one in answers] == ["suppressed"] * 3 + ["sent"] * 97
    assert [len(request.addressees) for request in world.carrier.requests] == [97]


async def test_the_request_carries_the_sender_and_whether_reports_are_wanted() -> None:
    world = World()
    await world.send(ANN, sender=SHORT_CODE)
    (request,) = world.carrier.requests
    assert (request.sender, request.text, request.delivery_report) == (SHORT_CODE, "Hello", True)
    assert request.first_sent == world.clock.now()


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (400, "failed", "recipientRefused"),
        (401, "failed", "recipientRefused"),
        (429, "failed", "recipientUnavailable"),
        (500, "failed", "recipientUnavailable"),
        (503, "failed", "recipientUnavailable"),
    ],
)
async def test_a_refusal_of_one_recipient_is_theirs_alone(status: int, state: str, reason: str) -> None:
    world = World()
    world.carrier.reject_next(ANN, status)
    ann, bob = await world.send(ANN, BOB)
    assert (ann.state, ann.reason) == (state, reason)
    assert bob.state == "sent"


async def test_a_request_that_was_refused_fails_and_leaves_the_key_free() -> None:
    world = World()
    world.carrier.fail_next(REFUSED)
    with pytest.raises(CarrierRefused) as raised:
        await world.send(ANN, BOB, key="key")
    assert raised.value is REFUSED
    assert [(one.state, one.reason) for one in world.messages()] == [(State.FAILED, "carrierRefused")] * 2
    assert world.row_count("Batches") == 0
    world.clock.advance(seconds=5)
    assert [one.state for one in await world.send(ANN, BOB, key="key")] == ["sent", "sent"]
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [1, 1]


@pytest.mark.parametrize(("error", "reason"), [(THROTTLED, "carrierThrottled"), (UNAVAILABLE, "carrierUnavailable")])
async def test_a_request_that_was_not_taken_is_queued_and_goes_by_itself(error: SmsError, reason: str) -> None:
    world = World()
    world.carrier.fail_next(error)
    first = await world.send(ANN, BOB, key="key")
    assert [(one.state, one.reason) for one in first] == [("queued", reason)] * 2
    assert await world.send(ANN, BOB, key="key") == first
    assert len(world.carrier.requests) == 1
    await world.pass_time(minutes=1)
    assert [one.state for one in world.messages()] == [State.SENT, State.SENT]
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [1, 1]
    assert await world.send(ANN, BOB, key="key") == first


async def test_silence_is_left_as_sending_and_repeated_with_the_same_ids() -> None:
    world = World()
    world.carrier.fail_next(CarrierSilent("no answer"))
    first = await world.send(ANN, key="key")
    assert (first[0].state, first[0].reason) == ("sending", None)
    assert await world.send(ANN, key="key") == first
    await world.pass_time(minutes=1)
    one, other = world.carrier.requests
    assert one == other
    assert len(world.carrier.sent_to(ANN)) == 1
    assert (await world.message(first[0].id)).state is State.SENT


async def test_a_report_settles_what_silence_left_unknown() -> None:
    world = World()
    world.carrier.fail_next(CarrierSilent("no answer"))
    (answer,) = await world.send(ANN)
    world.clock.advance(minutes=6)
    await world.pass_time(minutes=2)
    message = await world.message(answer.id)
    assert (message.state, message.reason) == (State.UNKNOWN, "interrupted")
    await world.services.delivery_reports.receive(world.report(ANN))
    assert (await world.message(answer.id)).state is State.DELIVERED


async def test_a_repeat_gets_the_first_answer() -> None:
    world = World()
    first = await world.send(ANN, "no number", BOB, key="key")
    await world.services.opt_out_lists.add(None, [ANN])
    world.clock.advance(hours=23)
    assert await world.send(ANN, "no number", BOB, key="key") == first
    assert len(world.carrier.sent) == 2


async def test_a_repeat_after_the_answer_was_forgotten_is_a_new_request() -> None:
    world = World()
    first = await world.send(ANN, key="key")
    world.clock.advance(hours=24)
    again = await world.send(ANN, key="key")
    assert again[0].id != first[0].id


@pytest.mark.parametrize("change", ["text", "recipient", "sender", "tag"])
async def test_the_same_key_with_another_request_is_a_conflict(change: str) -> None:
    world = World()
    await world.send(ANN, key="key")
    others = {
        "text": world.text(ANN, text="Bye"),
        "recipient": world.text(BOB),
        "sender": world.text(ANN, sender=SHORT_CODE),
        "tag": world.text(ANN, tag="t"),
    }
    with pytest.raises(Conflict) as raised:
        await world.services.sending.send(others[change], "key")
    assert raised.value.code == "IdempotencyKeyReused"
    assert len(world.carrier.sent) == 1


async def test_a_text_cannot_pass_for_another_request_by_what_it_contains() -> None:
    world = World()
    await world.send(ANN, text="x\x00y", tag="z", key="key")
    with pytest.raises(Conflict):
        await world.send(ANN, text="x", tag="y\x00z", key="key")


async def test_requests_without_a_key_are_each_their_own() -> None:
    world = World()
    await world.send(ANN)
    await world.send(ANN)
    assert len(world.carrier.sent_to(ANN)) == 2


async def test_fifty_requests_at_once_with_one_key_are_one_text() -> None:
    world = World()

    async def slowly(_request: SendRequest) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    world.carrier.on_send = slowly
    answers = await asyncio.gather(*(world.send(ANN, BOB, key="key") for _ in range(50)))
    assert len(set(answers)) == 1
    assert len(world.carrier.requests) == 1
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [1, 1]


async def test_one_who_waits_too_long_for_the_first_is_told_so() -> None:
    world = World()
    gate = asyncio.Event()

    async def wait(_request: SendRequest) -> None:
        await gate.wait()

    world.carrier.on_send = wait
    first = asyncio.create_task(world.send(ANN, key="key"))
    await asyncio.sleep(0)
    with pytest.raises(Conflict) as raised:
        await world.send(ANN, key="key")
    assert (raised.value.code, raised.value.retry_after_s) == ("RequestInProgress", 2)
    gate.set()
    assert (await first)[0].state == "sent"


@pytest.mark.parametrize("count", [1, 2, 3, 8, 100])
async def test_a_number_that_acs_dislikes_does_not_sink_the_others(count: int) -> None:
    world = World()
    people = [f"+1425555{number:04}" for number in range(count)]
    bad = people[count // 2]

    async def refuse(request: SendRequest) -> None:
        if bad in [one.to for one in request.addressees]:
            raise REFUSED_FOR_RECIPIENT

    world.carrier.on_send = refuse
    # Requests that are refused count as well: the halves of 100 need more room than a toll-free number has.
    answers = await world.send(*people, key="key", sender=SHORT_CODE)
    assert [one.to for one in answers] == people
    assert {one.to: (one.state, one.reason) for one in answers}[bad] == ("failed", "recipientRefused")
    assert all(len(world.carrier.sent_to(one)) == (one != bad) for one in people)
    assert await world.send(*people, key="key", sender=SHORT_CODE) == answers


async def test_a_half_that_is_not_taken_waits_by_itself() -> None:
    world = World()
    throttled = [THROTTLED]

    async def refuse(request: SendRequest) -> None:
        if len(request.addressees) == 2:
            raise REFUSED_FOR_RECIPIENT
        if request.addressees[0].to == BOB and throttled:
            raise throttled.pop()

    world.carrier.on_send = refuse
    ann, bob = await world.send(ANN, BOB, key="key")
    assert (ann.state, bob.state, bob.reason) == ("sent", "queued", "carrierThrottled")
    assert await world.send(ANN, BOB, key="key") == (ann, bob)
    await world.pass_time(minutes=1)
    assert [one.state for one in world.messages()] == [State.SENT, State.SENT]
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [1, 1]


@pytest.mark.parametrize("place", [0, 50, 99])
async def test_a_number_that_acs_dislikes_is_found_though_each_request_takes_long(place: int) -> None:
    world = World()
    people = [f"+1425555{number:04}" for number in range(100)]

    async def refuse(request: SendRequest) -> None:
        world.clock.advance(seconds=0.7)
        if people[place] in [one.to for one in request.addressees]:
            raise REFUSED_FOR_RECIPIENT

    world.carrier.on_send = refuse
    await world.send(*people)
    await world.pass_time(minutes=10)
    assert [len(world.carrier.sent_to(one)) for one in people] == [one != place for one in range(100)]
    assert sum(one.state is State.FAILED for one in world.messages()) == 1
    assert world.row_count("Batches") == 0


async def test_an_opt_out_between_two_halves_is_honoured() -> None:
    world = World()

    async def refuse(request: SendRequest) -> None:
        if len(request.addressees) == 2:
            await world.services.opt_out_lists.add(None, [BOB])
            world.clock.advance(seconds=1)
            raise REFUSED_FOR_RECIPIENT

    world.carrier.on_send = refuse
    ann, bob = await world.send(ANN, BOB)
    assert (ann.state, bob.state) == ("sent", "suppressed")
    assert world.carrier.sent_to(BOB) == []


async def test_a_hundred_strange_recipients_do_not_lose_the_answer() -> None:
    world = World()
    strange = [f"{number}" + "\x01" * 5000 for number in range(99)]
    answers = await world.send(*strange, ANN, key="key")
    assert [one.state for one in answers] == ["rejected"] * 99 + ["sent"]
    assert await world.send(*strange, ANN, key="key") == answers
