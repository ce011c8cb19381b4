"""Dispatch: what cannot go now waits, goes once at its time, or ends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest

from shared.ports.carrier import SendRequest
from shared.ports.tables import Range
from shared.ports.telemetry import NoTelemetry
from shared.rules.errors import CarrierSilent, CarrierThrottled, CarrierUnavailable, Conflict, NotFound, SmsError
from shared.rules.ids import MessageKey
from shared.rules.states import State
from shared.services.batches import LEASE
from shared.services.fence import Fence, Fences
from shared.services.pacer import Pacer
from shared.services.sending import RecipientAnswer, Text
from shared.services.work import SENDS_QUEUE
from tests.unit.services.world import ANN, BOB, TOLL_FREE, World, settings

_ALL = Range()


async def send_text(
    world: World, *to: str, send_at_s: float = 0, not_after_s: float = 0
) -> tuple[RecipientAnswer, ...]:
    """Send a text so many seconds from now, and not after so many."""
    text = world.text(*to)
    at = world.now_ms + int(send_at_s * 1000) if send_at_s else 0
    until = world.now_ms + int(not_after_s * 1000) if not_after_s else 0
    return await world.services.sending.send(
        Text(text.sender, text.recipients, text.text, send_at_ms=at, not_after_ms=until)
    )


async def states(world: World) -> set[tuple[State, str]]:
    """Return the states of all messages; the activity must say the same."""
    stored = {one.key.row: (one.state, one.reason) for one in world.messages()}
    activity, _ = await world.services.conversations._activity.page(1000, None)
    assert {one.row: (one.step.state, one.step.reason) for one in activity if one.row in stored} == stored
    return set(stored.values())


def sent_at_s(world: World, times: list[float]) -> None:
    """Note when each request came, in seconds from now."""
    start = world.clock.now()

    async def note(_request: SendRequest) -> None:
        times.append((world.clock.now() - start).total_seconds())

    world.carrier.on_send = note


@pytest.mark.parametrize(
    "error", [CarrierThrottled("too fast", retry_after_s=40), CarrierUnavailable("", retry_after_s=40)]
)
async def test_no_call_is_made_before_the_time_that_acs_named(error: SmsError) -> None:
    world = World()
    times: list[float] = []
    sent_at_s(world, times)
    world.carrier.fail_next(error)
    await world.send(ANN)
    body = world.queues.queue(SENDS_QUEUE).bodies()[0]
    # The host may hand a message out twice, and the timer may wake the batch besides.
    for _ in range(37):
        await world.services.work.send_batch(body)
        await world.pass_time(seconds=1)
    assert len(times) == 1
    await world.pass_time(seconds=10)
    assert len(times) == 2
    assert 40 <= times[1] <= 42
    assert await states(world) == {(State.SENT, "")}


async def test_a_pause_that_another_worker_records_during_a_slow_look_at_the_fence_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    times: list[float] = []
    sent_at_s(world, times)
    other = Pacer(world.tables.table("Paces"), world.services.senders, world.clock, NoTelemetry())
    read, looks = Fences.read, itertools.count()

    async def slow(self: Fences, sender: str, recipients: Sequence[str]) -> Fence:
        fence = await read(self, sender, recipients)
        if next(looks) < 2:
            world.clock.advance(seconds=0.6)
        # The look that the send begins with is 0; that which follows the look at the pace is 2.
        if len(times) == 0 and world.clock.now().second >= 1 and not slowed:
            slowed.append(1)
            await other.slow_down(TOLL_FREE, 40)
        return fence

    slowed: list[int] = []
    monkeypatch.setattr(Fences, "read", slow)
    await world.send(ANN)
    await world.pass_time(seconds=30)
    assert (slowed, times) == ([1], [])
    await world.pass_time(seconds=30)
    assert len(times) == 1
    assert times[0] >= 40


async def test_without_a_named_time_pauses_grow() -> None:
    world = World()
    times: list[float] = []
    sent_at_s(world, times)
    world.carrier.fail_next(*[CarrierUnavailable("down")] * 6)
    await world.send(ANN)
    await world.pass_time(minutes=30)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(pauses) == 6
    assert all(later > earlier for earlier, later in itertools.pairwise(pauses))
    assert all(5 * 2**round_ <= pause <= 10 * 2**round_ + 2 for round_, pause in enumerate(pauses))
    assert await states(world) == {(State.SENT, "")}


async def test_seven_silences_leave_time_for_a_repeat_that_is_answered() -> None:
    world = World()
    world.carrier.fail_next(*[CarrierSilent("no answer")] * 7)
    await world.send(ANN)
    await world.pass_time(minutes=5)
    assert await states(world) == {(State.SENT, "")}


async def test_a_throttled_sender_holds_up_its_other_texts_too() -> None:
    world = World()
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=30))
    await world.send(ANN)
    times: list[float] = []
    sent_at_s(world, times)
    (answer,) = await world.send(BOB)
    assert answer.state == "queued"
    assert times == []
    await world.pass_time(minutes=2)
    assert min(times) >= 30
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [1, 1]


async def test_what_never_goes_expires_after_the_time_of_the_settings() -> None:
    world = World(settings(SMS_SEND_WITHIN_MINUTES="10"))

    async def refuse(_request: SendRequest) -> None:
        raise CarrierUnavailable("down")

    world.carrier.on_send = refuse
    (answer,) = await world.send(ANN)
    await world.pass_time(minutes=9)
    assert (await world.message(answer.id)).state is State.QUEUED
    await world.pass_time(minutes=1, seconds=2)
    assert await states(world) == {(State.EXPIRED, "expired")}
    assert world.row_count("Batches") == 0


async def test_a_text_expires_when_its_own_time_is_over_though_acs_asked_for_a_longer_pause() -> None:
    world = World()
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=3600))
    await send_text(world, ANN, not_after_s=60)
    await world.pass_time(seconds=65)
    assert await states(world) == {(State.EXPIRED, "expired")}
    assert len(world.carrier.requests) == 1


async def test_what_a_worker_left_as_sending_is_unknown_when_it_would_be_too_late_to_repeat_it() -> None:
    world = World()
    world.carrier.fail_next(CarrierSilent("no answer"))
    await send_text(world, ANN, not_after_s=3)
    await world.pass_time(minutes=1)
    assert len(world.carrier.requests) == 1
    assert await states(world) == {(State.UNKNOWN, "interrupted")}
    assert world.row_count("Batches") == 0


@pytest.mark.parametrize("ahead_s", [1.5, 30, 3600, 86_400 * 9, 3599.9])
async def test_a_scheduled_text_goes_once_at_its_time(ahead_s: float) -> None:
    world = World()
    times: list[float] = []
    sent_at_s(world, times)
    (answer,) = await send_text(world, ANN, send_at_s=ahead_s)
    if ahead_s > 2:
        assert answer.state == "scheduled"
        assert times == []
        world.clock.advance(seconds=max(0, ahead_s - 200))
        await world.pass_time(minutes=5)
    assert len(times) == 1
    assert ahead_s <= times[0] <= ahead_s + 1
    assert (await world.message(answer.id)).state is State.SENT


async def test_an_opt_out_before_its_time_suppresses_a_scheduled_text() -> None:
    world = World()
    await send_text(world, ANN, BOB, send_at_s=600)
    await world.services.opt_out_lists.add(None, [ANN])
    await world.pass_time(minutes=11)
    assert {one.recipient: one.state for one in world.messages()} == {ANN: State.SUPPRESSED, BOB: State.SENT}
    assert await states(world) == {(State.SUPPRESSED, "optedOut"), (State.SENT, "")}


async def test_a_canceled_text_does_not_go_and_the_others_do() -> None:
    world = World()
    ann, _bob = await send_text(world, ANN, BOB, send_at_s=600)
    assert ann.id
    key = MessageKey.parse(ann.id)
    assert key
    canceled = await world.services.sending.cancel(key)
    assert (canceled.state, canceled.reason) == (State.CANCELED, "canceled")
    assert (await world.services.sending.cancel(key)).state is State.CANCELED
    await world.pass_time(minutes=11)
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [0, 1]
    assert await states(world) == {(State.CANCELED, "canceled"), (State.SENT, "")}
    assert world.row_count("Batches") == 0


async def test_a_queued_text_can_be_canceled_too() -> None:
    world = World()
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=30))
    (answer,) = await world.send(ANN)
    key = MessageKey.parse(answer.id or "")
    assert key
    await world.services.sending.cancel(key)
    await world.pass_time(minutes=2)
    assert len(world.carrier.requests) == 1
    assert await states(world) == {(State.CANCELED, "canceled")}


async def test_what_has_gone_or_is_not_there_cannot_be_canceled() -> None:
    world = World()
    (answer,) = await world.send(ANN)
    key = MessageKey.parse(answer.id or "")
    assert key
    with pytest.raises(Conflict) as raised:
        await world.services.sending.cancel(key)
    assert raised.value.code == "MessageHasGone"
    with pytest.raises(NotFound):
        await world.services.sending.cancel(MessageKey(key.partition, "98227547199999-none"))


async def test_a_batch_that_is_woken_twice_at_once_goes_once() -> None:
    world = World()
    world.carrier.fail_next(CarrierUnavailable("down"))
    await world.send(ANN)
    (body,) = world.queues.queue(SENDS_QUEUE).bodies()
    world.clock.advance(seconds=30)
    for _ in range(3):
        await world.services.work.send_batch(body)
    assert len(world.carrier.sent_to(ANN)) == 1
    assert len(world.carrier.requests) == 2


async def test_a_batch_that_another_worker_is_at_is_left_alone() -> None:
    world = World()
    inside: list[int] = []

    async def wake_again(_request: SendRequest) -> None:
        (row,) = world.tables.table("Batches")._from(None, _ALL)
        await world.services.work.send_batch(json.dumps({"batchPartition": row.partition, "batchRow": row.row}))
        await world.services.releases.run()
        inside.append(len(world.carrier.requests))

    world.carrier.on_send = wake_again
    await world.send(ANN)
    assert inside == [1]
    assert len(world.queues.queue(SENDS_QUEUE)) == 0


async def test_a_message_that_the_queue_lost_is_put_in_again_by_the_timer() -> None:
    world = World()
    world.carrier.fail_next(CarrierUnavailable("down"))
    await world.send(ANN)
    queue = world.queues.queue(SENDS_QUEUE)
    world.clock.advance(seconds=20)
    taken = queue.take(world.clock.now())
    assert taken
    queue.done(taken)
    await world.pass_time(minutes=2)
    assert await states(world) == {(State.SENT, "")}
    assert len(world.carrier.sent_to(ANN)) == 1


async def test_texts_for_which_there_is_no_room_now_wait_and_keep_the_limit() -> None:
    world = World()
    times: list[float] = []
    sent_at_s(world, times)
    people = [f"+1425555{number:04}" for number in range(500)]
    for start in range(0, 500, 100):
        await world.send(*people[start : start + 100])
    assert len(times) == 2
    await world.pass_time(minutes=5)
    assert [len(one.addressees) for one in world.carrier.requests] == [100] * 5
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[2:], strict=False))
    assert await states(world) == {(State.SENT, "")}
    assert all(len(world.carrier.sent_to(one)) == 1 for one in people)


async def test_room_that_was_reserved_is_kept_and_not_asked_for_twice() -> None:
    world = World()
    people = [f"+1425555{number:04}" for number in range(300)]
    for start in range(0, 300, 100):
        await world.send(*people[start : start + 100])
    table = world.tables.table("Paces")
    (before,) = table._from(None, _ALL)
    world.clock.advance(seconds=58)
    await world.work_off()
    await world.pass_time(seconds=4)
    (after,) = table._from(None, _ALL)
    assert len(world.carrier.requests) == 3
    assert before.values == after.values


async def test_a_moment_that_has_passed_while_storage_was_slow_is_asked_for_anew() -> None:
    world = World()
    table = world.tables.table("Paces")
    insert = table.insert
    slow = [True]

    async def slow_insert(entity: object) -> str:
        etag = await insert(entity)  # type: ignore[arg-type]  # passed on as it came
        if slow:
            slow.clear()
            world.clock.advance(seconds=3)
        return etag

    table.insert = slow_insert  # type: ignore[method-assign]  # the fake is slow once
    (answer,) = await world.send(ANN)
    assert (answer.state, answer.reason) == ("queued", None)
    assert world.carrier.requests == []
    table.insert = insert  # type: ignore[method-assign]  # it is quick again
    await world.pass_time(seconds=10)
    assert await states(world) == {(State.SENT, "")}


async def test_a_silent_carrier_is_asked_again_with_the_same_ids_at_a_moment_of_its_own() -> None:
    world = World()
    times: list[float] = []
    sent_at_s(world, times)
    world.carrier.fail_next(*[CarrierSilent("no answer")] * 3)
    (answer,) = await world.send(ANN)
    assert answer.state == "sending"
    await world.pass_time(minutes=3)
    assert len(times) == 4
    assert all(later - earlier >= 4 for earlier, later in itertools.pairwise(times))
    assert len(set(world.carrier.requests)) == 1
    assert len(world.carrier.sent_to(ANN)) == 1
    assert await states(world) == {(State.SENT, "")}


async def test_rows_of_a_round_that_its_worker_did_not_live_to_note_are_taken_up() -> None:
    world = World()
    batches = world.tables.table("Batches")
    replace_ = batches.replace

    async def die(_entity: object) -> str:
        raise SystemExit

    async def throttle(_request: SendRequest) -> None:
        batches.replace = die  # type: ignore[method-assign,assignment]  # the worker dies before it puts the batch back
        raise CarrierThrottled("too fast", retry_after_s=5)

    world.carrier.on_send = throttle
    with pytest.raises(SystemExit):
        await world.send(ANN)
    batches.replace = replace_  # type: ignore[method-assign]  # the next worker lives
    world.carrier.on_send = None
    assert await states(world) == {(State.QUEUED, "carrierThrottled")}
    await world.pass_time(seconds=LEASE.total_seconds() + 30)
    assert await states(world) == {(State.SENT, "")}


async def test_pauses_of_any_length_are_borne() -> None:
    world = World()
    world.carrier.fail_next(CarrierUnavailable("down", retry_after_s=10**9))
    (answer,) = await world.send(ANN)
    await world.pass_time(minutes=20)
    assert (await world.message(answer.id)).state is State.QUEUED
    world.clock.advance(hours=24)
    await world.pass_time(seconds=30)
    assert await states(world) == {(State.EXPIRED, "expired")}
