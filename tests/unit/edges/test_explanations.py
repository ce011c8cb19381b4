"""`GET /api/messages/{id}/explain`: what a support person reads out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.edges.calling import Caller, error_of, read
from tests.unit.services.world import ANN, BOB, World


async def explained(caller: Caller, message_id: str) -> Any:
    """Return the answer of the endpoint."""
    url = f"messages/{message_id}/explain"
    return read(await caller.get("explain_message", url, route={"id": message_id}))


async def test_a_failed_text_is_explained_step_by_step(world: World, caller: Caller) -> None:
    [sent] = read(await caller.send({"to": ANN, "text": "Hello"}))["value"]
    await world.services.delivery_reports.receive(world.report(ANN, "Failed", "4004"))
    answer = await explained(caller, sent["id"])
    assert (answer["state"], answer["why"]) == ("failed", "The recipient's number does not exist.")
    assert [one["happened"].split(".")[0] for one in answer["timeline"]] == [
        "It was being handed to the carrier",
        "The carrier took it",
        "It failed",
    ]
    assert answer["mayBeTexted"] is True
    assert "optOut" not in answer


async def test_a_text_that_an_opt_out_keeps_back_says_since_when_and_how(world: World, caller: Caller) -> None:
    await world.receive("STOP", ANN)
    [held] = read(await caller.send({"to": ANN, "text": "Hello"}))["value"]
    answer = await explained(caller, held["id"])
    assert (answer["state"], answer["mayBeTexted"]) == ("suppressed", False)
    assert (answer["optOut"]["source"], answer["optOut"]["keyword"]) == ("sms", "STOP")
    assert answer["optOut"]["since"] < answer["timeline"][0]["at"]


async def test_who_came_back_may_be_texted_and_the_old_opt_out_is_still_told(world: World, caller: Caller) -> None:
    await world.receive("STOP", ANN)
    [held] = read(await caller.send({"to": ANN, "text": "Hello"}))["value"]
    await world.receive("START", ANN, ago_s=0)
    answer = await explained(caller, held["id"])
    assert (answer["mayBeTexted"], answer["optOut"]["keyword"]) == (True, "STOP")


async def test_a_recipient_of_a_campaign_is_explained_before_its_turn(caller: Caller) -> None:
    body = {"name": "N", "text": "Hi", "sendAt": "2030-01-01T10:00:00Z", "recipients": [{"to": BOB}]}
    campaign = read(await caller.post("start_campaign", "campaigns", body))["id"]
    url = f"campaigns/{campaign}/recipients"
    listed = read(await caller.get("list_campaign_recipients", url, route={"id": campaign}))
    answer = await explained(caller, listed["value"][0]["id"])
    assert (answer["state"], answer["campaignId"]) == ("scheduled", campaign)


async def test_nothing_of_the_person_or_the_text_is_in_it(world: World, caller: Caller) -> None:
    await world.receive("STOP", ANN)
    [held] = read(await caller.send({"to": ANN, "text": "canary"}))["value"]
    shown = str(await explained(caller, held["id"]))
    assert ANN not in shown
    assert "canary" not in shown


@pytest.mark.parametrize("id", ["x", "0" * 32 + ".98204653046263-x"])
async def test_an_unknown_message_is_not_found(caller: Caller, id: str) -> None:  # noqa: A002 - the route's own name
    answer = await caller.get("explain_message", "messages/x/explain", route={"id": id})
    assert error_of(answer) == (404, "MessageNotFound", "id")
