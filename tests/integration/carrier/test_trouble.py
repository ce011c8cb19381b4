"""The switches for trouble on the way in, and the seeded dice behind them all."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from local.carrier.trouble import Dice, Trouble
from tests.integration.carrier.harness import PERSON, TOLL_FREE, Stand, sms

DEFAULTS = {
    "seed": 1,
    "latencyMs": 0,
    "throttle": 0,
    "throttleRetryAfter": None,
    "unavailable": 0,
    "reset": 0,
    "silent": 0,
    "lostReports": 0,
    "lateReports": 0,
    "lateReportSeconds": 30,
    "duplicateEvents": 0,
    "disorderedEvents": 0,
    "rateLimits": True,
    "timeScale": 1,
    "schema": "eventGrid",
    "casing": "mixed",
    "plusInFrom": False,
    "messageIdStyle": "guid",
    "errorStyle": "legacy",
    "optOutMode": "service",
    "authentication": "strict",
    "reportDelayMs": 400,
}


async def test_there_is_no_trouble_to_begin_with(stand: Stand) -> None:
    assert await stand.get("/trouble") == DEFAULTS


async def test_only_the_fields_given_change(stand: Stand) -> None:
    await stand.trouble(throttle=0.5, seed=9)
    await stand.trouble(throttle=0.25)
    assert await stand.get("/trouble") == {**DEFAULTS, "throttle": 0.25, "seed": 9}


@pytest.mark.parametrize(
    "patch",
    [
        {"unknown": 1},
        {"throttle": 1.1},
        {"throttle": "0.5"},
        {"timeScale": 0},
        {"rateLimits": "yes"},
        {"schema": "avro"},
        {"seed": None},
        {"throttle": 0.1, "casing": "upper"},
    ],
)
async def test_a_wrong_switch_is_refused_and_changes_nothing(stand: Stand, patch: dict[str, object]) -> None:
    reply = await stand.call("PUT", "/_carrier/trouble", patch)
    assert (reply.status, reply.body["error"]["code"]) == (400, "InvalidField")
    assert list(patch)[-1] in reply.body["error"]["message"]
    assert await stand.get("/trouble") == DEFAULTS


async def test_trouble_must_be_an_object(stand: Stand) -> None:
    reply = await stand.call("PUT", "/_carrier/trouble", [])
    assert (reply.status, reply.body["error"]["code"]) == (400, "InvalidBody")


async def test_unavailable_is_a_503_and_nothing_is_sent(stand: Stand) -> None:
    await stand.trouble(unavailable=1)
    reply = await stand.post_sms(sms(PERSON))
    assert (reply.status, reply.body["error"]["code"]) == (503, "ServiceUnavailable")
    assert await stand.values("/messages") == []


async def test_throttled_is_a_429_with_retry_after_when_set(stand: Stand) -> None:
    await stand.trouble(throttle=1, throttleRetryAfter=0)
    reply = await stand.post_sms(sms(PERSON))
    assert (reply.status, reply.headers["Retry-After"]) == (429, "0")
    async with stand.sdk() as client:
        with pytest.raises(HttpResponseError) as refused:
            await client.send(TOLL_FREE, PERSON, "Hello")
    assert refused.value.status_code == 429


async def test_reset_closes_the_connection_before_the_request_is_taken(stand: Stand) -> None:
    await stand.trouble(reset=1)
    async with stand.sdk() as client:
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            await client.send(TOLL_FREE, PERSON, "Hello")
    assert await stand.values("/messages") == []
    assert (await stand.values("/requests"))[0]["httpStatus"] is None


async def test_silent_takes_the_request_and_then_closes_the_connection(stand: Stand) -> None:
    await stand.trouble(silent=1)
    async with stand.sdk() as client:
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            await client.send(TOLL_FREE, PERSON, "Hello")
    assert len(await stand.values("/messages")) == 1
    (request,) = await stand.values("/requests")
    assert (request["httpStatus"], request["results"]) == (None, [202])


async def test_a_silent_request_is_answered_for_the_first_when_repeated(stand: Stand) -> None:
    body = sms(PERSON)
    await stand.trouble(silent=1)
    with pytest.raises(aiohttp.ClientError):
        await stand.post_sms(body)
    await stand.trouble(silent=0)
    reply = await stand.post_sms(body)
    (message,) = await stand.values("/messages")
    assert reply.body["value"][0]["messageId"] == message["messageId"]
    assert message["requestCount"] == 2


async def test_latency_holds_the_answer_back_but_not_the_control_api(stand: Stand) -> None:
    await stand.trouble(latencyMs=100_000)
    sending = asyncio.create_task(stand.post_sms(sms(PERSON)))
    assert await stand.values("/messages") == []
    assert not sending.done()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_the_same_seed_brings_the_same_trouble(stand: Stand) -> None:
    async def run() -> list[int]:
        await stand.trouble(throttle=0.5, seed=42)
        return [(await stand.post_sms(sms(PERSON))).status for _ in range(20)]

    first = await run()
    assert first == await run()
    assert set(first) == {202, 429}


def test_one_purpose_does_not_disturb_the_sequence_of_another() -> None:
    alone, beside = Dice(3), Dice(3)
    expected = [alone.chance("throttle", 0.5) for _ in range(50)]
    drawn = []
    for _ in range(50):
        beside.chance("reset", 0.5)
        drawn.append(beside.chance("throttle", 0.5))
    assert drawn == expected


def test_chance_never_strikes_at_0_and_always_at_1() -> None:
    dice = Dice(5)
    assert not any(dice.chance("x", 0) for _ in range(100))
    assert all(dice.chance("x", 1) for _ in range(100))


def test_the_defaults_are_those_of_the_model() -> None:
    assert Trouble().as_json() == DEFAULTS
