"""Deliveries to the webhook: in order in each conversation, at least once, and again only what was not acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.relay_memory import MemoryRelay
from shared.edges.tables_memory import MemoryTables
from shared.edges.webhook_memory import MemoryWebhook
from shared.ports.queue import Queues
from shared.ports.relay import Notice
from shared.ports.tables import Range, Tables
from shared.ports.webhook import TRY_WITHIN_S, Delivery, Receipt, Webhook
from shared.rules.errors import RelayUnavailable, SmsError, StorageUnavailable
from shared.rules.ids import digest
from shared.services.deliveries import WAITS_S, Deliveries, wait_ms
from shared.services.failures import Failures
from shared.services.lanes import LEASE, Lanes
from shared.services.outbox import NOTICES_QUEUE, Outbox, Relays, WebhookRelay
from shared.services.pauses import Pauses
from shared.services.topic import PatientTopic, TopicPost
from shared.services.work import Work
from tests.unit.services.faults import Fault, FaultyQueues, FaultyTables, Stall, When

TICK = timedelta(seconds=15)
ANN, BOB = "conversations/ann", "conversations/bob"


def notice(number: int, lane: str = ANN) -> Notice:
    """Return a notice of a lane; its id ends in its number."""
    return Notice(f"{lane}-{number}", "Sms.TextReceived", lane, datetime(2026, 3, 2, tzinfo=UTC), {"n": number})


def numbers(deliveries: Sequence[Delivery], lane: str = ANN) -> list[int]:
    """Return the numbers of the notices of a lane among these, in order."""
    return [int(one.id.rpartition("-")[2]) for one in deliveries if one.id.startswith(f"{lane}-")]


@dataclass
class FaultyWebhook:
    """A webhook behind a fault."""

    webhook: Webhook
    fault: Fault | Stall
    target: str = "memory"

    async def post(self, delivery: Delivery) -> Receipt:
        """Pass on."""
        return await self.fault.around(lambda: self.webhook.post(delivery))


class Worker:
    """One worker over the common outside."""

    def __init__(self, bench: Bench, fault: Fault | Stall | None = None) -> None:
        tables: Tables = FaultyTables(bench.tables, fault) if fault else bench.tables
        queues: Queues = FaultyQueues(bench.queues, fault) if fault else bench.queues
        webhook: Webhook = FaultyWebhook(bench.webhook, fault) if fault else bench.webhook
        lanes, queue = Lanes(tables.table("Outbox"), bench.clock), queues.queue(NOTICES_QUEUE)
        outbox = Outbox(lanes, queue, bench.clock)
        self.relay = Relays(WebhookRelay(outbox), bench.relay)
        self.patient = PatientTopic(bench.relay, outbox)
        self.failures = Failures(tables.table("Failures"), queues, self.relay, bench.clock)
        self.deliveries = Deliveries(
            lanes=lanes,
            pauses=Pauses(tables.table("Outbox"), bench.clock),
            webhook=webhook,
            topic=TopicPost(bench.relay),
            queue=queue,
            failures=self.failures,
            clock=bench.clock,
        )
        self.work = Work(None, None, self.deliveries)  # type: ignore[arg-type]  # no other queue here


@dataclass
class Bench:
    """The outside of the workers, and the host in virtual time."""

    webhook: MemoryWebhook = field(default_factory=MemoryWebhook)
    clock: ManualClock = field(default_factory=ManualClock)
    tables: MemoryTables = field(default_factory=MemoryTables)
    relay: MemoryRelay = field(default_factory=MemoryRelay)

    def __post_init__(self) -> None:
        self.queues = MemoryQueues(self.clock)
        self.queue = self.queues.queue(NOTICES_QUEUE)
        self.worker = Worker(self)

    async def publish(self, *notices: Notice) -> None:
        """Tell the application, by way of the outbox."""
        await self.worker.relay.publish(notices)

    async def work_off(self) -> None:
        """Do what can be seen in the queue now."""
        while taken := self.queue.take(self.clock.now()):
            try:
                await self.worker.work.deliver_lane(taken.body)
            except SmsError:
                self.queue.fail(taken)
            else:
                self.queue.done(taken)

    async def pass_time(self, **by: float) -> None:
        """Let time pass, with the host at work."""
        until = self.clock.now() + timedelta(**by)
        while True:
            await self.worker.deliveries.wake()
            await self.work_off()
            if self.clock.now() >= until:
                return
            seen = self.queue.next_at() or until
            following = min(self.clock.now() + TICK, until, seen)
            self.clock.time = max(following, self.clock.now() + timedelta(milliseconds=1))

    def rows(self) -> list[str]:
        """Return what is left in the outbox, but for what remembers ids and lanes."""
        entities = self.tables.table("Outbox")._from(None, Range())
        return [one.row for one in entities if not one.row.startswith("id.") and one.row != "lane"]


def down_until(bench: Bench, **after: float) -> Callable[[Delivery], Receipt]:
    """Return the answers of a webhook that is down for so long from now."""
    up = bench.clock.now() + timedelta(**after)
    return lambda _: Receipt(204) if bench.clock.now() >= up else Receipt(0, problem="no answer in time")


async def test_what_is_told_is_posted_in_order_and_nothing_is_left() -> None:
    bench = Bench()
    await bench.publish(notice(1), notice(2))
    await bench.publish(notice(3))
    await bench.work_off()

    assert numbers(bench.webhook.taken) == [1, 2, 3]
    assert bench.webhook.taken[0].body == (
        '{"type":"Sms.TextReceived","timestamp":"2026-03-02T00:00:00.000Z","data":{"n":1}}'
    )
    assert bench.rows() == []
    assert len(bench.queue) == 0
    assert len(bench.relay.notices) == 3


async def test_what_is_told_twice_is_stored_and_posted_once() -> None:
    bench = Bench()
    await bench.publish(notice(1))
    await bench.publish(notice(2), notice(1))
    await bench.work_off()
    await bench.publish(notice(1), notice(2))
    await bench.pass_time(minutes=5)

    assert numbers(bench.webhook.tried) == [1, 2]
    assert bench.rows() == []


async def test_a_topic_that_takes_nothing_is_told_again_and_the_webhook_is_not() -> None:
    bench = Bench()
    bench.relay.fail_next()
    with pytest.raises(RelayUnavailable):
        await bench.publish(notice(1))
    await bench.publish(notice(1))
    await bench.work_off()

    assert numbers(bench.webhook.tried) == [1]
    assert len(bench.relay.notices) == 1


async def test_a_topic_that_cannot_be_waited_for_gets_later_what_it_did_not_take() -> None:
    bench = Bench()
    bench.relay.fail_next(3)
    await bench.worker.patient.publish([notice(1), notice(2)])
    assert bench.relay.notices == []

    await bench.pass_time(minutes=5)
    assert sorted(bench.relay.notices, key=lambda one: one.id) == [
        replace(notice(1), lane=""),
        replace(notice(2), lane=""),
    ]
    assert bench.rows() == []
    assert bench.webhook.tried == []


async def test_more_than_fits_a_transaction_is_stored_in_order() -> None:
    bench = Bench()
    await bench.publish(*(notice(number) for number in range(120)))
    await bench.work_off()
    assert numbers(bench.webhook.taken) == list(range(120))


async def test_a_webhook_that_is_down_for_ten_minutes_gets_everything_in_order_and_nothing_twice() -> None:
    bench = Bench()
    bench.webhook.answers = down_until(bench, minutes=10)
    told = itertools.count(1)
    for _ in range(20):
        await bench.publish(notice(next(told)), notice(next(told), BOB))
        await bench.pass_time(seconds=60)
    await bench.pass_time(minutes=30)

    assert numbers(bench.webhook.taken) == list(range(1, 41, 2))
    assert numbers(bench.webhook.taken, BOB) == list(range(2, 41, 2))
    assert set(numbers(bench.webhook.tried)) - {1} == set(numbers(bench.webhook.taken)) - {1}
    assert numbers(bench.webhook.tried).count(1) <= 6
    assert all(numbers(bench.webhook.tried).count(number) == 1 for number in range(3, 41, 2))
    assert bench.rows() == []


async def test_what_is_not_taken_holds_up_its_own_conversation_and_no_other() -> None:
    bench = Bench()
    bench.webhook.answers = lambda one: Receipt(400 if one.id == f"{ANN}-2" else 200)
    await bench.publish(*(notice(number) for number in (1, 2, 3)), *(notice(number, BOB) for number in (1, 2)))
    await bench.pass_time(minutes=3)

    assert numbers(bench.webhook.taken) == [1]
    assert numbers(bench.webhook.taken, BOB) == [1, 2]
    assert numbers(bench.webhook.tried).count(3) == 0


async def test_the_waits_between_tries_grow() -> None:
    bench = Bench()
    at: list[float] = []
    start = bench.clock.now()

    def refuse(_: Delivery) -> Receipt:
        at.append((bench.clock.now() - start).total_seconds())
        return Receipt(500)

    bench.webhook.answers = refuse
    await bench.publish(notice(1))
    await bench.pass_time(hours=60)

    waited = [round(later - earlier) for earlier, later in itertools.pairwise(at)]
    for wait, seconds in zip(waited, [*WAITS_S, 86_400], strict=True):
        assert seconds <= wait <= seconds * 1.1 + 1


async def test_tries_that_failed_together_do_not_come_back_together() -> None:
    waits = {wait_ms(digest("lane", str(number)), 3) for number in range(100)}
    assert len(waits) > 90
    assert all(120_000 <= wait <= 132_000 for wait in waits)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_holds_for_all_conversations(status: int) -> None:
    bench = Bench()
    asked = [Receipt(status, 900)]
    bench.webhook.answers = lambda _: asked.pop() if asked else Receipt(204)
    await bench.publish(notice(1))
    await bench.work_off()
    await bench.publish(notice(1, BOB))
    await bench.pass_time(seconds=890)
    assert len(bench.webhook.tried) == 1

    await bench.pass_time(seconds=30)
    assert numbers(bench.webhook.taken) == [1]
    assert numbers(bench.webhook.taken, BOB) == [1]


async def test_gone_pauses_everything_for_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    asked = [Receipt(410)]
    bench.webhook.answers = lambda _: asked.pop() if asked else Receipt(204)
    await bench.publish(notice(1))
    await bench.work_off()
    await bench.publish(notice(1, BOB))
    await bench.pass_time(minutes=59)
    assert len(bench.webhook.tried) == 1
    assert "410" in caplog.text

    await bench.pass_time(minutes=3)
    assert len(bench.webhook.taken) == 2


async def test_another_address_is_not_paused() -> None:
    bench = Bench()
    bench.webhook.answers = lambda _: Receipt(410)
    await bench.publish(notice(1))
    await bench.work_off()

    bench.webhook.answers, bench.webhook.target = (lambda _: Receipt(204)), "another"
    await bench.publish(notice(1, BOB))
    await bench.work_off()
    assert numbers(bench.webhook.taken, BOB) == [1]


async def test_after_a_day_of_tries_it_is_listed_once_and_resend_sends_it_at_once() -> None:
    bench = Bench()
    bench.webhook.answers = lambda _: Receipt(500)
    await bench.publish(notice(1), notice(2))
    await bench.pass_time(hours=72)
    [failure], _ = await bench.worker.failures.page(10, None)
    assert failure.queue == NOTICES_QUEUE

    bench.webhook.answers = lambda _: Receipt(200)
    await bench.worker.failures.resend(failure.id)
    await bench.work_off()
    assert numbers(bench.webhook.taken) == [1, 2]
    assert bench.rows() == []


async def test_resend_ends_a_pause() -> None:
    bench = Bench()
    bench.webhook.answers = lambda _: Receipt(410)
    await bench.publish(notice(1))
    await bench.work_off()
    bench.webhook.answers = lambda _: Receipt(200)
    [lane] = {one.partition for one in bench.tables.table("Outbox")._from(None, Range()) if one.row == "lane"}
    await bench.worker.deliveries.run(lane, again=True)
    assert numbers(bench.webhook.taken) == [1]


async def test_a_lost_queue_message_is_put_in_again_by_the_timer() -> None:
    bench = Bench()
    await bench.publish(notice(1))
    lost = bench.queue.take(bench.clock.now())
    assert lost
    bench.queue.done(lost)
    await bench.pass_time(seconds=90)
    assert numbers(bench.webhook.taken) == [1]


async def test_a_queue_that_takes_nothing_does_not_undo_what_is_stored() -> None:
    bench = Bench()
    bench.queue.fail_next()
    await bench.publish(notice(1))
    await bench.pass_time(seconds=90)
    assert numbers(bench.webhook.taken) == [1]


async def test_without_a_webhook_nothing_is_tried_and_what_is_stored_waits_for_it() -> None:
    bench = Bench()
    await bench.publish(notice(1))
    webhook, bench.worker.deliveries._webhook = bench.worker.deliveries._webhook, None
    await bench.pass_time(hours=1)
    bench.worker.deliveries._webhook = webhook
    await bench.pass_time(minutes=65)
    assert numbers(bench.webhook.taken) == [1]


async def test_a_second_worker_leaves_the_lane_to_the_first() -> None:
    bench = Bench()
    await bench.publish(notice(1), notice(2))
    go_on = asyncio.Event()
    # Head, lease and notice are read and written; then it stands at the webhook.
    first = Worker(bench, Stall(4, go_on))
    [body] = bench.queue.bodies()
    task = asyncio.create_task(first.work.deliver_lane(body))
    await asyncio.sleep(0)
    await bench.work_off()
    assert bench.webhook.tried == []

    go_on.set()
    await task
    assert numbers(bench.webhook.tried) == [1, 2]


@pytest.mark.parametrize("stalls_at", range(24))
async def test_two_workers_on_one_lane_keep_the_order_wherever_the_first_stands_still(stalls_at: int) -> None:
    bench = Bench()
    await bench.publish(*(notice(number) for number in (1, 2, 3)))
    [body] = bench.queue.bodies()
    go_on = asyncio.Event()
    task = asyncio.create_task(Worker(bench, Stall(stalls_at, go_on)).work.deliver_lane(body))
    for _ in range(100):
        await asyncio.sleep(0)
    await bench.pass_time(seconds=150)
    await bench.publish(notice(4))
    go_on.set()
    await task
    await bench.pass_time(minutes=10)

    firsts = list(dict.fromkeys(numbers(bench.webhook.taken)))
    assert firsts == [1, 2, 3, 4]
    # What it had in hand when its lease ended is posted once more; whatever was acknowledged is not.
    assert len(bench.webhook.taken) <= 5
    assert bench.rows() == []


def test_a_lease_outlives_a_try() -> None:
    assert timedelta(seconds=TRY_WITHIN_S) * 2 < LEASE


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("answers", ["all", "fails first"])
async def test_a_fault_at_any_call_of_a_delivery_loses_nothing_and_keeps_the_order(
    when: When, kills: bool, answers: str
) -> None:
    for at in itertools.count():
        bench = Bench()
        left = [Receipt(500)] if answers == "fails first" else []
        bench.webhook.answers = lambda _, left=left: left.pop() if left else Receipt(204)  # type: ignore[misc]
        await bench.publish(*(notice(number) for number in (1, 2, 3)))
        [body] = bench.queue.bodies()
        error = asyncio.CancelledError() if kills else StorageUnavailable("Storage does not answer.")
        fault = Fault(at, when, error, kills=kills)
        await _try(Worker(bench, fault).work.deliver_lane(body))
        await bench.publish(notice(4))
        await bench.pass_time(minutes=12)

        taken = numbers(bench.webhook.taken)
        assert list(dict.fromkeys(taken)) == [1, 2, 3, 4]
        assert taken == sorted(taken)
        assert len(taken) <= 5
        assert bench.rows() == []
        if not fault.has_struck:
            break


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("waits", ["nothing", "something"])
async def test_a_fault_at_any_call_of_storing_loses_nothing_when_it_is_told_again(
    when: When, kills: bool, waits: str
) -> None:
    for at in itertools.count():
        bench = Bench()
        before = [1] if waits == "something" else []
        if before:
            await bench.publish(notice(1))
        error = asyncio.CancelledError() if kills else StorageUnavailable("Storage does not answer.")
        fault = Fault(at, when, error, kills=kills)
        await _try(Worker(bench, fault).relay.publish([notice(2), notice(3)]))
        await bench.pass_time(minutes=1)
        await bench.publish(notice(2), notice(3))
        await bench.pass_time(minutes=12)

        assert numbers(bench.webhook.tried) == [*before, 2, 3]
        assert bench.rows() == []
        if not fault.has_struck:
            break


@pytest.mark.parametrize("stalls_at", range(6))
async def test_a_slow_publisher_whose_index_row_was_cleared_comes_with_another(stalls_at: int) -> None:
    bench = Bench()
    go_on = asyncio.Event()
    task = asyncio.create_task(Worker(bench, Stall(stalls_at, go_on)).relay.publish([notice(1)]))
    for _ in range(20):
        await asyncio.sleep(0)
    await bench.pass_time(minutes=5)
    go_on.set()
    await task
    while taken := bench.queue.take(bench.clock.now()):
        bench.queue.done(taken)
    await bench.pass_time(minutes=5)

    assert numbers(bench.webhook.tried) == [1]
    assert bench.rows() == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_at_any_call_of_the_timer_loses_nothing(when: When) -> None:
    for at in itertools.count():
        bench = Bench()
        await bench.publish(notice(1))
        lost = bench.queue.take(bench.clock.now())
        assert lost
        bench.queue.done(lost)
        bench.clock.advance(seconds=61)
        fault = Fault(at, when, asyncio.CancelledError(), kills=True)
        await _try(Worker(bench, fault).deliveries.wake())
        await bench.pass_time(minutes=12)
        assert numbers(bench.webhook.tried) == [1]
        assert bench.rows() == []
        if not fault.has_struck:
            break


async def test_a_lane_that_is_never_empty_lets_others_have_the_worker() -> None:
    bench = Bench()

    def slow(_: Delivery) -> Receipt:
        bench.clock.advance(seconds=10)
        return Receipt(204)

    bench.webhook.answers = slow
    await bench.publish(*(notice(number) for number in range(30)))
    taken = bench.queue.take(bench.clock.now())
    assert taken
    await bench.worker.work.deliver_lane(taken.body)
    bench.queue.done(taken)
    assert 5 < len(bench.webhook.taken) < 15
    await bench.pass_time(minutes=10)
    assert numbers(bench.webhook.tried) == list(range(30))


async def _try(work: object) -> None:
    try:
        await work  # type: ignore[misc]
    except (SmsError, asyncio.CancelledError):
        return
