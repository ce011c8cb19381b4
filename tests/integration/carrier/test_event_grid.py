"""Event Grid: handshake, headers, ladder, dead letters, duplicates and disorder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.carrier.event_grid import MAX_TRIES, retry_delay_s
from tests.integration.carrier.harness import PERSON, Json, Receiver, Stand, ready, running
from tests.support.waiting import eventually

FAST = 1_000_000


async def only_record(stand: Stand) -> Json:
    """Return the one event with its attempts."""
    (record,) = await stand.values("/events")
    return record


async def in_state(stand: Stand, state: str) -> Json:
    """Return the one event when it has reached a state."""

    async def reached() -> Json:
        record = await only_record(stand)
        return record if record["state"] == state else None

    return await eventually(reached)


async def test_both_functions_are_subscribed_after_a_handshake(subscribed: Stand, receiver: Receiver) -> None:
    subscriptions = (await subscribed.get(""))["subscriptions"]
    assert {one["name"]: one["eventType"] for one in subscriptions} == {
        "sms-received": "Microsoft.Communication.SMSReceived",
        "sms-delivery-report": "Microsoft.Communication.SMSDeliveryReportReceived",
    }
    assert {one.function for one in receiver.handshakes} == {"sms_received", "sms_delivery_report"}
    (validation,) = receiver.handshakes[0].body
    assert validation["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert (validation["subject"], validation["dataVersion"], validation["metadataVersion"]) == ("", "1", "1")
    names = {one.headers["aeg-subscription-name"] for one in receiver.handshakes}
    assert names == {"SMS-RECEIVED", "SMS-DELIVERY-REPORT"}


async def test_events_wait_until_the_endpoint_has_shaken_hands() -> None:
    receiver = Receiver(greets=False)
    async with running(receiver) as stand:
        await stand.inbound("first")
        await eventually(lambda: receiver.handshakes)
        assert receiver.deliveries == []
        assert (await only_record(stand))["state"] == "pending"
        receiver.greets = True
        await eventually(receiver.texts)
        assert (await in_state(stand, "delivered"))["attempts"][0]["httpStatus"] == 202


async def test_cloud_events_are_preceded_by_an_options_request(subscribed: Stand, receiver: Receiver) -> None:
    receiver.handshakes.clear()
    await subscribed.trouble(schema="cloudEvents")
    await ready(subscribed)
    assert {one.headers["WebHook-Request-Origin"] for one in receiver.handshakes} == {"eventgrid.azure.net"}
    await subscribed.inbound("Hi")
    await eventually(receiver.texts)
    (delivery,) = receiver.deliveries
    assert delivery.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert delivery.body["specversion"] == "1.0"


async def test_a_delivery_is_an_array_of_one_with_the_headers_of_event_grid(
    subscribed: Stand, receiver: Receiver
) -> None:
    await subscribed.inbound("Grüße 😀")
    await eventually(receiver.texts)
    (delivery,) = receiver.deliveries
    assert [event["data"]["message"] for event in delivery.body] == ["Grüße 😀"]
    assert delivery.headers["Content-Type"] == "application/json; charset=utf-8"
    sent = {name: value for name, value in delivery.headers.items() if name.startswith("aeg-")}
    assert len(sent.pop("aeg-output-event-id")) == 36
    assert sent == {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "SMS-RECEIVED",
        "aeg-delivery-count": "0",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
    }


async def test_a_functions_key_goes_along_and_is_not_shown() -> None:
    receiver = Receiver()
    async with running(receiver, functions_key="a key/with+signs") as stand:
        await ready(stand)
        assert "a key" not in json.dumps(await stand.get(""))
        urls = [one.url for one in stand.carrier.grid.subscriptions]
        assert all(url.endswith("&code=a%20key%2Fwith%2Bsigns") for url in urls)


async def test_an_event_is_tried_again_until_it_is_taken(subscribed: Stand, receiver: Receiver) -> None:
    receiver.status = lambda count: 500 if count < 3 else 200
    await subscribed.trouble(timeScale=3600)
    await subscribed.inbound("Hi")
    record = await in_state(subscribed, "delivered")
    assert [attempt["httpStatus"] for attempt in record["attempts"]] == [500, 500, 200]
    assert [one.headers["aeg-delivery-count"] for one in receiver.deliveries] == ["0", "1", "2"]
    assert len({json.dumps(one.event) for one in receiver.deliveries}) == 1


def test_the_ladder_is_that_of_the_service() -> None:
    delays = [retry_delay_s(tries) for tries in range(1, 12)]
    assert delays == [10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 43_200]


async def test_after_a_day_of_failure_an_event_is_a_dead_letter(subscribed: Stand, receiver: Receiver) -> None:
    receiver.status = lambda _: 503
    await subscribed.trouble(timeScale=FAST)
    await subscribed.inbound("Hi")
    record = await in_state(subscribed, "deadLettered")
    assert 2 <= len(record["attempts"]) <= 11
    (letter,) = await subscribed.values("/deadletters")
    assert letter["deadLetterReason"] == "TimeToLiveExceeded"
    assert letter["deliveryAttempts"] == len(record["attempts"])
    assert (letter["lastDeliveryOutcome"], letter["lastHttpStatusCode"]) == ("Busy", 503)
    assert letter["data"]["message"] == "Hi"
    assert {"publishTime", "lastDeliveryAttemptTime"} <= set(letter)


async def test_after_30_tries_an_event_is_a_dead_letter(subscribed: Stand, receiver: Receiver) -> None:
    receiver.status = lambda _: 500
    await subscribed.inbound("Hi")
    await eventually(lambda: receiver.deliveries)
    record = subscribed.carrier.grid.log.all()[0]
    record.tries = MAX_TRIES - 1
    await subscribed.trouble(timeScale=FAST)
    await in_state(subscribed, "deadLettered")
    (letter,) = await subscribed.values("/deadletters")
    assert (letter["deadLetterReason"], letter["deliveryAttempts"]) == ("MaxDeliveryAttemptsExceeded", 30)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "UndeliverableDueToHttpBadRequest"),
        (401, "UndeliverableDueToHttpUnauthorized"),
        (403, "UndeliverableDueToHttpForbidden"),
        (413, "UndeliverableDueToHttpRequestEntityTooLarge"),
    ],
)
async def test_some_answers_are_never_tried_again(
    subscribed: Stand, receiver: Receiver, status: int, reason: str
) -> None:
    receiver.status = lambda _: status
    await subscribed.trouble(timeScale=FAST)
    await subscribed.inbound("Hi")
    record = await in_state(subscribed, "deadLettered")
    assert [attempt["httpStatus"] for attempt in record["attempts"]] == [status]
    (letter,) = await subscribed.values("/deadletters")
    assert letter["deadLetterReason"] == reason


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_some_answers_mean_delivered(subscribed: Stand, receiver: Receiver, status: int) -> None:
    receiver.status = lambda _: status
    await subscribed.inbound("Hi")
    assert (await in_state(subscribed, "delivered"))["attempts"][0]["httpStatus"] == status


async def test_dead_letters_are_written_as_files_too(tmp_path: Path) -> None:
    receiver = Receiver(status=lambda _: 400)
    async with running(receiver, state_folder=tmp_path) as stand:
        await stand.trouble(schema="cloudEvents")
        await ready(stand)
        await stand.inbound("Hi")
        await in_state(stand, "deadLettered")
        (path,) = (tmp_path / "dead-letters" / "SMS-RECEIVED").rglob("*.json")
        assert json.loads(path.read_text(encoding="utf-8")) == await stand.values("/deadletters")
        assert json.loads(path.read_text(encoding="utf-8"))[0]["deliveryattempts"] == 1


async def test_an_endpoint_that_went_away_is_tried_again() -> None:
    receiver = Receiver()
    async with running(receiver) as stand:
        await ready(stand)
        for subscription in stand.carrier.grid.subscriptions:
            subscription.endpoint = "http://127.0.0.1:9/?functionName=gone"
        await stand.inbound("Hi")

        async def tried() -> Json:
            return (await only_record(stand))["attempts"]

        assert (await eventually(tried))[0] | {"at": ""} == {"at": "", "httpStatus": None, "error": "SocketError"}
        assert (await only_record(stand))["state"] == "pending"


async def test_duplicate_events_come_twice_with_one_id(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(duplicateEvents=1, timeScale=100)
    await subscribed.inbound("Hi")
    await eventually(lambda: len(receiver.texts()) == 2)
    assert len({event["id"] for event in receiver.texts()}) == 1
    await eventually(lambda: len(subscribed.carrier.grid.log.all()[0].attempts) == 2)


async def test_a_copy_that_fails_is_not_tried_again(subscribed: Stand, receiver: Receiver) -> None:
    receiver.status = lambda count: 200 if count == 1 else 500
    await subscribed.trouble(duplicateEvents=1, timeScale=FAST)
    await subscribed.inbound("Hi")
    await eventually(lambda: len(subscribed.carrier.grid.log.all()[0].attempts) == 2)
    assert (await only_record(subscribed))["state"] == "delivered"


async def test_disordered_events_overtake_each_other(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(disorderedEvents=0.5, timeScale=10, seed=7)
    written = [f"text {index}" for index in range(20)]
    for text in written:
        await subscribed.inbound(text)
    await eventually(lambda: len(receiver.texts()) == 20)
    arrived = [event["data"]["message"] for event in receiver.texts()]
    assert arrived != written
    assert sorted(arrived) == sorted(written)


async def test_a_past_event_is_delivered_again_as_often_as_asked(subscribed: Stand, receiver: Receiver) -> None:
    answer = await subscribed.inbound("Hi")
    await eventually(receiver.texts)
    command = {"eventId": answer["eventId"], "times": 3}
    assert (await subscribed.call("POST", "/_carrier/redeliver", command)).status == 202
    await eventually(lambda: len(receiver.texts()) == 4)
    assert len({event["id"] for event in receiver.texts()}) == 1


async def test_an_unknown_event_cannot_be_delivered_again(subscribed: Stand) -> None:
    reply = await subscribed.call("POST", "/_carrier/redeliver", {"eventId": "unknown", "times": 1})
    assert (reply.status, reply.body["error"]["code"]) == (404, "EventNotFound")
    reply = await subscribed.call("POST", "/_carrier/redeliver", {"eventId": "unknown", "times": 0})
    assert reply.status == 400


async def test_without_functions_events_are_recorded_and_dropped(stand: Stand) -> None:
    await stand.inbound("Hi", person=PERSON)
    record = await only_record(stand)
    assert (record["subscription"], record["attempts"], record["state"]) == (None, [], "dropped")


async def test_a_reset_forgets_what_waits_to_be_tried_again(subscribed: Stand, receiver: Receiver) -> None:
    receiver.status = lambda count: 500 if count == 1 else 200
    await subscribed.inbound("lost")
    await eventually(lambda: subscribed.carrier.grid.log.all()[0].attempts)
    await subscribed.call("POST", "/_carrier/reset")
    await subscribed.trouble(timeScale=FAST)
    await subscribed.inbound("kept")
    await eventually(lambda: len(receiver.texts()) == 2)
    assert [event["data"]["message"] for event in receiver.texts()] == ["lost", "kept"]


async def test_an_event_that_is_no_longer_listed_is_still_tried_again(subscribed: Stand, receiver: Receiver) -> None:
    receiver.status = lambda count: 500 if count == 1 else 200
    await subscribed.inbound("Hi")
    await eventually(lambda: subscribed.carrier.grid.log.all()[0].attempts)
    subscribed.carrier.grid.log.clear()
    await subscribed.trouble(timeScale=FAST)
    await eventually(lambda: len(receiver.texts()) == 2)
