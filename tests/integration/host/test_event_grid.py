"""The webhook that Event Grid delivers to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from .serving import Answer, Client, serving

WEBHOOK = "/runtime/webhooks/EventGrid?functionName=on_event"


class Seen:
    """What the function under test was given."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.inside = 0
        self.most_inside = 0
        self.together: asyncio.Event | None = None


def _app(seen: Seen) -> func.FunctionApp:
    app = func.FunctionApp()

    @app.event_grid_trigger("event")
    async def on_event(event: func.EventGridEvent) -> None:
        seen.inside += 1
        seen.most_inside = max(seen.most_inside, seen.inside)
        if seen.together:
            if seen.inside == 3:
                seen.together.set()
            await seen.together.wait()
        seen.inside -= 1
        if event.get_json() == "fail":
            raise ValueError("details for the log only")
        seen.events.append((event.id, event.event_type, event.subject, event.event_time, event.get_json()))

    @app.event_grid_trigger("event")
    async def on_cloud_event(event: func.CloudEvent) -> None:
        seen.events.append((event.id, event.type, event.source, event.get_json()))

    @app.route("page")
    async def page(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    return app


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def client(seen: Seen, tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(_app(seen), tmp_path) as client:
        yield client


def _event(number: int, data: object = None) -> dict[str, object]:
    return {
        "id": f"event-{number}",
        "topic": "/topics/t",
        "subject": "/phonenumber/1",
        "data": data,
        "eventType": "Some.Type",
        "eventTime": "2026-11-22T10:00:00.1230000Z",
        "dataVersion": "1.0",
        "metadataVersion": "1",
    }


async def _post(client: Client, kind: str | None, content: object, path: str = WEBHOOK) -> Answer:
    headers = {"Content-Type": "application/json", **({"aeg-event-type": kind} if kind else {})}
    return await client.send("POST", path, body=json.dumps(content), headers=headers)


@pytest.mark.parametrize("kind", ["SubscriptionValidation", "subscriptionvalidation"])
async def test_a_handshake_is_answered_with_200_and_the_code_as_plain_text(client: Client, kind: str) -> None:
    answer = await _post(client, kind, [_event(1, {"validationCode": "512d38b6", "validationUrl": "https://x"})])
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert json.loads(answer.body) == {"validationResponse": "512d38b6"}


@pytest.mark.parametrize("data", [{"validationCode": "c"}, '{"validationCode": "c"}'])
async def test_a_handshake_may_be_one_event_with_its_data_encoded_twice(client: Client, data: object) -> None:
    answer = await _post(client, "SubscriptionValidation", _event(1, data))
    assert json.loads(answer.body) == {"validationResponse": "c"}


@pytest.mark.parametrize("content", [[], [1], _event(1), _event(1, "{"), _event(1, {"validationCode": 5})])
async def test_a_handshake_without_a_code_is_a_500(client: Client, content: object) -> None:
    assert (await _post(client, "SubscriptionValidation", content)).status == 500


async def test_an_event_reaches_the_function_and_the_answer_is_202(client: Client, seen: Seen) -> None:
    answer = await _post(client, "Notification", [_event(1, {"messageId": "m"})])
    assert (answer.status, answer.body) == (202, b"")
    event_id, kind, subject, event_time, data = seen.events[0]
    assert (event_id, kind, subject, data) == ("event-1", "Some.Type", "/phonenumber/1", {"messageId": "m"})
    assert event_time.isoformat() == "2026-11-22T10:00:00.123000+00:00"


async def test_a_single_event_without_an_array_is_taken_too(client: Client, seen: Seen) -> None:
    assert (await _post(client, "notification", _event(7))).status == 202
    assert [event[0] for event in seen.events] == ["event-7"]


async def test_each_event_of_an_array_is_one_call_and_all_run_side_by_side(client: Client, seen: Seen) -> None:
    seen.together = asyncio.Event()
    assert (await _post(client, "Notification", [_event(number) for number in range(3)])).status == 202
    assert seen.most_inside == 3
    assert {event[0] for event in seen.events} == {"event-0", "event-1", "event-2"}


async def test_one_failure_is_a_500_for_the_whole_delivery_and_the_others_still_run(client: Client, seen: Seen) -> None:
    answer = await _post(client, "Notification", [_event(1, "fail"), _event(2)])
    assert (answer.status, answer.text) == (500, "Exception while executing function: Functions.on_event")
    assert [event[0] for event in seen.events] == ["event-2"]


async def test_dates_in_the_data_are_rewritten(client: Client, seen: Seen) -> None:
    await _post(client, "Notification", [_event(1, {"receivedTimestamp": "2020-09-18T00:27:45.3200000Z"})])
    assert seen.events[0][4] == {"receivedTimestamp": "2020-09-18T00:27:45.32Z"}


async def test_a_cloud_event_reaches_the_function(client: Client, seen: Seen) -> None:
    event = {"specversion": "1.0", "id": "c1", "source": "/s", "type": "Some.Type", "data": {"a": 1}}
    answer = await _post(client, "Notification", [event], "/runtime/webhooks/eventgrid?functionname=on_cloud_event")
    assert answer.status == 202
    assert seen.events == [("c1", "Some.Type", "/s", {"a": 1})]


async def test_the_path_counts_in_any_case_and_the_function_name_in_its_own(client: Client) -> None:
    assert (await _post(client, "Notification", [], "/Runtime/WebHooks/EVENTGRID?functionName=on_event")).status == 202
    answer = await _post(client, "Notification", [], "/runtime/webhooks/EventGrid?functionName=On_Event")
    assert (answer.status, answer.text) == (404, "cannot find function: 'On_Event'")


@pytest.mark.parametrize("query", ["", "?functionName=page"])
async def test_a_function_that_is_not_triggered_by_event_grid_is_a_404(client: Client, query: str) -> None:
    assert (await _post(client, "Notification", [], f"/runtime/webhooks/EventGrid{query}")).status == 404


@pytest.mark.parametrize("kind", [None, "SubscriptionDeletion"])
async def test_no_or_an_unknown_event_type_header_is_a_400(client: Client, kind: str | None) -> None:
    assert (await _post(client, kind, [_event(1)])).status == 400


async def test_unsubscribe_is_a_202(client: Client) -> None:
    assert (await _post(client, "Unsubscribe", [])).status == 202


async def test_the_cloud_events_handshake_is_answered(client: Client) -> None:
    answer = await client.send("OPTIONS", WEBHOOK, headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")


async def test_a_body_that_is_not_json_is_a_500(client: Client) -> None:
    answer = await client.send("POST", WEBHOOK, body=b"{", headers={"aeg-event-type": "Notification"})
    assert answer.status == 500


async def test_a_disabled_function_is_not_found(seen: Seen, tmp_path: Path) -> None:
    async with serving(_app(seen), tmp_path, settings={"AzureWebJobs.on_event.Disabled": "1"}) as client:
        assert (await _post(client, "Notification", [_event(1)])).status == 404
    assert seen.events == []
