"""Sending after a worker died or stalled: with the same ids or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.ports.carrier import SendRequest
from shared.ports.tables import Entity
from shared.rules.errors import CarrierRefused, CarrierThrottled, CarrierUnavailable, Conflict
from shared.rules.ids import MessageKey, Send, send_id
from shared.rules.states import State
from shared.services.analytics import Interval
from shared.services.idempotency import LEASE
from tests.unit.services.world import ANN, BOB, TOLL_FREE, World

WINDOW = timedelta(seconds=240)


async def dead_worker(world: World, *people: str, taken: bool) -> None:
    """Leave what a worker leaves that died while it called the carrier, before or after it was heard there."""

    async def die(request: SendRequest) -> None:
        world.carrier.on_send = None
        if taken:
            await world.carrier.send(request)
        raise asyncio.CancelledError

    world.carrier.on_send = die
    with pytest.raises(asyncio.CancelledError):
        await world.send(*people, key="key")


async def states(world: World) -> set[tuple[str, str]]:
    """Return the states of all messages; the activity must say the same (invariant I8)."""
    stored = {one.key.row: (one.state.value, one.reason) for one in world.messages()}
    activity, _ = await world.services.conversations._activity.page(1000, None)
    traced = {one.row: (one.step.state.value, one.step.reason) for one in activity if one.row in stored}
    assert traced == stored
    return set(stored.values())


@pytest.mark.parametrize("taken", [False, True])
async def test_after_the_lease_a_repeat_takes_over_with_the_same_ids(taken: bool) -> None:
    world = World()
    await dead_worker(world, ANN, BOB, taken=taken)
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    answers = await world.send(ANN, BOB, key="key")
    assert [one.state for one in answers] == ["sent", "sent"]
    first, *_, last = world.carrier.requests
    assert first == last
    assert [len(world.carrier.sent_to(one)) for one in (ANN, BOB)] == [1, 1]
    assert await states(world) == {("sent", "")}


async def test_within_the_lease_a_repeat_is_told_to_wait() -> None:
    world = World()
    await dead_worker(world, ANN, taken=False)
    with pytest.raises(Conflict):
        await world.send(ANN, key="key")


@pytest.mark.parametrize("taken", [False, True])
async def test_past_the_repeat_window_a_takeover_leaves_it_unknown(taken: bool) -> None:
    world = World()
    await dead_worker(world, ANN, taken=taken)
    world.clock.advance(seconds=WINDOW.total_seconds() + 1)
    (answer,) = await world.send(ANN, key="key")
    assert (answer.state, answer.reason) == ("unknown", "interrupted")
    assert len(world.carrier.requests) == (2 if taken else 1)
    assert await states(world) == {("unknown", "interrupted")}


@pytest.mark.parametrize("error", [CarrierUnavailable("down"), CarrierThrottled("too fast")])
async def test_a_takeover_while_the_carrier_is_down_stays_open(error: CarrierUnavailable) -> None:
    world = World()
    await dead_worker(world, ANN, taken=True)
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    world.carrier.fail_next(error)
    assert (await world.send(ANN, key="key"))[0].state == "sending"
    assert await states(world) == {("sending", "")}
    await world.pass_time(minutes=1)
    assert len(world.carrier.sent_to(ANN)) == 1
    assert await states(world) == {("sent", "")}


async def test_a_takeover_that_is_refused_for_good_ends_unknown_and_is_not_begun_anew() -> None:
    world = World()
    await dead_worker(world, ANN, taken=True)
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    world.carrier.fail_next(CarrierRefused("the key was rotated", target="credentials"))
    (answer,) = await world.send(ANN, key="key")
    assert (answer.state, answer.reason) == ("unknown", "interrupted")
    assert await world.send(ANN, key="key") == (answer,)
    assert len(world.carrier.sent_to(ANN)) == 1


async def test_an_opt_out_before_the_takeover_leaves_unknown_what_may_have_been_sent() -> None:
    world = World()
    await dead_worker(world, ANN, BOB, taken=True)
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    await world.services.opt_out_lists.add(None, [ANN])
    ann, bob = await world.send(ANN, BOB, key="key")
    assert (ann.state, ann.reason, bob.state) == ("unknown", "interrupted", "sent")
    assert [one.to for one in world.carrier.requests[-1].addressees] == [BOB]
    assert await states(world) == {("unknown", "interrupted"), ("sent", "")}


async def test_an_opt_out_after_the_send_was_recorded_does_not_change_what_is_counted() -> None:
    world = World()
    first = await world.send(ANN, key="key")
    # The worker died between recording the messages and keeping the answer.
    (record,) = world.tables.table("Idempotency")._partitions.values()
    (entity,) = record.values()
    await world.tables.table("Idempotency").replace(
        Entity(entity.partition, entity.row, {**entity.values, "answer": "", "leaseMs": 0}, entity.etag)
    )
    await world.services.opt_out_lists.add(None, [ANN])
    assert await world.send(ANN, key="key") == first
    assert await states(world) == {("sent", "")}
    report = await world.services.analytics.report(world.now_ms - 10, world.now_ms + 10, Interval.HOUR, None)
    assert (report.totals["sent"], report.totals["suppressed"]) == (1, 0)


async def test_a_report_before_the_takeover_stays_the_end() -> None:
    world = World()
    await dead_worker(world, ANN, taken=True)
    await world.services.delivery_reports.receive(world.report(ANN))
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert (await world.send(ANN, key="key"))[0].state == "delivered"
    assert await states(world) == {("delivered", "")}


async def test_a_report_during_the_takeover_stays_the_end() -> None:
    world = World()
    await dead_worker(world, ANN, taken=True)
    world.clock.advance(seconds=LEASE.total_seconds() + 1)

    async def report(_request: SendRequest) -> None:
        world.carrier.on_send = None
        await world.services.delivery_reports.receive(world.report(ANN))

    world.carrier.on_send = report
    assert (await world.send(ANN, key="key"))[0].state == "delivered"
    assert await states(world) == {("delivered", "")}


async def test_a_first_send_does_not_overwrite_a_report_that_was_faster_than_the_answer() -> None:
    world = World()
    await world.send(BOB)

    async def report(request: SendRequest) -> None:
        send = Send.from_tag(request.tag)
        assert send
        message = await world.services.messages.get(MessageKey.outbound(send, TOLL_FREE, ANN))
        assert message
        assert message.state is State.SENDING
        tagged = world.report(BOB)
        await world.services.delivery_reports.receive(
            type(tagged)("early", TOLL_FREE, ANN, "Delivered", "", world.now_ms, request.tag)
        )

    world.carrier.on_send = report
    (answer,) = await world.send(ANN)
    assert answer.state == "delivered"
    assert await states(world) == {("delivered", ""), ("sent", "")}


async def test_a_worker_that_stalls_past_its_lease_does_not_send_any_more() -> None:
    world = World()
    table = world.tables.table("Messages")
    insert = table.insert

    async def stall(entity: Entity) -> str:
        etag = await insert(entity)
        world.clock.advance(seconds=WINDOW.total_seconds() + 1)
        return etag

    table.insert = stall  # type: ignore[method-assign]  # the fake stalls once the row is there
    (answer,) = await world.send(ANN, key="key")
    assert (answer.state, answer.reason) == ("unknown", "interrupted")
    assert world.carrier.requests == []


async def test_an_opt_out_during_a_slow_claim_is_honoured() -> None:
    world = World()
    table = world.tables.table("Messages")
    insert = table.insert

    async def slow(entity: Entity) -> str:
        etag = await insert(entity)
        await world.services.opt_out_lists.add(None, [ANN])
        world.clock.advance(seconds=2)
        return etag

    table.insert = slow  # type: ignore[method-assign]  # the fake is slow, and somebody opts out meanwhile
    ann, bob = await world.send(ANN, BOB)
    assert (ann.state, bob.state) == ("suppressed", "sent")
    assert world.carrier.sent_to(ANN) == []
    assert await states(world) == {("suppressed", "optedOut"), ("sent", "")}


async def test_storage_that_is_always_too_slow_for_the_fence_sends_nothing() -> None:
    world = World()
    table = world.tables.table("OptOuts")
    query = table.query

    async def slow(*args: object, **options: object) -> object:
        world.clock.advance(seconds=1)
        return await query(*args, **options)  # type: ignore[arg-type]  # passed on as it came

    insert = world.tables.table("Messages").insert

    async def slow_insert(entity: Entity) -> str:
        world.clock.advance(seconds=1)
        return await insert(entity)

    table.query = slow  # type: ignore[method-assign,assignment]  # the fake is slow
    world.tables.table("Messages").insert = slow_insert  # type: ignore[method-assign]  # as above
    (waiting,) = await world.send(ANN, key="key")
    assert (waiting.state, world.carrier.requests) == (State.QUEUED, [])
    table.query = query  # type: ignore[method-assign]  # it is quick again
    world.tables.table("Messages").insert = insert  # type: ignore[method-assign]  # as above
    await world.pass_time(minutes=3)
    assert (await world.message(waiting.id)).state is State.SENT


def test_the_ids_on_the_wire_come_from_the_key_and_the_recipient() -> None:
    one, again = Send(send_id("key"), 1), Send(send_id("key"), 2)
    assert one.repeatability_id(ANN) == again.repeatability_id(ANN)
    assert len({Send(send_id(key), 1).repeatability_id(to) for key in "ab" for to in (ANN, BOB)}) == 4
