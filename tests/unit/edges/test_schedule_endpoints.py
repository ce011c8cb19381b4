"""`sendAt` and `notAfter` of single requests, and canceling what has not gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from tests.unit.edges.calling import Caller, error_of, read
from tests.unit.services.world import ANN, BOB, World

GOOD = {"to": ANN, "text": "Hello"}


def later(world: World, **by: float) -> str:
    """Return a time to come, as it is written."""
    return (world.clock.now() + timedelta(**by)).isoformat()


async def one(caller: Caller, body: Mapping[str, object], **headers: str) -> Any:
    """Send to one recipient, and return the result."""
    response = await caller.send(body, **headers)
    assert response.status_code == 202
    (result,) = read(response)["value"]
    return result


async def shown(caller: Caller, message_id: str) -> Any:
    """Return a message as it is shown."""
    return read(await caller.get("get_message", "messages/x", route={"id": message_id}))


async def cancel(caller: Caller, message_id: str) -> func.HttpResponse:
    """Cancel a message."""
    return await caller.http("cancel_message", "DELETE", f"messages/{message_id}", route={"id": message_id})


async def test_a_text_with_a_time_is_scheduled_and_goes_then(world: World, caller: Caller) -> None:
    result = await one(caller, GOOD | {"sendAt": later(world, hours=2)})
    assert result["state"] == "scheduled"

    await world.pass_time(hours=1, minutes=59)
    assert world.carrier.requests == []
    await world.pass_time(minutes=2)

    message = await shown(caller, result["id"])
    assert [step["state"] for step in message["history"]] == ["scheduled", "sending", "sent"]


async def test_a_time_that_has_passed_is_now(caller: Caller) -> None:
    assert (await one(caller, GOOD | {"sendAt": "2001-01-01T00:00:00Z"}))["state"] == "sent"


async def test_what_cannot_go_in_time_expires(world: World, caller: Caller) -> None:
    times = {"sendAt": later(world, hours=1), "notAfter": later(world, hours=1, minutes=5)}
    result = await one(caller, GOOD | times)

    world.clock.time += timedelta(hours=3)
    await world.pass_time(minutes=2)

    message = await shown(caller, result["id"])
    assert (message["state"], message["reason"]["code"]) == ("expired", "expired")
    assert world.carrier.requests == []


@pytest.mark.parametrize("send_at", [None, {"hours": 2}])
async def test_not_after_must_leave_time(world: World, caller: Caller, send_at: dict[str, float] | None) -> None:
    times = {"sendAt": later(world, **send_at)} if send_at else {}
    times["notAfter"] = times.get("sendAt") or later(world)
    assert error_of(await caller.send(GOOD | times)) == (400, "NotAfterTooEarly", "notAfter")


async def test_a_repeat_gets_the_first_answer_though_its_time_is_over(world: World, caller: Caller) -> None:
    body = GOOD | {"notAfter": later(world, minutes=1)}
    first = await one(caller, body, Idempotency_Key="k")
    world.clock.time += timedelta(minutes=5)
    assert await one(caller, body, Idempotency_Key="k") == first


async def test_a_key_is_free_again_after_a_wrong_time(world: World, caller: Caller) -> None:
    await caller.send(GOOD | {"notAfter": later(world)}, Idempotency_Key="k")
    assert (await one(caller, GOOD, Idempotency_Key="k"))["state"] == "sent"


@pytest.mark.parametrize("time", ["2030-01-01T10:00:00", "tomorrow", 1893492000])
@pytest.mark.parametrize("field", ["sendAt", "notAfter"])
async def test_a_time_without_a_zone_or_sense_is_refused(caller: Caller, field: str, time: object) -> None:
    assert error_of(await caller.send(GOOD | {field: time})) == (400, "InvalidValue", field)


@pytest.mark.parametrize("time", ["1999-12-31T23:59:59Z", "2000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("field", ["sendAt", "notAfter"])
async def test_a_time_far_from_now_is_refused(caller: Caller, field: str, time: str) -> None:
    assert error_of(await caller.send(GOOD | {field: time})) == (400, "TimeOutOfRange", field)


async def test_a_scheduled_text_can_be_canceled_and_the_others_go(world: World, caller: Caller) -> None:
    response = await caller.send({"to": [ANN, BOB], "text": "Hello", "sendAt": later(world, hours=1)})
    of_ann, _ = read(response)["value"]

    canceled = await cancel(caller, of_ann["id"])

    assert (canceled.status_code, read(canceled)["state"], read(canceled)["to"]) == (200, "canceled", ANN)
    assert read(await cancel(caller, of_ann["id"]))["state"] == "canceled"
    await world.pass_time(hours=2)
    assert (world.carrier.sent_to(ANN), len(world.carrier.sent_to(BOB))) == ([], 1)
    assert (await shown(caller, of_ann["id"]))["state"] == "canceled"


async def test_a_text_that_has_gone_cannot_be_canceled(caller: Caller) -> None:
    result = await one(caller, GOOD)
    assert error_of(await cancel(caller, result["id"])) == (409, "MessageHasGone", "id")


@pytest.mark.parametrize("message_id", ["x", f"{'0' * 32}.{'1' * 14}-unknown"])
async def test_an_unknown_text_cannot_be_canceled(caller: Caller, message_id: str) -> None:
    assert error_of(await cancel(caller, message_id)) == (404, "MessageNotFound", "id")
