"""Automatic answers: who gets one, how often, and that neither crashes nor a second worker change that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.tables_memory import MemoryTables
from shared.rules.auto_replies import AutoReplies, AutoReplyRule, OfficeHours
from shared.rules.errors import (
    CarrierRefused,
    CarrierThrottled,
    InvalidRequest,
    PreconditionFailed,
    SmsError,
    StorageUnavailable,
)
from shared.services.idempotency import LEASE
from shared.services.inbound import TextReceived
from tests.unit.services.faults import Fault, FaultyCarrier, FaultyQueues, FaultyTables, Stall, When
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
HOURS, OTHER = "9 to 5", "We will see."
RULES = AutoReplies((AutoReplyRule(HOURS, keyword="HOURS"), AutoReplyRule(OTHER, pattern="*")))
NEVER = 10**6


async def set_rules(world: World, rules: AutoReplies = RULES) -> None:
    """Set the rules, whatever was set before."""
    await world.services.auto_replies.put(rules, lambda _: True)


async def answering(rules: AutoReplies = RULES, **changes: str) -> World:
    """Return a world with rules."""
    world = World(settings(**changes))
    await set_rules(world, rules)
    return world


def answers(world: World, person: str = ANN) -> list[str]:
    """Return what the app sent to a person."""
    return [one.text for one in world.carrier.sent_to(person)]


async def test_a_text_is_answered_by_its_rule_from_the_sender_that_was_texted() -> None:
    world = await answering()
    await world.receive("hours?", to=SHORT_CODE)
    (sent,) = world.carrier.sent_to(ANN)
    assert (sent.text, sent.sender) == (HOURS, SHORT_CODE)
    (message,) = [one for one in world.messages() if one.tag]
    assert (message.tag, message.text) == ("auto-reply", HOURS)
    assert [notice.type for notice in world.relay.notices] == ["Sms.TextReceived"]


async def test_without_rules_nothing_is_answered_and_nothing_claimed() -> None:
    world = World()
    await world.receive("hours")
    assert answers(world) == []
    assert world.row_count("AutoReplies") == 0


async def test_a_text_that_no_rule_is_for_is_not_answered_and_does_not_count() -> None:
    world = await answering(AutoReplies(RULES.rules[:1]))
    await world.receive("hello", ago_s=10)
    await world.receive("hours", ago_s=5)
    assert answers(world) == [HOURS]


@pytest.mark.parametrize(
    ("to", "word", "expected"),
    [
        (SHORT_CODE, "STOP", [STOP_REPLY]),
        (TOLL_FREE, "STOP", []),
        (SHORT_CODE, "START", []),
        (SHORT_CODE, "HELP", [HELP_REPLY]),
        (TOLL_FREE, "help", [HELP_REPLY]),
        (MANAGED, "HELP", []),
        (MANAGED, "INFO", []),
        (SHORT_CODE, "YES", [OTHER]),
    ],
)
async def test_the_words_of_the_networks_have_the_one_answer_that_they_had(
    to: str, word: str, expected: list[str]
) -> None:
    world = await answering()
    await world.receive(word, to=to)
    assert answers(world) == expected


async def test_a_yes_that_answers_an_opt_out_has_its_own_answer_alone() -> None:
    world = await answering()
    await world.receive("STOP", to=SHORT_CODE, ago_s=10)
    await world.receive("YES", to=SHORT_CODE, ago_s=5)
    assert answers(world) == [STOP_REPLY, START_REPLY]


async def test_a_help_without_a_text_in_the_settings_is_not_answered_by_a_rule() -> None:
    world = await answering(SMS_HELP_REPLY="")
    await world.receive("HELP", to=SHORT_CODE)
    assert answers(world) == []


async def test_who_has_opted_out_gets_no_answer_and_no_suppressed_message() -> None:
    world = await answering()
    await world.receive("STOP", ago_s=10)
    await world.receive("hours", ago_s=5)
    assert answers(world) == []
    assert [one for one in world.messages() if one.tag == "auto-reply"] == []


async def test_who_opts_out_of_another_sender_is_answered_by_this_one() -> None:
    world = await answering()
    await world.receive("STOP", to=SHORT_CODE, ago_s=10)
    await world.receive("hours", to=TOLL_FREE, ago_s=5)
    assert answers(world) == [STOP_REPLY, HOURS]


@pytest.mark.parametrize("person", [SHORT_CODE, MANAGED, TOLL_FREE, TOLL_FREE[1:], "98765", ALPHANUMERIC, "BANK", ""])
async def test_nothing_but_a_persons_number_is_answered(person: str) -> None:
    world = await answering()
    await world.receive("hours", person, to=MANAGED if person != MANAGED else SHORT_CODE)
    assert world.carrier.requests == []


async def test_a_text_to_a_number_that_is_not_ours_is_not_answered() -> None:
    world = await answering()
    await world.receive("hours", to="+18005550199")
    assert world.carrier.requests == []


async def test_a_person_is_answered_once_an_hour_by_each_sender() -> None:
    world = await answering()
    began = world.now_ms
    for minute in range(0, 125, 5):
        world.clock.advance(minutes=5)
        await world.receive(f"text {minute}", ago_s=0)
    sent = [(one.key.at_ms - began) // 60_000 for one in world.messages() if one.tag]
    assert sorted(sent) == [5, 65, 125]
    await world.receive("hours", to=SHORT_CODE)
    await world.receive("hours", BOB)
    assert (len(answers(world)), len(answers(world, BOB))) == (4, 1)


async def test_a_text_that_came_before_the_answered_one_is_not_answered_either() -> None:
    world = await answering()
    await world.receive("second", ago_s=1)
    await world.receive("first", ago_s=60)
    assert len(answers(world)) == 1


async def test_a_text_that_is_heard_of_late_is_not_answered() -> None:
    world = await answering()
    await world.receive("hours", ago_s=15 * 60)
    assert answers(world) == []
    await world.receive("hours", ago_s=15 * 60 - 1)
    assert answers(world) == [HOURS]


async def test_the_same_text_again_and_again_is_answered_three_times() -> None:
    world = await answering()
    for _ in range(6):
        await world.receive("I am a machine", ago_s=0)
        world.clock.advance(hours=1)
    assert len(answers(world)) == 3
    await world.receive("I am none", ago_s=0)
    assert len(answers(world)) == 4
    world.clock.advance(hours=1)
    await world.receive("I am a machine", ago_s=0)
    assert len(answers(world)) == 5


async def test_the_same_text_is_answered_again_after_a_day() -> None:
    world = await answering()
    for _ in range(3):
        await world.receive("hours", ago_s=0)
        world.clock.advance(hours=1)
    world.clock.advance(hours=22, minutes=59)
    await world.receive("hours", ago_s=0)
    assert len(answers(world)) == 3
    world.clock.advance(minutes=1)
    await world.receive("hours", ago_s=0)
    assert len(answers(world)) == 4


async def test_whether_the_office_is_open_is_asked_for_the_moment_of_the_text() -> None:
    rules = AutoReplies((), OfficeHours(("thursday", "friday"), "09:00-17:00", "UTC"), "closed")
    world = await answering(rules)
    until_five = world.clock.now().replace(hour=17, minute=0, second=0) - world.clock.now()
    world.clock.advance(days=(3 - world.clock.now().weekday()) % 7, seconds=until_five.total_seconds())
    await world.receive("hello", ago_s=1)
    assert answers(world) == []
    await world.receive("hello", ago_s=0)
    assert answers(world) == ["closed"]


async def test_an_answer_counts_as_no_text_that_a_person_responds_to() -> None:
    world = await answering()
    await world.receive("hours", ago_s=5)
    before = world.row_count("Activity")
    world.clock.advance(seconds=10)
    await world.receive("thanks", ago_s=1)
    assert world.row_count("Activity") == before + 1


async def test_an_answer_that_was_refused_for_good_does_not_keep_the_text_from_the_application() -> None:
    world = await answering()
    world.carrier.fail_next(CarrierRefused("no", target="sender"))
    await world.receive("hours")
    assert [notice.type for notice in world.relay.notices] == ["Sms.MessageSettled", "Sms.TextReceived"]
    await world.receive("hours")
    assert answers(world) == []


async def test_an_answer_over_the_daily_cap_does_not_keep_the_text_from_the_application() -> None:
    world = await answering(SMS_DAILY_SEGMENTS="1")
    await world.receive("hours", BOB)
    await world.receive("hours", ANN)
    assert (answers(world, BOB), answers(world, ANN)) == ([HOURS], [])
    assert len(world.relay.notices) == 2


@pytest.mark.parametrize("limit", [{"SMS_COUNTRIES": "GB"}, {"SMS_RECIPIENT_TEXTS_PER_HOUR": "1"}])
async def test_the_limits_on_texts_hold_for_answers(limit: dict[str, str]) -> None:
    world = await answering(RULES, **limit)
    await world.send(ANN)
    before = len(answers(world))
    await world.receive("hours")
    assert len(answers(world)) == before
    assert len(world.relay.notices) == 1


async def test_an_answer_that_waits_goes_by_itself_within_its_time_or_not_at_all() -> None:
    world = await answering()
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=60))
    await world.receive("hours")
    await world.pass_time(minutes=2)
    assert answers(world) == [HOURS]
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=1000))
    await world.receive("hours", BOB)
    await world.pass_time(minutes=20)
    assert answers(world, BOB) == []


def workers(count: int, world: World) -> Sequence[World]:
    """Return workers over the same storage, carrier, queues and time."""
    return [
        World(world.settings, world.tables, world.carrier, world.relay, world.clock, world.queues) for _ in range(count)
    ]


async def test_of_many_texts_to_many_workers_at_once_one_is_answered() -> None:
    world = await answering()
    texts = [world.received(f"text {number}", ago_s=number) for number in range(8)]
    await asyncio.gather(*(worker.services.inbound.receive(text) for text in texts for worker in workers(2, world)))
    assert answers(world) == [OTHER]


async def handle(world: World, received: TextReceived) -> bool:
    """Take an event as the host does; tell whether it was taken."""
    try:
        await world.services.inbound.receive(received)
    except (SmsError, asyncio.CancelledError):
        return False
    return True


def faulty(fault: Fault) -> World:
    """Return a worker that fails, over storage of its own."""
    clock = ManualClock()
    store, carrier, queues = MemoryTables(), MemoryCarrier(), MemoryQueues(clock)
    return World(
        tables=store,
        carrier=carrier,
        clock=clock,
        queues=queues,
        on_tables=FaultyTables(store, fault),
        on_queues=FaultyQueues(queues, fault),
        on_carrier=FaultyCarrier(carrier, fault),
    )


async def call_count() -> int:
    """Return how many calls of the ports a text and its answer take."""
    world = faulty(fault := Fault(NEVER, "before", StorageUnavailable("never")))
    await set_rules(world)
    before = fault.calls
    await world.receive("hours")
    return fault.calls - before


@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_at_any_call_neither_doubles_nor_loses_the_answer(when: When, kills: bool) -> None:
    sent_in_doubt = 0
    for at in range(await call_count()):
        error: BaseException = asyncio.CancelledError() if kills else StorageUnavailable("down")
        broken = faulty(fault := Fault(NEVER, when, error, kills))
        (worker,) = workers(1, broken)
        await set_rules(worker)
        received = broken.received("hours")
        fault.at = at
        await handle(broken, received)
        assert fault.has_struck
        # The rules have changed by the time at which the event comes again, and another text comes as well.
        await set_rules(worker, AutoReplies((AutoReplyRule("new", pattern="*"),)))
        was_sent = len(worker.carrier.sent_to(ANN))
        other = replace(received, message_id="other", text="hours again", received_ms=received.received_ms + 500)
        for _ in range(4):
            worker.clock.advance(seconds=LEASE.total_seconds())
            if await handle(worker, received):
                break
        assert await handle(worker, other)
        await worker.pass_time(minutes=4)
        told = answers(worker)
        outbound = [one for one in worker.messages() if one.tag == "auto-reply"]
        assert len(outbound) == 1, at
        assert len(told) <= 1, at
        if not told:
            # A worker that died, or heard nothing, around the request itself: nobody knows, and it is not repeated.
            assert outbound[0].state.value == "unknown", (at, outbound[0].state)
            sent_in_doubt += 1
        assert told in ([], [HOURS], ["new"]), at
        assert not was_sent or told == [HOURS], at
    assert sent_in_doubt <= 4


@pytest.mark.parametrize("is_the_same", [False, True])
async def test_a_worker_that_is_overtaken_at_any_call_does_not_answer_a_second_time(is_the_same: bool) -> None:
    for at in range(await call_count()):
        clock = ManualClock()
        store, carrier, queues = MemoryTables(), MemoryCarrier(), MemoryQueues(clock)
        stall = Stall(at, asyncio.Event())
        slow = World(
            tables=store,
            carrier=carrier,
            clock=clock,
            queues=queues,
            on_tables=FaultyTables(store, stall),
            on_queues=FaultyQueues(queues, stall),
            on_carrier=FaultyCarrier(carrier, stall),
        )
        (fast,) = workers(1, slow)
        await set_rules(fast)
        received = slow.received("hours")
        other = received if is_the_same else replace(received, message_id="other", text="hello")
        overtaken = asyncio.create_task(handle(slow, received))
        while stall.calls <= at:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        await handle(fast, other)
        stall.until.set()
        await overtaken
        for event in (received, other):
            fast.clock.advance(seconds=LEASE.total_seconds())
            assert await handle(fast, event)
        await fast.pass_time(minutes=4)
        assert len(answers(fast)) == 1, at
        assert len([one for one in fast.messages() if one.tag]) == 1, at


async def test_an_event_that_comes_again_after_the_claim_sends_what_was_claimed() -> None:
    world = await answering()
    received = world.received("hours")
    world.carrier.fail_next(StorageUnavailable("down"))
    await handle(world, received)
    await set_rules(world, AutoReplies((AutoReplyRule("new", pattern="*"),)))
    world.clock.advance(seconds=LEASE.total_seconds())
    for worker in workers(2, world):
        await handle(worker, received)
    await world.pass_time(minutes=3)
    assert [one.text for one in world.messages() if one.tag] == [HOURS]


async def test_rules_are_stored_as_they_were_set() -> None:
    rules = AutoReplies(
        (
            AutoReplyRule("é 🚚", keyword="A"),
            AutoReplyRule("b", pattern="*b*", sender=SHORT_CODE, office_hours_only=True),
        ),
        OfficeHours(("monday",), "09:00-24:00", "Europe/Berlin"),
        "closed",
    )
    world = World()
    assert await world.services.auto_replies.get() == AutoReplies()
    await set_rules(world, rules)
    assert await world.services.auto_replies.get() == rules


async def test_rules_that_another_one_has_changed_are_not_overwritten() -> None:
    world = await answering()
    put = world.services.auto_replies.put
    with pytest.raises(PreconditionFailed):
        await put(AutoReplies(), lambda current: current == AutoReplies())
    assert await world.services.auto_replies.get() == RULES
    await put(RULES, lambda _: False)
    await put(AutoReplies(), lambda current: current == RULES)
    assert await world.services.auto_replies.get() == AutoReplies()


async def test_of_those_who_set_rules_at_once_and_expect_the_same_one_succeeds() -> None:
    world = World()
    wanted = [AutoReplies((AutoReplyRule(str(number), pattern="*"),)) for number in range(5)]

    async def put(rules: AutoReplies) -> bool:
        with contextlib.suppress(PreconditionFailed):
            await world.services.auto_replies.put(rules, lambda current: current == AutoReplies())
            return True
        return False

    assert sum(await asyncio.gather(*(put(rules) for rules in wanted))) == 1


async def test_rules_that_do_not_fit_in_a_row_are_refused() -> None:
    world = World()
    with pytest.raises(InvalidRequest) as refused:
        await set_rules(world, AutoReplies(tuple(AutoReplyRule("🚚" * 1000, keyword=f"a{n}") for n in range(20))))
    assert (refused.value.code, refused.value.target) == ("TooLong", "rules")
    await set_rules(world, AutoReplies(tuple(AutoReplyRule("🚚" * 1000, keyword=f"a{n}") for n in range(14))))
