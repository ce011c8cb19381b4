"""What callers are told when they send more than the settings allow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import azure.functions as func
import pytest

from shared.edges import events
from shared.rules.errors import InvalidRequest, TooManyRequests
from tests.unit.edges.calling import Caller, calling, error_of, read
from tests.unit.services.campaigning import people
from tests.unit.services.capping import capped, counted
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, World, settings


@pytest.fixture
def capped_caller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Give a caller of an app with daily caps of three segments, two for each caller."""
    with calling(capped(3, by_caller=2), monkeypatch) as made:
        yield made


def keyed(key: str) -> dict[str, str]:
    return {"x_functions_key": key}


async def test_a_text_over_the_daily_cap_is_answered_429_with_the_time_until_midnight(capped_caller: Caller) -> None:
    await capped_caller.send({"to": [ANN, BOB], "text": "Hello"}, **keyed("shop"))
    refused = await capped_caller.send({"to": CAT, "text": "Hello"}, **keyed("shop"))
    assert error_of(refused) == (429, "DailyCapReached", None)
    assert refused.headers["Retry-After"] == str(12 * 3600)
    assert (await capped_caller.send({"to": CAT, "text": "Hello"}, **keyed("desk"))).status_code == 202
    assert (await capped_caller.send({"to": CAT, "text": "Hello"}, **keyed("desk"))).status_code == 429
    assert counted(capped_caller.world) == 3


async def test_a_held_campaign_says_why_and_until_when(capped_caller: Caller) -> None:
    body = {
        "name": "Spring",
        "from": SHORT_CODE,
        "text": "Hello",
        "quietHours": False,
        "recipients": [{"to": one} for one in people(4)],
    }
    headers = {"x-functions-key": "shop"}
    forecast = await capped_caller.post("forecast_campaign", "campaigns/forecast", body, headers=headers)
    assert read(forecast)["dailyCapHoldsAt"].startswith("2026-03-02T12:00:0")
    started = read(await capped_caller.post("start_campaign", "campaigns", body, headers=headers))
    await capped_caller.world.pass_time(minutes=1)
    route = {"id": started["id"]}
    shown = read(await capped_caller.get("get_campaign", f"campaigns/{started['id']}", route=route))
    assert (shown["status"], shown["reason"], shown["heldUntil"]) == ("held", "dailyCap", "2026-03-03T00:00:00.000Z")
    assert shown["counts"] == {"queued": 2, "sent": 2}


async def test_a_caller_that_calls_too_often_is_answered_429_and_the_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with calling(World(settings=settings(SMS_REQUESTS_PER_MINUTE="12")), monkeypatch) as caller:
        body = {"to": ANN, "text": "Hello"}
        assert [(await caller.send(body, **keyed("shop"))).status_code for _ in range(3)] == [202, 202, 429]
        refused = await caller.send(body, **keyed("shop"))
        assert error_of(refused) == (429, "TooManyRequests", None)
        assert refused.headers["Retry-After"] == "5"
        assert (await caller.send(body, **keyed("desk"))).status_code == 202
        assert (await caller.get("health", "health")).status_code == 200
        caller.world.clock.advance(seconds=5)
        assert (await caller.send(body, **keyed("shop"))).status_code == 202


async def test_two_workers_count_the_requests_of_a_caller_together() -> None:
    first = World(settings=settings(SMS_REQUESTS_PER_MINUTE="60"))
    second = World(settings=first.settings, tables=first.tables, clock=first.clock)
    calls = (one.services.request_rates.admit("shop") for one in (first, second) for _ in range(10))
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(one is None for one in told) == 10
    assert all(one is None or isinstance(one, TooManyRequests) for one in told)


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"to":' * 100_000, b'{"to":' + b"[" * 2_000 + b"]" * 2_000 + b"}"])
async def test_json_that_is_nested_too_deeply_is_answered_400(caller: Caller, deep: bytes) -> None:
    answer = await caller.http("send_message", "POST", "messages", raw=deep)
    assert error_of(answer)[:2] == (400, "InvalidJson")


async def test_a_body_that_is_too_large_is_answered_413(caller: Caller) -> None:
    large = b'{"to": "' + b"1" * 1024**2 + b'"}'
    answer = await caller.http("send_message", "POST", "messages", raw=large)
    assert error_of(answer)[:2] == (413, "PayloadTooLarge")


async def test_a_queue_message_that_is_nested_too_deeply_names_no_work() -> None:
    with pytest.raises(InvalidRequest) as refused:
        await World().services.work.send_batch("[" * 100_000)
    assert refused.value.code == "InvalidQueueMessage"


async def test_an_event_whose_data_is_nested_too_deeply_is_kept(caller: Caller) -> None:
    event = func.EventGridEvent(
        id="e", topic="t", subject="s", event_type=events.TEXT_RECEIVED, event_time=None, data_version="1.0",
        data="[" * 100_000,  # type: ignore[arg-type]  # what an event may hold is not up to us
    )  # fmt: skip
    await caller.event("sms_received", event)
    assert caller.world.row_count("KeptEvents") == 1
