"""Ends of which no event tells: the application is told of each, once, whatever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from shared.edges.webhook_memory import MemoryWebhook
from shared.ports.webhook import Receipt
from shared.rules.errors import (
    CarrierRefused,
    CarrierSilent,
    Conflict,
    NotFound,
    SmsError,
    StorageUnavailable,
)
from shared.rules.ids import MessageKey
from shared.rules.states import ENDS
from shared.services.campaigns import Status
from shared.services.notices import message_settled
from shared.services.outbox import NOTICES_QUEUE
from shared.services.sending import Text
from shared.services.work import SENDS_QUEUE
from tests.unit.services.campaigning import people, request, start
from tests.unit.services.faults import Fault, When
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World

NEVER = 10**9


def settled(world: World) -> list[tuple[str, str, str | None]]:
    """Return whose messages the application was told to have ended, and how."""
    found = [one for one in world.relay.notices if one.type == "Sms.MessageSettled"]
    return [(str(one.data["to"]), str(one.data["state"]), str(one.data["reason"])) for one in found]


def changes(world: World) -> list[tuple[str, str, str]]:
    """Return whose opt-out the application was told to have changed, to what, and by what."""
    found = [one for one in world.relay.notices if one.type == "Sms.OptOutChanged"]
    return [(str(one.data["recipient"]), str(one.data["state"]), str(one.data["source"])) for one in found]


async def test_a_text_that_expires_is_told() -> None:
    world = World()
    text = world.text(ANN)
    later, last = world.now_ms + 3_600_000, world.now_ms + 7_200_000
    await world.services.sending.send(
        Text(text.sender, text.recipients, text.text, send_at_ms=later, not_after_ms=last)
    )
    world.clock.advance(hours=3)
    await world.pass_time(minutes=2)
    assert settled(world) == [(ANN, "expired", "expired")]


async def test_a_text_that_is_canceled_is_told() -> None:
    world = World()
    text = world.text(ANN)
    later = world.now_ms + 3_600_000
    [answer] = await world.services.sending.send(Text(text.sender, text.recipients, text.text, send_at_ms=later))
    assert settled(world) == []
    key = MessageKey.parse(answer.id or "")
    assert key
    await world.services.sending.cancel(key)
    assert settled(world) == [(ANN, "canceled", "canceled")]


async def test_a_text_that_was_opted_out_of_while_it_waited_is_told() -> None:
    world = World()
    text = world.text(ANN, BOB)
    later = world.now_ms + 3_600_000
    await world.services.sending.send(Text(text.sender, text.recipients, text.text, send_at_ms=later))
    await world.receive("STOP")
    await world.pass_time(minutes=61)
    assert settled(world) == [(ANN, "suppressed", "optedOut")]


async def test_what_an_earlier_round_suppressed_is_not_told_again_in_each_round() -> None:
    world = World()
    await world.receive("STOP")
    world.carrier.fail_next(*[CarrierSilent("no answer")] * 2)
    with contextlib.suppress(SmsError):
        await world.send(ANN, BOB)
    await world.pass_time(minutes=10)
    assert settled(world).count((ANN, "suppressed", "optedOut")) == 1


async def test_a_text_that_fails_in_the_queue_is_told() -> None:
    world = World()
    text = world.text(ANN)
    later = world.now_ms + 3_600_000
    await world.services.sending.send(Text(text.sender, text.recipients, text.text, send_at_ms=later))
    world.clock.advance(hours=1)
    world.carrier.fail_next(CarrierRefused("no", target="sender"))
    await world.pass_time(minutes=2)
    assert settled(world) == [(ANN, "failed", "carrierRefused")]


async def test_a_text_for_which_no_report_came_is_told_and_its_late_report_too() -> None:
    world = World()
    await world.send(ANN)
    for _ in range(26):
        world.clock.advance(hours=1)
        await world.services.missing_reports.settle()
    assert settled(world) == [(ANN, "unknown", "reportMissing")]
    await world.services.delivery_reports.receive(world.report(ANN))
    assert settled(world)[1:] == [(ANN, "delivered", "None")]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_missing_report_is_noted_in_the_end_whatever_dies(when: When) -> None:
    for at in range(NEVER):
        world = World()
        await world.send(ANN)
        world.clock.advance(hours=26)
        fault = Fault(at, when, asyncio.CancelledError(), kills=True)
        with contextlib.suppress(asyncio.CancelledError):
            await world.behind(fault).services.missing_reports.settle()
        await world.services.missing_reports.settle()
        assert set(settled(world)) == {(ANN, "unknown", "reportMissing")}, fault
        [activity], _ = await world.services.conversations._activity.page(10, None)
        assert activity.step == world.messages()[0].history.current
        if not fault.has_struck:
            break


async def test_recipients_of_a_canceled_campaign_are_told_each_once() -> None:
    world = World()
    to = people(5)
    campaign = await start(world, request(world, to, send_at_ms=world.now_ms + 3_600_000))
    await world.services.campaigns.set_status(campaign.id, Status.CANCELED)
    await world.pass_time(minutes=3)
    assert sorted(settled(world)) == [(one, "canceled", "canceled") for one in to]


async def test_changes_through_the_api_are_told_when_they_make_a_difference() -> None:
    world = World()
    lists = world.services.opt_out_lists
    await lists.add(TOLL_FREE, [ANN])
    world.clock.advance(hours=2)
    await lists.add(TOLL_FREE, [ANN])
    await lists.remove(TOLL_FREE, [ANN])
    await lists.load(f"recipient\n{BOB}\n")
    assert changes(world) == [(ANN, "optedOut", "api"), (ANN, "optedIn", "api"), (BOB, "optedOut", "import")]


async def test_a_change_whose_worker_died_is_told_when_the_caller_repeats_it() -> None:
    for at in range(NEVER):
        world = World()
        fault = Fault(at, "after", asyncio.CancelledError(), kills=True)
        with contextlib.suppress(asyncio.CancelledError):
            await world.behind(fault).services.opt_out_lists.add(TOLL_FREE, [ANN])
        await world.services.opt_out_lists.add(TOLL_FREE, [ANN])
        assert set(changes(world)) == {(ANN, "optedOut", "api")}, fault
        assert len({one.id for one in world.relay.notices}) == 1
        activity, _ = await world.services.conversations._activity.page(10, None)
        assert len(activity) == 1
        if not fault.has_struck:
            break


async def test_a_yes_that_is_heard_late_is_told() -> None:
    world = World()
    await world.receive("YES", ago_s=10)
    await world.receive("STOP", ago_s=20)
    assert [one[1] for one in changes(world)] == ["optedIn", "optedOut"]


async def test_work_that_failed_is_told_without_what_it_held() -> None:
    world = World()
    await world.services.failures.keep(SENDS_QUEUE, "not JSON")
    [notice] = world.relay.notices
    [failure], _ = await world.services.failures.page(10, None)
    assert notice.type == "Sms.WorkFailed"
    assert notice.data == {"id": failure.id, "queue": SENDS_QUEUE, "failedAt": notice.at.isoformat()}


async def test_a_notice_that_could_not_be_told_is_not_told_of() -> None:
    world = World()
    await world.services.failures.keep(NOTICES_QUEUE, '{"lane":"x"}')
    assert world.relay.notices == []


async def test_a_topic_that_is_down_does_not_hold_up_texts_and_is_told_later() -> None:
    world = World()
    await world.receive("STOP")
    world.relay.fail_next(2)
    answers = await world.send(ANN, BOB)
    assert [one.state for one in answers] == ["suppressed", "sent"]
    assert settled(world) == []
    await world.pass_time(minutes=2)
    assert settled(world) == [(ANN, "suppressed", "optedOut")]


@dataclass
class Life:
    """What happens to texts in a test: first, then at a worker that may fail, then what the caller does about it."""

    begin: Callable[[World], Awaitable[object]]
    work: Callable[[World], Awaitable[object]]
    repeat: Callable[[World], Awaitable[object]]


async def _nothing(_: World) -> None:
    """Do nothing."""


async def _opted_out(world: World) -> None:
    await world.services.opt_out_lists.add(None, [ANN])


async def _send(world: World) -> None:
    with contextlib.suppress(SmsError):
        await world.send(ANN, BOB, CAT, key="key")


async def _later(world: World) -> None:
    text = world.text(ANN, BOB)
    at_ms = world.now_ms + 3_600_000
    last_ms = at_ms + 600_000
    later = Text(text.sender, text.recipients, text.text, send_at_ms=at_ms, not_after_ms=last_ms)
    await world.services.sending.send(later, "later")


async def _expiring(world: World) -> None:
    await _later(world)
    world.clock.advance(minutes=80)
    await world.services.releases.run()


async def _cancel(world: World) -> None:
    for message in world.messages():
        with contextlib.suppress(Conflict, NotFound):
            await world.services.sending.cancel(message.key)


async def _refused_later(world: World) -> None:
    await _later(world)
    world.clock.advance(minutes=60)
    await world.services.releases.run()
    world.carrier.fail_next(CarrierRefused("no", target="sender"))


async def _campaign(world: World) -> None:
    to = people(4)
    await world.services.opt_out_lists.add(None, to[:2])
    await start(world, request(world, to, sender=SHORT_CODE))


async def _canceled_campaign(world: World) -> None:
    campaign = await start(world, request(world, people(4), sender=SHORT_CODE))
    await world.services.campaigns.set_status(campaign.id, Status.CANCELED)


LIVES = {
    "suppressed": Life(_opted_out, _send, _send),
    "suppressed, the timer alone": Life(_opted_out, _send, _nothing),
    "expired": Life(_expiring, World.work_off, _nothing),
    "canceled": Life(_later, _cancel, _cancel),
    "canceled, the timer alone": Life(_later, _cancel, _nothing),
    "failed in the queue": Life(_refused_later, World.work_off, _nothing),
    "campaign": Life(_campaign, World.work_off, _nothing),
    "canceled campaign": Life(_canceled_campaign, World.work_off, _nothing),
}


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(("when", "kills"), [("before", True), ("after", True), ("after", False)])
async def test_each_end_is_told_after_a_fault_at_any_call_and_the_webhook_gets_it_once(
    life: str, when: When, kills: bool
) -> None:
    for at in range(NEVER):
        webhook = MemoryWebhook(lambda _: Receipt(204))
        world = World(webhook=webhook)
        await LIVES[life].begin(world)
        fault = Fault(at, when, asyncio.CancelledError() if kills else StorageUnavailable("down"), kills=kills)
        with contextlib.suppress(asyncio.CancelledError, SmsError):
            await LIVES[life].work(world.behind(fault))
        await asyncio.sleep(0)
        await world.pass_time(minutes=3)
        await LIVES[life].repeat(world)
        world.clock.advance(minutes=70)
        await world.pass_time(minutes=3)

        # Copies in conversations tell of the same message.
        ended = {message_settled(one).id for one in world.messages() if one.state in ENDS}
        assert {one.id for one in world.relay.notices if one.type == "Sms.MessageSettled"} == ended, fault
        taken = Counter(one.id for one in webhook.taken if "Sms.MessageSettled" in one.body)
        assert set(taken) == ended, fault
        twice = [one for one, count in taken.items() if count > 1]
        assert len(twice) <= 1, fault
        if not fault.has_struck:
            assert ended
            break
