"""The control API, the page's headers, and what a reset forgets."""

from __future__ import annotations

import json

import pytest

from local.carrier.carrier import TOPIC_KEY
from local.carrier.codes import CODES, MAGIC
from tests.integration.carrier.harness import PERSON, SHORT_CODE, TOLL_FREE, Receiver, Stand, sms
from tests.support.waiting import eventually


async def test_the_overview_tells_all_that_a_client_needs(stand: Stand) -> None:
    overview = await stand.get("")
    assert overview["endpoint"] == stand.url
    assert overview["topicEndpoint"] == f"{stand.url}/topics/relay/api/events"
    assert overview["topicKey"] == TOPIC_KEY
    assert overview["subscriptions"] == []
    assert overview["clock"].endswith("Z")
    assert overview["startedAt"] <= overview["clock"]
    senders = {one.pop("sender"): one for one in overview["senders"]}
    assert senders[TOLL_FREE] == {
        "type": "tollFree",
        "requestsPerMinute": 200,
        "unitsPerMinute": 200,
        "optOuts": "carrier",
    }
    assert (senders[SHORT_CODE]["unitsPerMinute"], senders[SHORT_CODE]["optOuts"]) == (6000, "none")
    assert (senders["CONTOSO"]["unitsPerMinute"], senders["CONTOSO"]["type"]) == (600, "alphanumeric")


async def test_a_handset_is_made_by_number(stand: Stand) -> None:
    created = await stand.call("POST", "/_carrier/handsets", {"number": PERSON})
    again = await stand.call("POST", "/_carrier/handsets", {"number": PERSON})
    assert (created.status, again.status) == (201, 200)
    assert created.body == again.body == (await stand.get("/handsets"))["handsets"][0]
    assert created.body["messages"] == []


@pytest.mark.parametrize("number", ["", "4255550123", "+1425555012", "CONTOSO"])
async def test_a_handset_needs_a_proper_number(stand: Stand, number: str) -> None:
    reply = await stand.call("POST", "/_carrier/handsets", {"number": number})
    assert (reply.status, reply.body["error"]["code"]) == (400, "InvalidNumber")


async def test_a_thread_shows_both_directions_oldest_first(stand: Stand) -> None:
    await stand.trouble(reportDelayMs=0)
    (item,) = await stand.send(PERSON, text="Grüße 你")
    await stand.reported(item["messageId"])
    await stand.inbound("Thanks")
    (handset,) = (await stand.get("/handsets"))["handsets"]
    sent, answered = handset["messages"]
    assert sent.pop("at") <= answered.pop("at") == handset["lastActivityAt"]
    assert sent == {
        "id": item["messageId"],
        "direction": "toHandset",
        "sender": TOLL_FREE,
        "text": "Grüße 你",
        "state": "delivered",
        "code": "2000",
        "encoding": "UCS-2",
        "segments": 1,
        "network": False,
    }
    assert (answered["direction"], answered["sender"], answered["state"]) == ("fromHandset", TOLL_FREE, "received")


async def test_the_handset_with_the_newest_activity_is_first(stand: Stand) -> None:
    await stand.inbound("one", person="+14255550001")
    await stand.inbound("two", person="+14255550002")
    await stand.inbound("three", person="+14255550001")
    handsets = (await stand.get("/handsets"))["handsets"]
    assert [one["number"] for one in handsets] == ["+14255550001", "+14255550002"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"from": PERSON, "to": "CONTOSO", "text": "Hi"}, "InvalidTo"),
        ({"from": PERSON, "to": "+18005550199", "text": "Hi"}, "InvalidTo"),
        ({"from": "12345", "to": TOLL_FREE, "text": "Hi"}, "InvalidNumber"),
        ({"from": PERSON, "to": TOLL_FREE, "text": ""}, "InvalidField"),
        ({"from": PERSON, "to": TOLL_FREE}, "InvalidField"),
        ({"from": PERSON, "to": TOLL_FREE, "text": "Hi", "more": 1}, "InvalidField"),
        ({"from": PERSON, "to": TOLL_FREE, "text": 5}, "InvalidField"),
        ({"from": PERSON, "to": TOLL_FREE, "text": "\ud83d"}, "InvalidField"),
        ("Hi", "InvalidField"),
    ],
)
async def test_an_impossible_inbound_text_is_refused(stand: Stand, body: object, code: str) -> None:
    reply = await stand.call("POST", "/_carrier/inbound", body)
    assert (reply.status, reply.body["error"]["code"]) == (400, code)
    assert await stand.values("/events") == []


async def test_a_body_that_is_not_json_is_refused(stand: Stand) -> None:
    reply = await stand.raw("POST", "/_carrier/inbound", b"{", {})
    assert (reply.status, reply.body["error"]["code"]) == (400, "InvalidJson")


async def test_messages_can_be_listed_by_recipient(stand: Stand) -> None:
    await stand.send(PERSON, "+14255550124", tag="t-4")
    (message,) = await stand.values(f"/messages?to={PERSON}")
    assert [one["messageId"] for one in await stand.values("/messages?to=%2B14255550123")] == [message["messageId"]]
    assert message["acceptedAt"].endswith("Z")
    assert len(message["repeatabilityRequestId"]) == 36
    assert {name: message[name] for name in ("from", "to", "text", "tag", "requestCount", "segments")} == {
        "from": TOLL_FREE,
        "to": PERSON,
        "text": "Hello",
        "tag": "t-4",
        "requestCount": 1,
        "segments": 1,
    }
    assert message["deliveryReport"] is True
    assert await stand.values("/messages?to=%2B14255550199") == []


async def test_every_call_is_logged_with_its_outcome(stand: Stand) -> None:
    body = sms(PERSON, "+123")
    await stand.signed("POST", "/sms?api-version=2021-03-07", json.dumps(body).encode(), x_ms_client_request_id="c-1")
    await stand.call("POST", "/sms?api-version=2021-03-07", body)
    accepted, refused = await stand.values("/requests")
    assert accepted.pop("at").endswith("Z")
    assert accepted == {
        "from": TOLL_FREE,
        "recipientCount": 2,
        "httpStatus": 202,
        "results": [202, 400],
        "repeatabilityRequestIds": [one["repeatabilityRequestId"] for one in body["smsRecipients"]],
        "clientRequestId": "c-1",
    }
    assert (refused["httpStatus"], refused["results"], refused["recipientCount"]) == (401, [], 0)


async def test_long_lists_are_whole(stand: Stand) -> None:
    await stand.trouble(rateLimits=False)
    for start in range(0, 1_200, 100):
        await stand.send(*(f"+1425555{index:04d}" for index in range(start, start + 100)))
    messages = await stand.values("/messages")
    assert [one["to"] for one in messages] == [f"+1425555{index:04d}" for index in range(1_200)]


async def test_the_magic_table_has_every_delivery_code_and_no_ordinary_number(stand: Stand) -> None:
    table = await stand.values("/magic")
    suffixes = [row["suffix"] for row in table]
    assert set(suffixes) == set(MAGIC) > set(CODES)
    assert all(len(suffix) == 4 and suffix >= "2000" for suffix in suffixes)
    assert all(row["meaning"] for row in table)


async def test_a_reset_forgets_everything_but_the_subscriptions(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(throttleRetryAfter=5, reportDelayMs=3_600_000)
    await subscribed.send(PERSON)
    await subscribed.inbound("STOP")
    await eventually(receiver.texts)
    version = (await subscribed.get(""))["version"]
    reply = await subscribed.call("POST", "/_carrier/reset")
    assert (reply.status, reply.body) == (200, {})
    for path in ("/messages", "/requests", "/events", "/relayed", "/deadletters"):
        assert await subscribed.values(path) == []
    assert (await subscribed.get("/handsets"))["handsets"] == []
    assert (await subscribed.get("/trouble"))["throttleRetryAfter"] is None
    overview = await subscribed.get("")
    assert {one["state"] for one in overview["subscriptions"]} == {"ready"}
    assert overview["version"] > version
    await subscribed.trouble(reportDelayMs=0)
    (item,) = await subscribed.send(PERSON)
    assert (await subscribed.reported(item["messageId"]))["deliveryStatus"] == "Delivered"


async def test_an_unknown_address_is_an_error_in_the_one_shape(stand: Stand) -> None:
    reply = await stand.call("GET", "/_carrier/nothing")
    assert (reply.status, reply.body["error"]["code"]) == (404, "NotFound")
    reply = await stand.call("DELETE", "/_carrier/trouble")
    assert (reply.status, reply.body["error"]["code"]) == (405, "MethodNotAllowed")


async def test_pages_of_other_sites_may_not_use_it(stand: Stand) -> None:
    body = json.dumps({"from": PERSON, "to": TOLL_FREE, "text": "Hi"}).encode()
    foreign = await stand.raw("POST", "/_carrier/inbound", body, {"Origin": "http://evil.example"})
    own = await stand.raw("POST", "/_carrier/inbound", body, {"Origin": stand.url})
    assert (foreign.status, own.status) == (403, 202)


async def test_the_page_is_served_with_a_strict_policy(stand: Stand) -> None:
    home = await stand.call("GET", "/")
    assert (home.status, home.headers["Location"]) == (302, "/phones")
    for path in ("/phones", "/page/page.js"):
        reply = await stand.call("GET", path)
        assert reply.status == 200
        assert reply.headers["Cache-Control"] == "no-cache"
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/page/../carrier.py", "/page/%2e%2e/carrier.py", "/page/nothing.js"])
async def test_nothing_outside_the_page_folder_is_served(stand: Stand, path: str) -> None:
    assert (await stand.call("GET", path)).status in {403, 404}
