"""Campaigns, schedules and failures, told over HTTP against the running stack, storage queues included."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from azure.storage.queue.aio import QueueClient

from shared.edges.queue_azure import API_VERSION, open_queues
from shared.rules.ids import send_id, to_ms
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.support.people import Json, People, people_of
from tests.support.stack import RunningStack
from tests.support.waiting import eventually

# The short code is fast; the toll-free number is slow enough to be paused.
FAST, SLOW = "12345", "+18005550100"
QUIET_NOT = {"quietHours": "false"}


@pytest_asyncio.fixture
async def people(stack: RunningStack) -> AsyncIterator[People]:
    """Give a session towards the stack."""
    async with people_of(stack) as session:
        yield session


async def test_campaign_from_a_file_is_forecast_paused_resumed_and_ends(people: People) -> None:
    numbers = [f"+1206555{last:04d}" for last in range(480)]
    left = numbers[:2]
    await people.ask("POST", "opt-outs/add", {"recipients": left})
    file = _file(numbers)
    options = {"name": "Spring story", "from": FAST, "text": "Hello {{name}}", "tag": "spring", **QUIET_NOT}

    forecast = await _upload(people, "campaigns/forecast", options, file)
    assert forecast.status == 200
    told = {name: forecast.body[name] for name in ("recipients", "duplicates", "optedOut", "inQuietHours")}
    assert told == {"recipients": 478, "duplicates": 1, "optedOut": 2, "inQuietHours": 0}
    assert forecast.body["errorCount"] == 20
    assert forecast.body["segments"]["byEncoding"]["GSM-7"] == {"texts": 478, "segments": 478}
    assert "Spring story" not in [one["name"] for one in (await people.ask("GET", "campaigns")).body["value"]]

    started = await _upload(people, "campaigns", options, file, headers={"Idempotency-Key": "spring"})
    repeated = await _upload(people, "campaigns", options, file, headers={"Idempotency-Key": "spring"})
    assert (started.status, repeated.body["id"]) == (202, started.body["id"])
    campaign = started.headers["operation-location"].partition("/api/")[2]

    await eventually(lambda: _gone(people, campaign, at_least=1))
    assert (await people.ask("POST", f"{campaign}/pause")).body["status"] == "paused"
    await eventually(lambda: _stands_still(people, campaign))
    held = (await people.ask("GET", campaign)).body
    assert 0 < held["progress"] < 1
    assert (await people.ask("POST", f"{campaign}/resume")).body["status"] == "running"

    end = await eventually(lambda: _ended(people, campaign), within_seconds=90)
    assert (end["status"], end["progress"]) == ("done", 1.0)
    assert (end["counts"], end["recipients"], end["duplicates"]) == ({"delivered": 478, "suppressed": 2}, 480, 1)
    assert end["errorCount"] == len(end["errors"]) == 20
    assert {error["code"] for error in end["errors"]} == {"NotAPhoneNumber", "MissingPlaceholder"}

    rows = list(csv.DictReader(io.StringIO((await people.ask("GET", f"{campaign}/recipients?format=csv")).body)))
    assert sorted(row["to"].removeprefix("'") for row in rows) == numbers
    assert Counter(row["state"] for row in rows) == {"delivered": 478, "suppressed": 2}
    sent = [one for one in (await people.carrier("GET", "/messages"))["value"] if one["to"] in set(numbers)]
    assert sorted(one["to"] for one in sent) == numbers[2:]
    assert {one["text"] for one in sent} == {f"Hello N{place}" for place in range(100)}
    await _is_in_its_conversation(people, rows[-1]["id"])


async def test_canceled_campaign_sends_nothing_more(people: People) -> None:
    numbers = [f"+1206556{last:04d}" for last in range(500)]
    body = {"name": "Slow", "from": SLOW, "text": "Hi", "quietHours": False}
    started = await people.ask("POST", "campaigns", body | {"recipients": [{"to": to} for to in numbers]})
    campaign = f"campaigns/{started.body['id']}"

    await eventually(lambda: _gone(people, campaign, at_least=1))
    assert (await people.ask("POST", f"{campaign}/cancel")).body["status"] == "canceled"
    end = await eventually(lambda: _ended(people, campaign), within_seconds=60)

    sent = end["counts"]["delivered"]
    assert (end["status"], sum(end["counts"].values())) == ("canceled", 500)
    assert 0 < sent < 500
    assert end["counts"]["canceled"] == 500 - sent
    at_carrier = [one for one in (await people.carrier("GET", "/messages"))["value"] if one["to"] in set(numbers)]
    assert len(at_carrier) == sent


async def test_form_with_a_time_waits_for_it(people: People) -> None:
    at = datetime.now(UTC) + timedelta(seconds=10)
    options = {"name": "Form", "from": FAST, "text": "Hi {{name}}", "quietHours": False, "sendAt": at.isoformat()}
    content_type, form = _form(options, "to,name\n+12065570001,Ann\n+12065570002,Bob\n")

    started = await people.ask("POST", "campaigns", data=form, headers={"Content-Type": content_type})

    assert started.status == 202, started
    campaign = f"campaigns/{started.body['id']}"
    assert (await people.ask("GET", campaign)).body["counts"] == {"scheduled": 2}
    end = await eventually(lambda: _ended(people, campaign), within_seconds=60)
    assert end["counts"] == {"delivered": 2}
    for number in ("+12065570001", "+12065570002"):
        [text] = await people.at_carrier(number)
        assert datetime.fromisoformat(text["acceptedAt"]) >= at


async def test_text_with_a_time_goes_then_and_once(people: People) -> None:
    at = datetime.now(UTC) + timedelta(seconds=10)
    [result] = await people.send("+12065570003", "Later", sendAt=at.isoformat())
    assert result["state"] == "scheduled"

    message = await eventually(lambda: people.settled(result["id"], "delivered"), within_seconds=60)

    assert [step["state"] for step in message["history"]] == ["scheduled", "sending", "sent", "delivered"]
    [text] = await people.at_carrier("+12065570003")
    assert datetime.fromisoformat(text["acceptedAt"]) >= at
    gone = await people.ask("DELETE", f"messages/{result['id']}")
    assert (gone.status, gone.headers["x-ms-error-code"]) == (409, "MessageHasGone")


async def test_text_that_is_canceled_in_time_never_goes(people: People) -> None:
    at = datetime.now(UTC) + timedelta(seconds=10)
    numbers = ["+12065570004", "+12065570005"]
    first, second = await people.send(numbers, "Perhaps", sendAt=at.isoformat())

    canceled = await people.ask("DELETE", f"messages/{first['id']}")

    assert (canceled.status, canceled.body["state"]) == (200, "canceled")
    await eventually(lambda: people.settled(second["id"], "delivered"), within_seconds=60)
    assert await people.at_carrier(numbers[0]) == []
    assert (await people.message(first["id"]))["state"] == "canceled"


async def test_failure_is_listed_and_sent_again(people: People) -> None:
    at = datetime.now(UTC) + timedelta(seconds=10)
    headers = {"Idempotency-Key": "failing"}
    body = {"to": "+12065570006", "text": "In the queue", "sendAt": at.isoformat()}
    [result] = (await people.ask("POST", "messages", body, headers=headers)).body["value"]
    hour_ms = to_ms(at.replace(minute=0, second=0, microsecond=0))
    work = json.dumps({"batchPartition": f"{hour_ms:014d}", "batchRow": str(send_id("caller:failing"))})
    await _lose_all(people.stack, SENDS_QUEUE)
    await _fail(people.stack, SENDS_QUEUE, work)
    await _fail(people.stack, CAMPAIGNS_QUEUE, "not a name of work")

    found = await eventually(lambda: _failures(people, 2))
    assert {(one["queue"], one["body"]) for one in found} == {
        (SENDS_QUEUE, work),
        (CAMPAIGNS_QUEUE, "not a name of work"),
    }
    of_sends = next(one for one in found if one["queue"] == SENDS_QUEUE)
    again = await people.ask("POST", f"failures/{of_sends['id']}/resend")
    assert (again.status, again.body) == (200, {"resent": 1})
    await people.settled(result["id"], "delivered")

    assert (await people.ask("POST", "failures/resend")).body == {"resent": 1}
    assert (await people.ask("GET", "failures")).body["value"] == []


def _file(numbers: list[str]) -> str:
    """Return a CSV file of the numbers, one of them twice, and 20 rows that cannot be texted."""
    bad = [["no number", "X"]] * 10 + [[f"+1206559{last:04d}", ""] for last in range(10)]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["To", "name"])
    writer.writerows([[number, f"N{place % 100}"] for place, number in enumerate(numbers)])
    writer.writerows([[numbers[5], "again"], *bad])
    return file.getvalue()


def _form(options: Json, file: str) -> tuple[str, bytes]:
    parts = [("application/json", json.dumps(options)), ("text/csv", file)]
    lines = [f"--limit\r\nContent-Type: {kind}\r\n\r\n{content}\r\n" for kind, content in parts]
    return "multipart/form-data; boundary=limit", f"{''.join(lines)}--limit--\r\n".encode()


async def _upload(people: People, path: str, options: Json, file: str, **more: Any) -> Any:
    headers = {"Content-Type": "text/csv", **more.pop("headers", {})}
    return await people.ask("POST", path, params=options, data=file.encode(), headers=headers)


async def _gone(people: People, campaign: str, at_least: int) -> bool:
    answer = (await people.ask("GET", campaign)).body
    return bool(answer["progress"] * answer["recipients"] >= at_least)


async def _stands_still(people: People, campaign: str) -> bool:
    """Tell whether nothing of a campaign has gone for two seconds, and what has gone is settled."""
    before = (await people.ask("GET", campaign)).body
    await asyncio.sleep(2)
    after = (await people.ask("GET", campaign)).body
    return bool(before["progress"] == after["progress"])


async def _ended(people: People, campaign: str) -> Json | None:
    answer: Json = (await people.ask("GET", campaign)).body
    settled = set(answer["counts"]) <= {"delivered", "suppressed", "canceled"}
    return answer if answer["status"] in {"done", "canceled"} and answer["progress"] == 1 and settled else None


async def _is_in_its_conversation(people: People, message_id: str) -> None:
    message = await people.message(message_id)
    thread = (await people.ask("GET", f"conversations/{message['conversationId']}/messages")).body["value"]
    assert message_id in [one["id"] for one in thread]


async def _failures(people: People, count: int) -> list[Json] | None:
    found: list[Json] = (await people.ask("GET", "failures")).body["value"]
    return found if len(found) == count else None


async def _lose_all(stack: RunningStack, queue: str) -> None:
    """Take all work out of a queue."""
    connection = stack.storage.connection_string
    async with QueueClient.from_connection_string(connection, f"sms-{queue}", api_version=API_VERSION) as client:
        await client.clear_messages()


async def _fail(stack: RunningStack, queue: str, body: str) -> None:
    """Put a message into the poison queue of a queue, as the host does after five tries."""
    queues = open_queues(stack.storage.connection_string, prefix="sms-")
    await queues.queue(f"{queue}-poison").put(body)
    await queues.close()
