"""The endpoints of the inbox: polls that cost little, decisions that do not overwrite, answers and notes."""

from __future__ import annotations

from typing import Any

import azure.functions as func
import pytest

from shared.rules.ids import conversation_id
from tests.unit.edges.calling import Caller, error_of, read
from tests.unit.services.world import ANN, BOB, TOLL_FREE

WITH_ANN = conversation_id(TOLL_FREE, ANN)
ONE = {"id": WITH_ANN}


async def patch(caller: Caller, body: object, **headers: str) -> func.HttpResponse:
    """Decide something about the conversation with Ann."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await caller.http("change_conversation", "PATCH", "conversations/x", body=body, route=ONE, headers=named)


async def shown(caller: Caller) -> dict[str, Any]:
    """Return the conversation with Ann as it is shown."""
    return dict(read(await caller.get("get_conversation", "conversations/x", route=ONE)))


async def test_an_idle_poll_of_the_inbox_is_answered_without_reading_the_conversations(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    first = await caller.get("list_conversations", "conversations")
    tag = first.headers["ETag"]
    idle = await caller.get("list_conversations", "conversations", headers={"If-None-Match": tag})
    assert (idle.status_code, idle.headers["ETag"]) == (304, tag)
    caller.world.clock.advance(minutes=1)
    await caller.world.receive("Hello", BOB)
    news = await caller.get("list_conversations", "conversations", headers={"If-None-Match": tag})
    assert news.status_code == 200
    assert [one["recipient"] for one in read(news)["value"]] == [BOB, ANN]


async def test_a_conversation_shows_what_is_to_be_done(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    one = await shown(caller)
    assert (one["unread"], one["status"], one["labels"], one["isOptedOut"]) == (1, "open", [], False)
    assert one["waitingSince"] == one["lastActivityAt"]
    await caller.world.receive("STOP", ANN)
    assert (await shown(caller))["isOptedOut"] is True


async def test_decisions_are_stored_and_what_is_left_out_stays(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    newest = (await shown(caller))["lastMessage"]["id"]
    await patch(caller, {"assignee": "Kim", "labels": ["vip", "billing", "vip"]})
    answer = read(await patch(caller, {"readUpTo": newest}))
    assert (answer["assignee"], answer["labels"], answer["unread"]) == ("Kim", ["vip", "billing"], 0)
    answer = read(await patch(caller, {"assignee": "", "status": "closed"}))
    assert ("assignee" in answer, answer["status"]) == (False, "closed")


async def test_an_etag_that_no_longer_holds_changes_nothing(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    tag = (await caller.get("get_conversation", "conversations/x", route=ONE)).headers["ETag"]
    changed = await patch(caller, {"assignee": "Kim"}, If_Match=tag)
    assert changed.status_code == 200
    assert error_of(await patch(caller, {"assignee": "Lee"}, If_Match=tag))[:2] == (412, "PreconditionFailed")
    assert (await patch(caller, {"labels": ["vip"]}, If_Match=changed.headers["ETag"])).status_code == 200
    assert (await shown(caller))["assignee"] == "Kim"


@pytest.mark.parametrize("body", [{"status": "done"}, {"labels": [""]}, {"readUpTo": "x"}, {"assignee": "a" * 129}])
async def test_a_decision_that_makes_no_sense_is_refused(caller: Caller, body: dict[str, object]) -> None:
    await caller.world.receive("Hello", ANN)
    assert (await patch(caller, body)).status_code == 400


async def test_an_answer_goes_from_the_number_that_was_texted_once_per_key(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    for _ in range(2):
        sent = await caller.post(
            "reply_to_conversation",
            "conversations/x/messages",
            {"text": "Hi", "tag": "support"},
            route=ONE,
            headers={"Idempotency-Key": "k1"},
        )
        assert sent.status_code == 202
    (text,) = caller.world.carrier.sent_to(ANN)
    assert (text.sender, text.text) == (TOLL_FREE, "Hi")
    assert (await shown(caller)).get("waitingSince") is None


async def test_nobody_who_has_opted_out_is_answered(caller: Caller) -> None:
    await caller.world.receive("STOP", ANN)
    refused = await caller.post("reply_to_conversation", "conversations/x/messages", {"text": "Hi"}, route=ONE)
    assert error_of(refused) == (409, "RecipientOptedOut", "id")
    assert caller.world.carrier.sent_to(ANN) == []


@pytest.mark.parametrize(
    ("name", "method", "body"),
    [
        ("get_conversation", "GET", None),
        ("change_conversation", "PATCH", {"assignee": "Kim"}),
        ("reply_to_conversation", "POST", {"text": "Hi"}),
        ("add_note", "POST", {"text": "Hi"}),
        ("list_notes", "GET", None),
    ],
)
async def test_an_unknown_conversation_is_not_found(caller: Caller, name: str, method: str, body: object) -> None:
    answer = await caller.http(name, method, "conversations/x", body=body, route={"id": "0" * 32})
    assert error_of(answer) == (404, "ConversationNotFound", "id")


async def test_notes_are_kept_and_listed(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    kept = await caller.post("add_note", "conversations/x/notes", {"text": "call back"}, route=ONE)
    assert kept.status_code == 201
    listed = read(await caller.get("list_notes", "conversations/x/notes", route=ONE))["value"]
    assert listed == [read(kept)]
    assert listed[0]["text"] == "call back"


async def test_search_takes_numbers_as_people_write_them_and_refuses_what_is_none(caller: Caller) -> None:
    await caller.world.receive("Hello", ANN)
    found = read(await caller.post("search_conversations", "conversations/search", {"recipient": ANN, "text": "HELL"}))
    assert [one["recipient"] for one in found["value"]] == [ANN]
    refused = await caller.post("search_conversations", "conversations/search", {"recipient": "nobody"})
    assert refused.status_code == 400


async def test_quick_replies_are_replaced_as_a_whole_and_by_etag(caller: Caller) -> None:
    body = {"value": [{"name": "Hours", "text": "From 9 to 18, {{name}}"}]}
    empty = await caller.get("get_quick_replies", "quick-replies")
    first = await caller.http(
        "set_quick_replies", "PUT", "quick-replies", body=body, headers={"If-Match": empty.headers["ETag"]}
    )
    assert read(first) == body
    stale = await caller.http(
        "set_quick_replies", "PUT", "quick-replies", body={"value": []}, headers={"If-Match": empty.headers["ETag"]}
    )
    assert error_of(stale)[:2] == (412, "PreconditionFailed")
    again = await caller.get("get_quick_replies", "quick-replies", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    large = {"value": [{"name": f"{number}", "text": "x" * 2000} for number in range(20)]}
    refused = await caller.http("set_quick_replies", "PUT", "quick-replies", body=large)
    assert error_of(refused)[:2] == (400, "TooManyQuickReplies")
