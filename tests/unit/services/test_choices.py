"""Choices: noted on the message that asked, whatever comes twice, late or in another order, and told once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.rules.auto_replies import AutoReplies, AutoReplyRule
from shared.rules.choices import Choice, ChoiceWords, Chosen
from shared.rules.errors import StorageUnavailable
from shared.rules.states import State, Step
from shared.services.analytics import Interval
from shared.services.inbound import TextReceived
from shared.services.messages import Message, Messages
from tests.unit.services.campaigning import request, start
from tests.unit.services.faults import Fault, When
from tests.unit.services.world import ANN, BOB, SHORT_CODE, TOLL_FREE, World

WORDS = ChoiceWords.of(["C", "YES", "1"], ["X", "NO", "2"])
NEVER = 10**9


async def ask(world: World, *to: str, words: ChoiceWords = WORDS) -> str:
    """Send a reminder, let some time pass, and return the id of the first message."""
    (answer, *_) = await world.send(*(to or (ANN,)), text="Tomorrow at 9?", tag="reminders", words=words)
    world.clock.advance(minutes=5)
    assert answer.id
    return answer.id


async def choice_on(world: World, message_id: str) -> Choice | None:
    """Return what is noted on a message."""
    chosen = (await world.message(message_id)).chosen
    return chosen.choice if chosen else None


async def counted(world: World) -> tuple[int, int]:
    """Return how many confirmed and canceled, as the analytics say."""
    totals = (await world.services.analytics.report(0, world.now_ms + 1, Interval.DAY, None)).totals
    return totals["confirms"], totals["cancels"]


def told(world: World) -> list[object]:
    """Return what the application was told of choices, each notice once."""
    return [one.data["choice"] for one in {one.id: one for one in world.relay.notices}.values() if "choice" in one.data]


async def test_a_choice_is_noted_told_and_counted() -> None:
    world = World()
    asked = await ask(world, ANN, BOB)
    received = await world.receive("Yes!", ANN)
    assert await choice_on(world, asked) is Choice.CONFIRM
    message = await world.message(asked)
    assert message.chosen
    assert message.chosen.at_ms == received.received_ms
    assert await counted(world) == (1, 0)
    [notice] = [one for one in world.relay.notices if one.type == "Sms.ChoiceReceived"]
    shown = {name: notice.data[name] for name in ("id", "from", "to", "tag", "campaignId", "choice")}
    assert shown == {
        "id": asked, "from": ANN, "to": TOLL_FREE, "tag": "reminders", "campaignId": None, "choice": "confirm",
    }  # fmt: skip
    [text] = [one for one in world.messages() if one.text == "Yes!"]
    assert notice.data["textId"] == text.id


@pytest.mark.parametrize("text", ["Yes please", "STOP", "HELP", "START", "3", "CANCEL"])
async def test_another_text_chooses_nothing(text: str) -> None:
    world = World()
    asked = await ask(world)
    await world.receive(text)
    assert await choice_on(world, asked) is None
    assert (told(world), await counted(world)) == ([], (0, 0))


async def test_who_has_opted_out_and_answers_yes_opts_in_and_confirms_nothing() -> None:
    world = World()
    asked = await ask(world)
    await world.receive("STOP", ago_s=20)
    await world.receive("YES", ago_s=10)
    assert not await world.blocked()
    assert await choice_on(world, asked) is None


async def test_who_changes_their_mind_is_believed_in_whatever_order_it_is_heard() -> None:
    for turned in (False, True):
        world = World()
        asked = await ask(world)
        texts = [world.received("YES", ago_s=20), world.received("NO", ago_s=10)]
        for text in reversed(texts) if turned else texts:
            await world.services.inbound.receive(text)
        assert await choice_on(world, asked) is Choice.CANCEL
        assert await counted(world) == (0, 1)
        assert sorted(map(str, told(world))) == ["cancel", "confirm"]


async def test_two_choices_at_the_same_moment_end_in_the_same_everywhere() -> None:
    ends = set()
    for turned in (False, True):
        world = World()
        asked = await ask(world)
        texts = [world.received("YES"), world.received("NO")]
        for text in reversed(texts) if turned else texts:
            await world.services.inbound.receive(text)
        choice = await choice_on(world, asked)
        assert choice
        assert await counted(world) == ((1, 0) if choice is Choice.CONFIRM else (0, 1))
        ends.add(choice)
    assert len(ends) == 1


async def test_the_newest_message_that_knows_the_word_is_answered() -> None:
    world = World()
    older = await ask(world)
    newer = await ask(world, words=ChoiceWords.of(["DONE"], []))
    plain = (await world.send(ANN, text="By the way"))[0].id
    world.clock.advance(minutes=5)
    await world.receive("no")
    assert [await choice_on(world, one or "") for one in (older, newer, plain)] == [Choice.CANCEL, None, None]
    await world.receive("done")
    assert await choice_on(world, newer) is Choice.CONFIRM


async def test_a_choice_is_for_the_sender_that_asked_and_for_texts_of_the_last_days() -> None:
    world = World()
    asked = await ask(world)
    await world.receive("YES", to=SHORT_CODE)
    assert await choice_on(world, asked) is None
    world.clock.advance(hours=72)
    await world.receive("YES")
    assert await choice_on(world, asked) is None


async def test_a_text_that_came_before_the_message_had_gone_does_not_answer_it() -> None:
    world = World()
    accepted_ms = world.now_ms
    later = replace(world.text(ANN, words=WORDS), send_at_ms=accepted_ms + 600_000)
    (answer,) = await world.services.sending.send(later)
    await world.pass_time(minutes=12)
    asked = await world.message(answer.id)
    assert asked.state is State.SENT
    # Event Grid brings it late.
    early = replace(world.received("YES"), received_ms=asked.first_sent_ms - 1)
    await world.services.inbound.receive(early)
    assert await choice_on(world, asked.id) is None
    await world.services.inbound.receive(replace(world.received("YES"), received_ms=asked.first_sent_ms))
    assert await choice_on(world, asked.id) is Choice.CONFIRM


@pytest.mark.parametrize("delivery_report", [False, True])
@pytest.mark.parametrize("is_reported", [False, True])
async def test_a_text_of_a_campaign_can_be_answered_before_its_report(delivery_report: bool, is_reported: bool) -> None:
    world = World()
    campaign = await start(world, request(world, [ANN, BOB], words=WORDS, delivery_report=delivery_report))
    await world.pass_time(minutes=1)
    if is_reported:
        await world.services.delivery_reports.receive(world.report(ANN))
    await world.receive("1", ANN)
    assert [one.chosen and one.chosen.choice for one in copies_of(world)] == [Choice.CONFIRM]
    await world.services.delivery_reports.receive(world.report(ANN))
    recipients, _ = await world.services.campaign_progress.recipients(campaign.id, None, 10, None)
    assert [(one.to, one.state, one.choice) for one in recipients] == [(ANN, "delivered", "confirm"), (BOB, "sent", "")]
    assert [one.chosen and one.chosen.choice for one in copies_of(world)] == [Choice.CONFIRM]
    assert [one.state.value for one in copies_of(world)] == ["delivered"]
    assert await counted(world) == (1, 0)
    [notice] = [one for one in world.relay.notices if one.type == "Sms.ChoiceReceived"]
    assert (notice.data["id"], notice.data["campaignId"]) == (recipients[0].id, campaign.id)


def copies_of(world: World) -> list[Message]:
    """Return what is in the conversations of a campaign's text to one person."""
    return [one for one in world.messages() if one.recipient == ANN and one.home]


async def test_a_report_that_was_read_before_the_choice_does_not_take_it_from_the_conversation() -> None:
    world = World()
    await start(world, request(world, [ANN], words=WORDS))
    await world.pass_time(minutes=1)
    messages = Messages(world.tables.table("Messages"))
    [before] = [one for one in world.messages() if not one.home]
    await world.receive("1", ANN)
    await messages.copy_to_conversation(before.with_step(Step(State.DELIVERED, world.now_ms)))
    [copy] = copies_of(world)
    assert (copy.state, copy.chosen and copy.chosen.choice) == (State.DELIVERED, Choice.CONFIRM)


async def test_a_rule_for_the_word_thanks_for_the_choice() -> None:
    world = World()
    await world.services.auto_replies.put(AutoReplies((AutoReplyRule("See you!", keyword="YES"),)), lambda _: True)
    asked = await ask(world)
    await world.receive("YES")
    assert await choice_on(world, asked) is Choice.CONFIRM
    assert world.carrier.sent_to(ANN)[-1].text == "See you!"


async def receive(world: World, received: TextReceived) -> None:
    """Let the app take a text, and die over it if it must."""
    try:
        await world.services.inbound.receive(received)
    except (StorageUnavailable, asyncio.CancelledError):
        return


@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_at_any_call_neither_loses_nor_doubles_a_choice(when: When, kills: bool) -> None:
    whole, fault = World(), Fault(NEVER, when, StorageUnavailable("never"))
    await ask(whole)
    await receive(whole.behind(fault), whole.received("NO"))
    assert fault.calls > 5
    for at in range(fault.calls):
        world = World()
        asked = await ask(world)
        received = world.received("NO")
        error: BaseException = asyncio.CancelledError() if kills else StorageUnavailable("down")
        await receive(world.behind(Fault(at, when, error, kills)), received)
        world.clock.advance(minutes=1)
        for _ in range(2):
            await world.services.inbound.receive(received)
        assert await choice_on(world, asked) is Choice.CANCEL, at
        assert await counted(world) == (0, 1), at
        assert told(world) == ["cancel"], at


async def test_a_text_that_asks_nothing_costs_nothing_more() -> None:
    sizes = []
    for words in (ChoiceWords(), WORDS):
        world = World()
        await ask(world, words=words)
        fault = Fault(NEVER, "before", StorageUnavailable("never"))
        await receive(world.behind(fault), world.received("Hello"))
        sizes.append(fault.calls)
    assert sizes[0] == sizes[1]


async def test_a_choice_on_a_message_that_is_deleted_meanwhile_is_told_and_written_nowhere() -> None:
    world = World()
    asked = await world.message(await ask(world))
    await world.tables.table("Messages").delete(asked.key.partition, asked.key.row)
    chosen = Chosen(Choice.CONFIRM, world.now_ms)
    told_of = await Messages(world.tables.table("Messages")).choose(asked, chosen)
    assert told_of.chosen == chosen
    assert world.messages() == []
