"""The topic for the relay, against the real Event Grid client."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient

from tests.integration.carrier.harness import Json, Stand

KEY = "aeg-sas-key"
EVENT = {
    "id": "1",
    "subject": "s",
    "eventType": "Contoso.Text",
    "eventTime": "2026-01-01T00:00:00Z",
    "dataVersion": "1",
    "data": {"n": 1},
}


def event_grid_event(number: int) -> EventGridEvent:
    """Return an event with a number."""
    return EventGridEvent(
        subject="s", event_type="Contoso.Text", data={"n": number}, data_version="1", event_time=datetime.now(UTC)
    )


async def client_of(stand: Stand, key: str | None = None) -> EventGridPublisherClient:
    """Return the real client for the topic."""
    overview = await stand.get("")
    return EventGridPublisherClient(
        overview["topicEndpoint"], AzureKeyCredential(key or overview["topicKey"]), retry_total=0
    )


async def publish(stand: Stand, body: object, content_type: str = "application/json") -> tuple[int, Json]:
    """Publish a body with the right key."""
    headers = {KEY: (await stand.get(""))["topicKey"], "Content-Type": content_type}
    reply = await stand.raw("POST", "/topics/relay/api/events", json.dumps(body).encode(), headers)
    return reply.status, reply.body


async def test_events_of_the_sdk_are_kept_in_order(stand: Stand) -> None:
    async with await client_of(stand) as client:
        await client.send([event_grid_event(number) for number in range(5)])
        await client.send(event_grid_event(5))
    assert [event["data"]["n"] for event in await stand.values("/relayed")] == list(range(6))


async def test_cloud_events_of_the_sdk_are_kept(stand: Stand) -> None:
    async with await client_of(stand) as client:
        await client.send([CloudEvent(source="/sms", type="Contoso.Text", data={"n": 1})])
    (event,) = await stand.values("/relayed")
    assert (event["type"], event["data"]) == ("Contoso.Text", {"n": 1})


async def test_a_single_cloud_event_is_taken(stand: Stand) -> None:
    event = {"id": "1", "source": "/sms", "type": "Contoso.Text", "specversion": "1.0"}
    assert (await publish(stand, event, "application/cloudevents+json"))[0] == 200
    assert await stand.values("/relayed") == [event]


async def test_a_wrong_key_is_refused(stand: Stand) -> None:
    async with await client_of(stand, key="wrong") as client:
        with pytest.raises(ClientAuthenticationError):
            await client.send(event_grid_event(1))
    assert (await stand.call("POST", "/topics/relay/api/events", [EVENT])).status == 401
    assert await stand.values("/relayed") == []


@pytest.mark.parametrize(
    "body",
    [{}, "text", ["text"], [{**EVENT, "id": None}], [{name: EVENT[name] for name in EVENT if name != "subject"}]],
)
async def test_what_is_no_event_is_refused_whole(stand: Stand, body: object) -> None:
    status, answer = await publish(stand, body)
    assert (status, answer["error"]["code"]) == (400, "BadRequest")
    assert (await publish(stand, [EVENT, 5]))[0] == 400
    assert await stand.values("/relayed") == []


async def test_more_than_a_mebibyte_is_refused(stand: Stand) -> None:
    status, _ = await publish(stand, [{**EVENT, "data": "a" * 1_048_576}])
    assert status == 413
