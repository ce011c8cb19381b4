"""The main job, told over HTTP against the running stack, carrier and storage included."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from local.carrier.events import TOPIC
from tests.support.people import Json, People, people_of
from tests.support.stack import RunningStack
from tests.support.waiting import eventually

NO_REPORT = "9001"


@pytest_asyncio.fixture
async def people(stack: RunningStack) -> AsyncIterator[People]:
    """Give a session towards the stack."""
    async with people_of(stack) as session:
        yield session


async def test_text_is_sent_delivered_and_told_of(people: People) -> None:
    [result] = await people.send("+14255551001", "Your table is ready.", tag="tables")

    message = await people.settled(result["id"], "delivered")

    assert (result["state"], result["segments"]) == ("sent", 1)
    assert [step["state"] for step in message["history"]] == ["sending", "sent", "delivered"]
    assert (message["from"], message["to"], message["tag"]) == ("+18005550100", "+14255551001", "tables")
    assert [bubble["state"] for bubble in await people.on_handset("+14255551001")] == ["delivered"]
    notices = await eventually(lambda: _about(people, result["id"]))
    assert [notice["data"]["state"] for notice in notices] == ["delivered"]


async def test_stop_blocks_the_next_send_and_start_lifts_it(people: People) -> None:
    number = "+14255551002"
    await people.send(number)

    await people.text(number, "STOP")
    await eventually(lambda: people.opted_out(number))

    history = (await people.ask("POST", "opt-outs/history", {"recipient": number})).body["value"]
    assert [(change["state"], change["source"], change["keyword"]) for change in history] == [
        ("optedOut", "sms", "STOP")
    ]
    listed = (await people.ask("GET", "opt-outs?maxpagesize=1000")).body["value"]
    assert [entry["keyword"] for entry in listed if entry["recipient"] == number] == ["STOP"]
    relayed = await eventually(lambda: _changes(people, number))
    assert [notice["data"]["state"] for notice in relayed] == ["optedOut"]
    replies = [bubble["text"] for bubble in await people.on_handset(number) if bubble["network"]]
    assert replies == [
        "You have successfully been unsubscribed to messages from this number. Reply START to resubscribe"
    ]

    before = len(await people.requests())
    [refused] = await people.send(number)
    assert (refused["state"], refused["reason"]) == ("suppressed", "optedOut")
    assert len(await people.requests()) == before
    assert len(await people.at_carrier(number)) == 1

    await people.text(number, "START")
    await eventually(lambda: _is_back(people, number))
    [again] = await people.send(number)
    await people.settled(again["id"], "delivered")
    assert len(await people.at_carrier(number)) == 2


async def test_the_webhook_gets_what_happens_in_a_conversation_in_its_order(people: People) -> None:
    number = "+14255551099"
    [result] = await people.send(number)
    await people.settled(result["id"], "delivered")
    await eventually(lambda: _posted(people, number, 1))
    await people.text(number, "STOP")
    await eventually(lambda: _posted(people, number, 3))
    [refused] = await people.send(number)
    assert refused["state"] == "suppressed"
    told = await eventually(lambda: _posted(people, number, 4))
    assert [(one["type"], one["data"].get("state")) for one in told] == [
        ("Sms.MessageSettled", "delivered"),
        ("Sms.TextReceived", None),
        ("Sms.OptOutChanged", "optedOut"),
        ("Sms.MessageSettled", "suppressed"),
    ]


async def test_app_answers_stop_once_where_no_carrier_does(people: People) -> None:
    number = "+14255551003"
    await people.text(number, "stop", to="12345")
    await eventually(lambda: people.at_carrier(number))
    await people.text(number, "STOP", to="12345")
    await eventually(lambda: _inbound_count(people, number, 2))

    assert [text["text"] for text in await people.at_carrier(number)] == [
        "You have successfully been unsubscribed to messages from this number. Reply START to resubscribe"
    ]


async def test_hundred_recipients_go_out_in_one_request_without_those_who_left(people: People) -> None:
    numbers = [f"+1425556{last:04d}" for last in range(98)]
    left, wrong = numbers[:3], ["+1", "not a number"]
    await people.ask("POST", "opt-outs/add", {"recipients": left})
    before = len(await people.requests())

    results = await people.send(numbers + wrong, "To all of you")

    states = [result["state"] for result in results]
    assert [result["to"] for result in results] == numbers + wrong
    assert states == ["suppressed"] * 3 + ["sent"] * 95 + ["rejected"] * 2
    assert [call["recipientCount"] for call in (await people.requests())[before:]] == [95]


async def test_same_key_fifty_times_at_once_sends_one_text(people: People) -> None:
    body = {"to": "+14255551004", "text": "Once"}
    headers = {"Idempotency-Key": "fifty"}

    answers = await asyncio.gather(*(people.ask("POST", "messages", body, headers=headers) for _ in range(50)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["value"][0]["id"] for answer in answers}) == 1
    assert len(await people.at_carrier("+14255551004")) == 1
    other = await people.ask("POST", "messages", body | {"text": "Twice"}, headers=headers)
    assert (other.status, other.headers["x-ms-error-code"]) == (409, "IdempotencyKeyReused")


async def test_events_in_every_order_five_times_each_end_the_same(people: People) -> None:
    orders = list(itertools.permutations(range(4)))
    seed = 20261122
    print(f"{len(orders)} orders of 4 events, 5 times each, seed {seed}")
    chance = random.Random(seed)
    results = await people.send([f"+1425{200 + n}{NO_REPORT}" for n in range(len(orders))], "In any order")
    now = datetime.now(UTC)

    ends = []
    for order, result in zip(orders, results, strict=True):
        [sent] = await people.at_carrier(result["to"])
        events = _four_events(sent, now)
        deliveries = [events[n] for n in order] + chance.sample([one for one in events for _ in range(4)], 16)
        for function, event in deliveries:
            assert await people.post_event(function, event) == 202
        message = await people.message(result["id"])
        thread = (await people.ask("GET", f"conversations/{message['conversationId']}/messages")).body["value"]
        changes = (await people.ask("POST", "opt-outs/history", {"recipient": result["to"]})).body["value"]
        ends.append(
            (
                message["state"],
                await people.opted_out(result["to"]),
                [one["text"] for one in thread],
                [one["state"] for one in changes],
            )
        )

    assert ends == [("delivered", True, ["stop", "START", "In any order"], ["optedOut", "optedIn"])] * len(orders)


async def test_redelivered_events_change_nothing(people: People) -> None:
    number = "+14255551005"
    [result] = await people.send(number)
    await people.settled(result["id"], "delivered")
    await people.text(number, "Thanks!")
    before = await eventually(lambda: _conversation(people, result["id"], 2))

    for event in (await people.carrier("GET", "/events"))["value"]:
        if number.removeprefix("+") in str(event["event"]["data"]):
            await people.carrier("POST", "/redeliver", {"eventId": event["event"]["id"], "times": 5})
    await eventually(lambda: _deliveries(people, number, at_least=12))

    assert await _conversation(people, result["id"], 2) == before


async def test_conversations_come_latest_first_and_in_pages(people: People) -> None:
    numbers = [f"+1425557{last:04d}" for last in range(5)]
    for number in numbers:
        await people.send(number, "First")
    await people.send(numbers[0], "Second")

    found: list[str] = []
    link = "conversations?maxpagesize=2"
    while link and not set(numbers) <= set(found):
        page = (await people.ask("GET", link)).body
        found += [one["recipient"] for one in page["value"]]
        link = page.get("nextLink", "").partition("/api/")[2]

    ours = [number for number in found if number in numbers]
    assert ours == [numbers[0], *reversed(numbers[1:])]


async def test_magic_number_of_an_opted_out_person_records_the_opt_out(people: People) -> None:
    [result] = await people.send("+14255554007")

    message = await people.settled(result["id"], "failed")

    assert message["reason"]["code"] == "optedOutAtCarrier"
    await eventually(lambda: people.opted_out("+14255554007"))


async def test_report_without_an_answer_leaves_the_message_unknown(people: People) -> None:
    [result] = await people.send("+14255555002")

    message = await people.settled(result["id"], "unknown")

    assert message["reason"]["code"] == "noDeliveryReport"


async def test_analytics_count_each_message_in_its_state(people: People) -> None:
    results = await people.send(["+14255552000", "+14255554004", "+14255554005"], tag="counted")
    await people.settled(results[0]["id"], "delivered")
    for result in results[1:]:
        await people.settled(result["id"], "failed")
    now = datetime.now(UTC)
    span = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}

    answer = await people.ask("GET", "analytics", params=span | {"interval": "hour", "groupBy": "tag"})

    [counted] = [bucket for bucket in answer.body["value"] if bucket["group"] == "counted"]
    assert (counted["sent"], counted["delivered"], counted["failed"]) == (3, 1, 2)
    assert counted["deliveryRate"] == 0.3333


def _four_events(sent: Json, now: datetime) -> list[tuple[str, Json]]:
    report = {"messageId": sent["messageId"], "from": sent["from"], "to": sent["to"], "tag": sent["tag"]}
    text = {"from": sent["to"], "to": sent["from"]}
    unclear = {"deliveryStatus": "Failed", "deliveryStatusDetails": "5002: Message Delivery Timeout"}
    arrived = {"deliveryStatus": "Delivered", "deliveryStatusDetails": "2000: No Error"}
    start_id, stop_id = f"start-{sent['messageId']}", f"stop-{sent['messageId']}"
    return [
        _event("sms_delivery_report", report | unclear, now + timedelta(seconds=30), "unclear"),
        _event("sms_delivery_report", report | arrived, now + timedelta(seconds=20), "arrived"),
        _event("sms_received", text | {"messageId": start_id, "message": "START"}, now + timedelta(seconds=40)),
        _event("sms_received", text | {"messageId": stop_id, "message": "stop"}, now + timedelta(seconds=50)),
    ]


def _event(function: str, data: dict[str, Any], at: datetime, name: str = "") -> tuple[str, Json]:
    types = {"sms_received": "SMSReceived", "sms_delivery_report": "SMSDeliveryReportReceived"}
    event = {
        "id": f"{data['messageId']}{name}",
        "topic": TOPIC,
        "subject": "/phonenumber/18005550100",
        "eventType": f"Microsoft.Communication.{types[function]}",
        "eventTime": at.isoformat(),
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "data": data | {"receivedTimestamp": at.isoformat()},
    }
    return function, event


async def _about(people: People, message_id: str) -> list[Json]:
    return [notice for notice in await people.relayed() if notice["data"].get("id") == message_id]


async def _changes(people: People, number: str) -> list[Json]:
    return [notice for notice in await people.relayed() if notice["data"].get("recipient") == number]


async def _posted(people: People, number: str, count: int) -> list[Json] | None:
    told = [one for one in await people.posted() if number in one["data"].values()]
    return told if len(told) == count else None


async def _is_back(people: People, number: str) -> bool:
    return not await people.opted_out(number)


async def _inbound_count(people: People, number: str, count: int) -> bool:
    texts = [notice for notice in await people.relayed() if notice["data"].get("from") == number]
    return len(texts) >= count


async def _conversation(people: People, message_id: str, length: int) -> list[Json] | None:
    conversation = message_id.partition(".")[0]
    messages = (await people.ask("GET", f"conversations/{conversation}/messages")).body["value"]
    return messages if len(messages) >= length else None


async def _deliveries(people: People, number: str, at_least: int) -> bool:
    events = (await people.carrier("GET", "/events"))["value"]
    ours = [event for event in events if number.removeprefix("+") in str(event["event"]["data"])]
    return sum(len(event["attempts"]) for event in ours) >= at_least
