"""The same repeatability id again is answered for the first time and sends nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.integration.carrier.harness import PERSON, TOLL_FREE, Stand, addressee, sms

OTHER = "+14255550124"


async def test_a_repeat_gives_the_first_answer_and_sends_nothing(stand: Stand) -> None:
    body = sms(PERSON, OTHER)
    first, second = await stand.post_sms(body), await stand.post_sms(body)
    assert first.body == second.body
    assert [one["requestCount"] for one in await stand.values("/messages")] == [2, 2]


async def test_an_id_is_compared_without_regard_to_case(stand: Stand) -> None:
    request_id = str(uuid4())
    for written in (request_id, request_id.upper()):
        await stand.post_sms({**sms(), "smsRecipients": [addressee(PERSON, written)]})
    (message,) = await stand.values("/messages")
    assert message["requestCount"] == 2


async def test_the_same_id_twice_in_one_request_is_one_message(stand: Stand) -> None:
    request_id = str(uuid4())
    recipients = [addressee(PERSON, request_id), addressee(PERSON, request_id)]
    reply = await stand.post_sms({**sms(), "smsRecipients": recipients})
    first, second = reply.body["value"]
    assert first == second
    assert len(await stand.values("/messages")) == 1


async def test_a_repeat_for_another_recipient_is_answered_for_the_first(stand: Stand) -> None:
    request_id = str(uuid4())
    await stand.post_sms({**sms(), "smsRecipients": [addressee(PERSON, request_id)]})
    reply = await stand.post_sms({**sms(), "smsRecipients": [addressee(OTHER, request_id)]})
    assert reply.body["value"][0]["to"] == PERSON
    assert await stand.values(f"/messages?to={OTHER}") == []


@pytest.mark.parametrize("first_sent", [None, "", "2026-01-01T00:00:00Z", "yesterday"])
async def test_an_id_without_a_proper_date_is_rejected_alone(stand: Stand, first_sent: str | None) -> None:
    bad = {**addressee(PERSON), "repeatabilityFirstSent": first_sent}
    reply = await stand.post_sms({**sms(), "smsRecipients": [bad, addressee(OTHER)]})
    refused, accepted = reply.body["value"]
    assert refused["httpStatusCode"] == 400
    assert refused["repeatabilityResult"] == "rejected"
    assert "repeatability-first-sent" in refused["errorMessage"]
    assert accepted["repeatabilityResult"] == "accepted"


async def test_an_id_that_is_no_guid_is_rejected(stand: Stand) -> None:
    reply = await stand.post_sms({**sms(), "smsRecipients": [addressee(PERSON, "order-17")]})
    assert reply.body["value"][0]["repeatabilityResult"] == "rejected"


async def test_the_sdk_makes_new_ids_for_each_call_so_it_sends_twice(stand: Stand) -> None:
    async with stand.sdk() as client:
        for _ in range(2):
            await client.send(TOLL_FREE, PERSON, "Hello")
    messages = await stand.values("/messages")
    assert [one["requestCount"] for one in messages] == [1, 1]
    assert len({one["repeatabilityRequestId"] for one in messages}) == 2


async def test_a_request_that_was_throttled_leaves_no_trace_under_its_ids(stand: Stand) -> None:
    body = sms(PERSON)
    await stand.trouble(throttle=1)
    assert (await stand.post_sms(body)).status == 429
    await stand.trouble(throttle=0)
    assert (await stand.post_sms(body)).status == 202
    (message,) = await stand.values("/messages")
    assert message["requestCount"] == 1
