"""The inbox: what is unread, who waits, what is open, and what people decide, exact whatever comes twice."""

from __future__ import annotations

import asyncio

import pytest

from shared.edges.tables_memory import MemoryTable
from shared.ports.tables import Entity
from shared.rules.auto_replies import AutoReplies, AutoReplyRule
from shared.rules.errors import Conflict, NotFound, PreconditionFailed
from shared.rules.ids import conversation_id
from shared.services.auto_replies import AUTO_REPLY
from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import Row
from shared.services.conversation import Conversation, Decision
from shared.services.conversation_criteria import Criteria
from shared.services.quick_replies import QuickReply
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World

WITH_ANN = conversation_id(TOLL_FREE, ANN)


async def with_ann(world: World) -> Conversation:
    """Return the conversation with Ann."""
    return await world.services.conversations.find(WITH_ANN)


async def anything(_: Conversation) -> None:
    """Accept a conversation as it is."""


async def decide(world: World, decision: Decision) -> Conversation:
    """Decide something about the conversation with Ann."""
    return await world.services.conversations.change(WITH_ANN, decision, anything)


async def found(world: World, criteria: Criteria) -> list[str]:
    """Return whom the conversations are with that are found."""
    page = await world.services.conversations.search(criteria, 100, None)
    return [one.newest.recipient for one in page.conversations]


async def test_texts_are_unread_and_wait_until_somebody_answers() -> None:
    world = World()
    first = await world.receive("Are you open?", ANN)
    world.clock.advance(minutes=1)
    await world.receive("Hello?", ANN)
    asked = await with_ann(world)
    assert (asked.unread, asked.waiting_since_ms) == (2, first.received_ms)
    world.clock.advance(minutes=1)
    await world.send(ANN, text="Yes")
    answered = await with_ann(world)
    assert (answered.unread, answered.waiting_since_ms) == (0, 0)


async def test_a_text_that_comes_twice_is_unread_once() -> None:
    world = World()
    text = await world.receive("Are you open?", ANN)
    await world.services.inbound.receive(text)
    assert (await with_ann(world)).unread == 1


async def test_what_was_read_still_waits_for_its_answer() -> None:
    world = World()
    await world.receive("Are you open?", ANN)
    one = await decide(world, Decision(read_row=(await with_ann(world)).newest.key.row))
    assert (one.unread, one.waiting_since_ms > 0) == (0, True)


async def test_reading_an_older_text_afterwards_makes_nothing_unread() -> None:
    world = World()
    await world.receive("one", ANN)
    older = (await with_ann(world)).newest.key.row
    world.clock.advance(minutes=1)
    await world.receive("two", ANN)
    await decide(world, Decision(read_row=(await with_ann(world)).newest.key.row))
    assert (await decide(world, Decision(read_row=older))).unread == 0


async def test_who_wrote_a_keyword_alone_does_not_wait() -> None:
    world = World()
    await world.receive("HELP", ANN)
    assert (await with_ann(world)).waiting_since_ms == 0


async def test_a_campaign_answers_nobody() -> None:
    world = World()
    await world.receive("Are you open?", ANN)
    world.clock.advance(minutes=1)
    sender = world.services.senders.choose(TOLL_FREE)
    await world.services.campaign_plans.start(
        CampaignRequest("News", sender, "News", [Row(1, ANN)], quiet=False), "key"
    )
    await world.pass_time(minutes=1)
    await world.services.delivery_reports.receive(world.report(ANN))
    one = await with_ann(world)
    assert (one.newest.campaign != "", one.waiting_since_ms > 0) == (True, True)


async def test_an_automatic_answer_answers_nobody() -> None:
    world = World()
    await world.services.auto_replies.put(AutoReplies((AutoReplyRule("We will see.", pattern="*"),)), lambda _: True)
    await world.receive("Are you open?", ANN, ago_s=0)
    one = await with_ann(world)
    assert (one.newest.tag, one.waiting_since_ms > 0) == (AUTO_REPLY, True)


async def test_a_conversation_is_closed_although_the_clock_of_its_last_text_was_ahead() -> None:
    world = World()
    await world.receive("Thanks", ANN, ago_s=-2)
    assert not (await decide(world, Decision(is_open=False))).is_open


async def test_a_keyword_wants_no_answer_and_the_apps_own_reply_is_none() -> None:
    world = World()
    await world.receive("Are you open?", ANN, to=SHORT_CODE)
    world.clock.advance(minutes=1)
    await world.receive("HELP", ANN, to=SHORT_CODE)
    assert world.carrier.sent_to(ANN)
    one = await world.services.conversations.find(conversation_id(SHORT_CODE, ANN))
    assert one.waiting_since_ms == min(message.key.at_ms for message in one.recent)


async def test_a_text_that_was_kept_back_answers_nothing() -> None:
    world = World()
    await world.receive("Are you open?", ANN)
    world.clock.advance(minutes=1)
    await world.receive("STOP", ANN)
    world.clock.advance(minutes=1)
    await world.send(ANN, text="Yes")
    assert (await with_ann(world)).waiting_since_ms > 0


async def test_a_closed_conversation_opens_when_the_person_writes_again() -> None:
    world = World()
    await world.receive("Thanks", ANN)
    closed = await decide(world, Decision(is_open=False))
    assert (closed.is_open, closed.waiting_since_ms) == (False, 0)
    world.clock.advance(minutes=1)
    await world.receive("One more thing", ANN)
    assert (await with_ann(world)).is_open
    assert (await decide(world, Decision(is_open=False))).is_open is False
    assert (await decide(world, Decision(is_open=True))).is_open is True


async def test_decisions_of_two_people_at_once_are_both_kept() -> None:
    world = World()
    await world.receive("Hello", ANN)
    await asyncio.gather(
        decide(world, Decision(assignee="Kim")),
        decide(world, Decision(labels=("billing",))),
        decide(world, Decision(is_open=False)),
    )
    state = (await with_ann(world)).state
    assert (state.assignee, state.labels, state.closed_ms > 0) == ("Kim", ("billing",), True)


async def test_a_decision_about_what_has_changed_is_refused_and_changes_nothing() -> None:
    world = World()
    await world.receive("Hello", ANN)

    async def refuse(_: Conversation) -> None:
        raise PreconditionFailed("changed")

    with pytest.raises(PreconditionFailed):
        await world.services.conversations.change(WITH_ANN, Decision(assignee="Kim"), refuse)
    assert (await with_ann(world)).state.assignee == ""
    with pytest.raises(NotFound):
        await world.services.conversations.change("0" * 32, Decision(assignee="Kim"), anything)


async def test_conversations_are_found_by_what_is_to_be_done() -> None:
    world = World()
    await world.send(ANN)
    await world.receive("Hello", BOB)
    await world.receive("Hello", CAT, to=SHORT_CODE)
    await world.services.conversations.change(
        conversation_id(TOLL_FREE, BOB), Decision(assignee="Kim", labels=("vip", "billing")), anything
    )
    await world.services.conversations.change(conversation_id(SHORT_CODE, CAT), Decision(is_open=False), anything)
    assert await found(world, Criteria(waiting=True)) == [BOB]
    assert sorted(await found(world, Criteria(unread=True))) == sorted([BOB, CAT])
    assert await found(world, Criteria(sender=SHORT_CODE)) == [CAT]
    assert await found(world, Criteria(is_open=False)) == [CAT]
    assert await found(world, Criteria(assignee="Kim")) == [BOB]
    assert sorted(await found(world, Criteria(assignee=""))) == sorted([ANN, CAT])
    assert await found(world, Criteria(label="vip")) == [BOB]
    assert await found(world, Criteria(label="vip", waiting=False)) == []


async def test_conversations_are_found_by_number_and_by_what_was_said() -> None:
    world = World()
    await world.receive("Is my TABLE ready?", ANN)
    hour_later_ms = world.now_ms + 3_600_000
    world.clock.advance(hours=2)
    await world.send(ANN, text="It is")
    await world.receive("A table for two", ANN, to=SHORT_CODE)
    await world.receive("Hello", BOB)
    assert await found(world, Criteria(recipient=ANN)) == [ANN, ANN]
    assert await found(world, Criteria(recipient=ANN, sender=TOLL_FREE)) == [ANN]
    assert await found(world, Criteria(recipient=CAT)) == []
    assert await found(world, Criteria(text="table")) == [ANN, ANN]
    assert await found(world, Criteria(text="table", end_ms=hour_later_ms)) == [ANN]
    assert await found(world, Criteria(text="table", start_ms=hour_later_ms)) == [ANN]
    assert await found(world, Criteria(recipient=ANN, text="two")) == [ANN]
    assert await found(world, Criteria(text="nothing like it")) == []


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_a_search_by_text_finds_each_conversation_once_over_all_pages(limit: int) -> None:
    world = World()
    for number in range(6):
        world.clock.advance(minutes=1)
        await world.receive(f"table {number}", (ANN, BOB, CAT)[number % 3])
        await world.receive("something else", BOB)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await world.services.conversations.search(Criteria(text="table"), limit, cursor)
        seen += [one.newest.recipient for one in page.conversations]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted([ANN, BOB, CAT])


async def test_the_version_of_a_page_holds_until_something_in_it_changes() -> None:
    world = World()
    await world.send(ANN)
    await world.receive("Hello", BOB)
    conversations = world.services.conversations

    async def version() -> str:
        return (await conversations.search(Criteria(), 10, None)).version

    before = await version()
    assert await conversations.holds(before)
    await world.services.delivery_reports.receive(world.report(ANN))
    assert not await conversations.holds(before)
    reported = await version()
    await decide(world, Decision(assignee="Kim"))
    assert not await conversations.holds(reported)
    decided = await version()
    assert await conversations.holds(decided)
    await world.receive("Hello", CAT)
    assert not await conversations.holds(decided)
    for wrong in ("", "x", "10", "0-0.x", "9" * 9 + ".x", "-".join(["1"] * 99) + ".x"):
        assert not await conversations.holds(wrong)


async def test_a_note_is_kept_once_per_key_and_never_sent() -> None:
    world = World()
    await world.receive("Hello", ANN)
    notes = world.services.notes
    first = await notes.add(WITH_ANN, "call back", "key.a", "k1")
    world.clock.advance(minutes=5)
    assert await notes.add(WITH_ANN, "call back", "key.a", "k1") == first
    await notes.add(WITH_ANN, "called", "key.a", "k2")
    page, _ = await notes.page(WITH_ANN, 10, None)
    assert [note.text for note in page] == ["called", "call back"]
    with pytest.raises(Conflict):
        await notes.add(WITH_ANN, "another", "key.a", "k1")
    assert world.carrier.sent == []


async def test_a_note_whose_writer_died_halfway_is_whole_after_the_repetition() -> None:
    world = World()
    await world.receive("Hello", ANN)
    table = world.tables.table("Conversations")
    first = await world.services.notes.add(WITH_ANN, "call back", "key.a", "k1")
    written = await table.get(WITH_ANN, f"note.{first.id}")
    assert written
    await table.delete(WITH_ANN, written.row, written.etag)
    world.clock.advance(minutes=5)
    assert await world.services.notes.add(WITH_ANN, "call back", "key.a", "k1") == first
    assert (await world.services.notes.page(WITH_ANN, 10, None))[0] == (first,)


async def test_quick_replies_of_two_people_do_not_overwrite_one_another_unseen() -> None:
    world = World()
    replies = (QuickReply("Hours", "From 9 to 18"), QuickReply("Bye", "Bye, {{name}}"))
    await world.services.quick_replies.put(replies, lambda known: known == ())
    assert await world.services.quick_replies.get() == replies
    with pytest.raises(PreconditionFailed):
        await world.services.quick_replies.put((), lambda known: known == ())
    await world.services.quick_replies.put(replies, lambda known: known == ())
    assert await world.services.quick_replies.get() == replies


async def test_a_document_that_is_set_during_another_setting_is_seen_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    first, second = (QuickReply("Hours", "9 to 18"),), (QuickReply("Bye", "Bye"),)
    insert = type(world.tables.table("Conversations")).insert
    seen: list[tuple[QuickReply, ...]] = []

    async def overtaken(self: MemoryTable, entity: Entity) -> str:
        if len(seen) == 1:
            await world.services.quick_replies.put(second, note)
        return await insert(self, entity)

    def note(known: tuple[QuickReply, ...]) -> bool:
        seen.append(known)
        return True

    monkeypatch.setattr(MemoryTable, "insert", overtaken)
    await world.services.quick_replies.put(first, note)
    assert seen == [(), (), second]
    assert await world.services.quick_replies.get() == first
