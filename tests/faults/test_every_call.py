"""A fault before and after every call of the send path, one by one (invariants I1, I2, I7).

For each call to storage or carrier that a send makes: the call breaks once; it and all later ones break; or the worker
dies there. Each of it before the other side has the call, and after it has done it. Of the recipients, one has opted
out before, and one opts out right after the fault. Then time passes, the timer and the queues do their work, and the
caller repeats its request.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from devtools.stack import get_json
from shared.rules.ids import to_ms
from shared.rules.states import ENDS, State
from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import Row
from shared.services.inbound import TextReceived
from shared.services.recipients import recipients_of
from shared.services.sending import Text
from tests.faults.lab import Lab, lab
from tests.support.azurite import Azurite
from tests.support.carriers import running_carrier
from tests.support.fault_proxy import Kind, Moment, Plan
from tests.support.workers import SENDER, carrier_control

pytestmark = pytest.mark.timeout(600)

_LABS = 4
_TEXT = "Hello"


@dataclass(frozen=True, slots=True)
class People:
    """Whom one trial texts: `gone` has opted out before it, `leaving` does in the middle, `staying` never does."""

    gone: str
    leaving: str
    staying: str

    @property
    def all(self) -> list[str]:
        return [self.gone, self.leaving, self.staying]


Work = Callable[[Lab, People], Callable[[], Awaitable[object]]]


def _single_send(lab_: Lab, people: People) -> Callable[[], Awaitable[object]]:
    async def send() -> None:
        sender = lab_.services.senders.choose(SENDER)
        text = Text(sender, recipients_of(people.all, None), _TEXT)
        await lab_.services.sending.send(text, key=f"caller:{people.staying}")

    return send


def _campaign(lab_: Lab, people: People) -> Callable[[], Awaitable[object]]:
    async def run() -> None:
        rows = [Row(place, number) for place, number in enumerate(people.all, start=1)]
        sender = lab_.services.senders.choose(SENDER)
        request = CampaignRequest("trial", sender, _TEXT, rows, fingerprint=people.staying)
        campaign = await lab_.services.campaign_plans.start(request, key=people.staying)
        await lab_.services.releases.go_on(campaign.id, 0)

    return run


@pytest.fixture(scope="module")
def carrier_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a carrier of its own."""
    with running_carrier(tmp_path_factory.mktemp("carrier")) as url:
        yield url


@pytest.fixture
async def labs(azurite: Azurite, carrier_url: str, request: pytest.FixtureRequest) -> AsyncIterator[list[Lab]]:
    """Give several apps, so that the pauses of one are the working time of another."""
    overview = get_json(f"{carrier_url}/_carrier") or {}
    key = overview["connectionString"].partition("accesskey=")[2]
    async with AsyncExitStack() as stack:
        carrier = await stack.enter_async_context(carrier_control(carrier_url))
        await carrier.trouble(rateLimits=False, optOutMode="off")
        # The names of one test are not those of another: they share the storage.
        kind = "S" if "single" in request.node.name else "C"
        yield [
            await stack.enter_async_context(lab(azurite, carrier, key, f"Points{kind}{place}"))
            for place in range(_LABS)
        ]


@pytest.mark.parametrize("work", [_single_send, _campaign], ids=["single", "campaign"])
async def test_fault_at_every_call(labs: list[Lab], work: Work, say: Callable[[str], None]) -> None:
    numbers = itertools.count()
    prefix = "+142" if work is _single_send else "+143"

    def people() -> People:
        base = next(numbers) * 3
        return People(*(f"{prefix}5{base + place + 1_000_000:07d}" for place in range(3)))

    for one in labs:  # the first use of a table makes it, which costs calls that later ones do not
        await _trial(one, people(), None, work)
    first = people()
    await _opt_out(labs[0], first.gone)
    calls = await labs[0].count_calls(work(labs[0], first))
    plans = [Plan(call, moment, kind) for kind in Kind for moment in Moment for call in range(1, len(calls) + 1)]
    waiting = iter(plans)
    outcomes: Counter[str] = Counter()

    async def try_all(one: Lab) -> None:
        for plan in waiting:
            outcomes[await _trial(one, people(), plan, work)] += 1

    async with asyncio.TaskGroup() as tasks:
        for one in labs:
            tasks.create_task(try_all(one))
    assert sum(outcomes.values()) == len(plans)
    say(f"{len(calls)} calls, {len(plans)} faults, I1, I2 and I7 held at each; {dict(sorted(outcomes.items()))}")


async def _trial(one: Lab, people: People, plan: Plan | None, work: Work) -> str:
    """Do the work with one fault; give what the caller was told and where the text to `staying` ended."""
    await _opt_out(one, people.gone)
    do = work(one, people)
    if plan is None:
        await do()
        return "no fault"
    done = await one.strike(plan, do)
    where = f"{plan}: {one.proxy.calls[plan.call - 1 : plan.call]}"
    await _opt_out(one, people.leaving)
    before = await _asked_for(one, people.leaving)
    await one.recover()
    # Invariant I7, before the caller repeats anything: what is stored has gone or ended.
    went = await one.outbound(people.all)
    assert all(state in ENDS or state is State.SENT for states in went.values() for state in states), (where, went)
    # The caller, who may have had no answer, asks again.
    await work(one, people)()
    await one.recover()
    await one.report_all(people.all)
    ended = await one.outbound(people.all)
    assert all(len(states) == 1 and states[0] in ENDS for states in ended.values()), (where, ended)
    # Invariant I2.
    assert all([len(await one.carrier.messages(number)) <= 1 for number in people.all]), where
    # Invariant I1.
    assert await _asked_for(one, people.gone) == 0, where
    assert await _asked_for(one, people.leaving) == before, where
    # Nothing is lost: who never opted out has the text.
    assert len(await one.carrier.messages(people.staying)) == 1, where
    return f"{'done' if done else 'failed'}, then {ended[people.staying][0]}"


async def _opt_out(one: Lab, number: str) -> None:
    now_ms = to_ms(one.clock.now())
    await one.services.inbound.receive(TextReceived(f"stop-{number}", SENDER, number, "STOP", now_ms))


async def _asked_for(one: Lab, number: str) -> int:
    """Give how many requests to the carrier named this recipient."""
    taken = await one.carrier.messages(number)
    return sum(message["requestCount"] for message in taken)
