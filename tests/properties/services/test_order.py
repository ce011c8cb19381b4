"""No order and no repetition of events changes where things end (invariant I3), and all is counted (I8)."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules.choices import ChoiceWords
from shared.services.analytics import Interval
from shared.services.delivery_reports import DeliveryReport
from shared.services.inbound import TextReceived
from shared.services.messages import Direction
from tests.unit.services.world import ANN, BOB, SHORT_CODE, TOLL_FREE, World
from tests.unit.services.world import settings as settings_of

PEOPLE = (ANN, BOB)
SENDERS = (TOLL_FREE, SHORT_CODE)
ASKED = ChoiceWords(("hello", "1"), ("2",))
WORDS = ("STOP", "start", "hello", "HELP", "Quit", "UNSTOP", "1", "2")
REPORTS = (("Delivered", ""), ("Failed", "4006"), ("Failed", "4007"), ("Failed", "5002"), ("Other", ""))


@dataclass(frozen=True)
class End:
    """Where everything ended: what events change and what is told of it to callers."""

    messages: tuple[object, ...]
    standings: tuple[object, ...]
    histories: tuple[object, ...]
    totals: tuple[int, ...]
    kept: int


@dataclass(frozen=True)
class Plan:
    """Texts that come in and reports on texts that went out, by how long after the start they happened."""

    texts: tuple[tuple[str, str, str, int], ...]
    reports: tuple[tuple[str, str, tuple[str, str], int], ...]


Event = TextReceived | DeliveryReport


async def prepare(scope: str) -> World:
    """Return a world in which each sender has texted each person, and nothing is answered by the app."""
    world = World(settings_of(SMS_OPT_OUT_SCOPE=scope))
    for sender in SENDERS:
        await world.send(*PEOPLE, sender=sender, key=sender, words=ASKED)
    world.clock.advance(hours=1)  # events so old are not answered
    return world


def events_of(world: World, plan: Plan) -> list[Event]:
    """Return the plan's events."""
    start = world.now_ms - 3_600_000
    texts = [
        TextReceived(f"in-{number}", sender, person, word, start + at)
        for number, (word, person, sender, at) in enumerate(plan.texts)
    ]
    sent = {(one.sender, one.to): one for one in world.carrier.sent}
    reports = [
        DeliveryReport(
            sent[sender, person].message_id, sender, person, status, code, start + at, sent[sender, person].tag
        )
        for person, sender, (status, code), at in plan.reports
    ]
    return [*texts, *reports]


async def take(world: World, event: Event) -> None:
    """Let the app take an event."""
    if isinstance(event, TextReceived):
        await world.services.inbound.receive(event)
    else:
        await world.services.delivery_reports.receive(event)


async def end_of(world: World, *, with_opt_ins: bool = True) -> End:
    """Return where everything is; messages and activity must agree."""
    messages = sorted(world.messages(), key=lambda one: one.key.id)
    lists = world.services.opt_out_lists
    standings = [[one.opted_out for one in await lists.check(sender, PEOPLE)] for sender in (*SENDERS, None)]
    histories = [await lists.history(person) for person in PEOPLE]
    totals = (await world.services.analytics.report(0, world.now_ms + 1, Interval.DAY, None)).totals
    outbound = Counter(one.state.value for one in messages if one.direction is Direction.OUTBOUND)
    assert outbound["delivered"] == totals["delivered"]
    assert outbound["failed"] == totals["failed"]
    assert outbound["unknown"] == totals["unknown"]
    assert len(messages) - outbound.total() == totals["inbound"]
    chosen = Counter(f"{one.chosen.choice}s" for one in messages if one.chosen)
    assert (chosen["confirms"], chosen["cancels"]) == (totals["confirms"], totals["cancels"])
    return End(
        tuple((one.key.id, one.history.steps, one.text, one.chosen) for one in messages),
        tuple(map(tuple, standings)),
        tuple(histories) if with_opt_ins else (),
        (
            totals["sent"],
            totals["segments"],
            totals["opt_outs"],
            totals["opt_ins"] if with_opt_ins else 0,
            totals["responses"],
        ),
        world.row_count("KeptEvents"),
    )


async def run(scope: str, plan: Plan, order: Sequence[int], *, at_once: bool = False, with_opt_ins: bool = True) -> End:
    """Return where everything ends when the plan's events come in this order."""
    world = await prepare(scope)
    events = events_of(world, plan)
    if at_once:
        await asyncio.gather(*(take(world, events[number]) for number in order))
    else:
        for number in order:
            await take(world, events[number])
    return await end_of(world, with_opt_ins=with_opt_ins)


def plans(words: Sequence[str], most: int) -> st.SearchStrategy[Plan]:
    """Return plans of up to that many texts and reports; some happen at the same millisecond."""
    times, people, senders = st.integers(1, 3), st.sampled_from(PEOPLE), st.sampled_from(SENDERS)
    texts = st.lists(st.tuples(st.sampled_from(words), people, senders, times), max_size=most)
    reports = st.lists(st.tuples(people, senders, st.sampled_from(REPORTS), times), max_size=most)
    return st.builds(lambda some, others: Plan(tuple(some), tuple(others)), texts, reports)


@settings(max_examples=150, deadline=None)
@given(plan=plans(WORDS, 5), scope=st.sampled_from(["sender", "all"]), choice=st.randoms(use_true_random=False))
def test_events_in_any_order_and_any_number_end_in_the_same(plan: Plan, scope: str, choice: random.Random) -> None:
    numbers = list(range(len(plan.texts) + len(plan.reports)))
    repeated = numbers * 3
    choice.shuffle(repeated)
    expected = asyncio.run(run(scope, plan, numbers))
    assert asyncio.run(run(scope, plan, numbers[::-1])) == expected
    assert asyncio.run(run(scope, plan, repeated)) == expected
    assert asyncio.run(run(scope, plan, repeated, at_once=True)) == expected


@settings(max_examples=150, deadline=None)
@given(
    plan=plans((*WORDS, "YES", "YES"), 4),
    scope=st.sampled_from(["sender", "all"]),
    choice=st.randoms(use_true_random=False),
)
def test_with_yes_among_them_people_and_messages_end_in_the_same(plan: Plan, scope: str, choice: random.Random) -> None:
    numbers = list(range(len(plan.texts) + len(plan.reports)))
    repeated = numbers * 2
    choice.shuffle(repeated)
    expected = asyncio.run(run(scope, plan, numbers, with_opt_ins=False))
    assert asyncio.run(run(scope, plan, numbers[::-1], with_opt_ins=False)) == expected
    assert asyncio.run(run(scope, plan, repeated, with_opt_ins=False)) == expected
    assert asyncio.run(run(scope, plan, repeated, at_once=True, with_opt_ins=False)) == expected


STORY = Plan(
    texts=(("STOP", ANN, TOLL_FREE, 2), ("YES", ANN, TOLL_FREE, 3), ("Quit", ANN, TOLL_FREE, 4)),
    reports=((ANN, TOLL_FREE, ("Failed", "4007"), 5), (ANN, TOLL_FREE, ("Delivered", ""), 6)),
)


async def test_every_order_of_one_story_ends_in_the_same() -> None:
    ends: Counter[End] = Counter()
    for order in itertools.permutations(range(5)):
        ends[await run("sender", STORY, order, with_opt_ins=False)] += 1
    print(f"orders: {ends.total()}")
    assert len(ends) == 1
    (end,) = ends
    assert end.standings[0] == (True, False)


async def test_a_yes_and_its_opt_out_are_counted_alike_in_both_orders() -> None:
    plan = Plan((("STOP", ANN, TOLL_FREE, 1), ("YES", ANN, TOLL_FREE, 2), ("yes", ANN, TOLL_FREE, 3)), ())
    first, second = await run("sender", plan, [0, 1, 2]), await run("sender", plan, [2, 1, 0])
    assert first == second
    assert first.totals[2:4] == (1, 1)


async def test_random_days_of_sending_are_counted_exactly() -> None:
    seed, count = 20260302, 12
    print(f"seed {seed}, {count} days")
    for number in range(count):
        choice = random.Random(seed + number)
        world = World()
        people = [f"+1425555{one:04}" for one in range(12)]
        for _ in range(25):
            world.clock.advance(minutes=choice.randrange(60))
            if choice.random() < 0.3:
                await world.services.rollups.roll()
            match choice.choice(["send", "send", "report", "report", "text"]):
                case "send":
                    if choice.random() < 0.2:
                        world.carrier.reject_next(choice.choice(people), choice.choice([400, 429, 0]))
                    await world.send(*choice.sample(people, 4))
                case "report" if world.carrier.sent:
                    sent = choice.choice(world.carrier.sent)
                    status, code = choice.choice(REPORTS)
                    await world.services.delivery_reports.receive(world.report(sent.to, status, code))
                case _:
                    await world.receive(choice.choice((*WORDS, "YES")), choice.choice(people), choice.choice(SENDERS))
        await check_counts(world)


async def check_counts(world: World) -> None:
    """Compare the analytics with the stored messages, in each bucket and in all."""
    messages = world.messages()
    for interval in Interval:
        found = await world.services.analytics.report(0, world.now_ms + 1, interval, None)
        for bucket in found.buckets:
            states = Counter(
                (one.direction.value, one.state.value)
                for one in messages
                if bucket.start_ms <= one.key.at_ms < bucket.start_ms + interval.ms
            )
            for name in ("delivered", "failed", "unknown", "suppressed"):
                assert bucket.tally[name] == states["outbound", name]
            assert bucket.tally["inbound"] == states["inbound", "received"]
        assert sum(one.tally["inbound"] + one.tally["suppressed"] for one in found.buckets) == sum(
            one.state.value in {"received", "suppressed"} for one in messages
        )
