"""Canaries: a number, a text, a key and a code that go through the whole stack, and must come out nowhere else.

Looked at is what the processes log, what errors say, the headers and links of all answers, and the names of queues and
tables and the keys of rows, which are in the URLs of storage.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from devtools.paths import LOGS
from local.carrier.events import TOPIC
from shared.edges.queue_azure import API_VERSION, open_queues
from tests.support.people import Answer, Json, People, people_of
from tests.support.stack import RunningStack, running_stack
from tests.support.waiting import eventually

NUMBER = "+14255557391"
TEXT = "canary-in-the-text"
KEY = "canary-key-8264"
CODE = "739164"
MARKS = (NUMBER.removeprefix("+"), NUMBER[2:], "canary", CODE)

_QUIET_NOT = {"quietHours": False}
_SENDER = "+18005550100"


class Watch:
    """A caller that keeps what it was told where no canary belongs."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.told: list[str] = []

    async def ask(self, method: str, path: str, json: object = None, **options: Any) -> Answer:
        """Call the API; keep the headers and links of the answer, and all of an error."""
        headers = {"x-functions-key": KEY, "Idempotency-Key": f"{KEY}-{len(self.told)}", **options.pop("headers", {})}
        answer = await self.people.ask(method, path, json, headers=headers, **options)
        self.told.append(f"{method} headers {answer.headers}")
        if isinstance(answer.body, dict):
            self.told.append(f"{method} link {answer.body.get('nextLink')}")
        if answer.status >= 400:
            self.told.append(f"{method} error {answer.body}")
        return answer

    def check(self) -> None:
        """Fail if a canary was told."""
        found = [one for one in self.told for mark in MARKS if mark in one]
        assert not found, found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Give a stack of its own: what is left in the failures would be in the way of other tests."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest_asyncio.fixture
async def watch(stack: RunningStack) -> AsyncIterator[Watch]:
    """Give a watchful caller of the stack."""
    async with people_of(stack) as people:
        yield Watch(people)


async def test_no_canary_comes_out_anywhere_but_in_what_was_asked_for(watch: Watch) -> None:
    sent = await _send(watch)
    await _campaign(watch)
    await _hear(watch)
    await _fail(watch)
    await _ask_badly(watch)

    thread = await watch.ask("GET", f"conversations/{sent['conversationId']}/messages?maxpagesize=1")
    assert thread.body["nextLink"]
    whole = await watch.ask("GET", f"conversations/{sent['conversationId']}/messages")
    assert f"{TEXT} {CODE}" in [one["text"] for one in whole.body["value"]]

    watch.check()
    await _check_logs(watch)
    await _check_names(watch)


async def _send(watch: Watch) -> Json:
    body = {"to": [NUMBER, TEXT], "text": f"{TEXT} {CODE}", "tag": "canary-tag"}
    [result, rejected] = (await watch.ask("POST", "messages", body)).body["value"]
    assert (result["state"], rejected["state"]) == ("sent", "rejected")
    message = await watch.people.settled(result["id"], "delivered")
    await watch.ask("GET", f"messages/{result['id']}/explain")
    return message


async def _campaign(watch: Watch) -> None:
    rows = [{"to": NUMBER, "vars": {"code": CODE}}, {"to": TEXT}, {"to": f"{NUMBER}00000"}]
    body = {"name": TEXT, "text": f"{TEXT} {{{{code}}}}", "from": "12345", "recipients": rows, **_QUIET_NOT}
    await watch.ask("POST", "campaigns/forecast", body)
    started = (await watch.ask("POST", "campaigns", body)).body
    watch.told.append(str(started.get("errors")))

    async def done() -> bool:
        shown = (await watch.ask("GET", f"campaigns/{started['id']}")).body
        watch.told.append(str(shown["errors"]))
        return bool(shown["status"] == "done")

    await eventually(done)
    await watch.ask("GET", f"campaigns/{started['id']}/recipients?format=csv")


async def _hear(watch: Watch) -> None:
    for text in (f"{TEXT} {CODE}", "STOP", "START"):
        await watch.people.text(NUMBER, text)
    await eventually(lambda: _heard(watch))
    strange: list[tuple[str, Json]] = [
        ("sms_received", {"messageId": KEY, "from": NUMBER, "to": "+18005550999", "message": TEXT}),
        ("sms_received", {"from": NUMBER, "to": _SENDER, "message": TEXT, CODE: CODE}),
        ("sms_delivery_report", {"messageId": KEY, "from": _SENDER, "to": NUMBER, "deliveryStatus": TEXT, "tag": KEY}),
    ]
    for function, data in strange:
        kind = "SMSReceived" if function == "sms_received" else "SMSDeliveryReportReceived"
        for topic, name in ((TOPIC, f"Microsoft.Communication.{kind}"), (TEXT, TEXT)):
            event = {
                "id": KEY,
                "topic": topic,
                "subject": NUMBER,
                "eventType": name,
                "eventTime": "2026-11-23T12:00:00Z",
                "dataVersion": "1.0",
                "metadataVersion": "1",
                "data": data,
            }
            assert await watch.people.post_event(function, event) < 300


async def _heard(watch: Watch) -> bool:
    answer = await watch.ask("POST", "opt-outs/history", {"recipient": NUMBER})
    return len(answer.body["value"]) >= 2


async def _fail(watch: Watch) -> None:
    before = len((await watch.ask("GET", "failures?maxpagesize=1000")).body["value"])
    bodies = [TEXT, json.dumps({"batchPartition": NUMBER, "batchRow": CODE}), json.dumps({"campaign": NUMBER})]
    for queue in ("sends", "campaigns", "sends-poison", "campaigns-poison"):
        await _put(watch.people.stack, queue, bodies)

    async def listed() -> bool:
        return len((await watch.ask("GET", "failures?maxpagesize=1000")).body["value"]) >= before + 2 * len(bodies)

    await eventually(listed)
    # What was put into the queues themselves has been tried at least once.
    await eventually(lambda: _logged(watch.people.stack, "InvalidRequest"))


async def _put(stack: RunningStack, queue: str, bodies: list[str]) -> None:
    queues = open_queues(stack.storage.connection_string, prefix="sms-")
    for body in bodies:
        await queues.queue(queue).put(body)
    await queues.close()


async def _logged(stack: RunningStack, mark: str) -> bool:
    return any(mark in text for text in _logs(stack).values())


async def _ask_badly(watch: Watch) -> None:
    wrong: list[tuple[str, str, object]] = [
        ("POST", "messages", {"to": NUMBER, "text": 7, "tag": TEXT}),
        ("POST", "messages", {"to": NUMBER, "text": TEXT, "from": f"{NUMBER}"}),
        ("POST", "messages", {"to": NUMBER, "text": TEXT, "sendAt": CODE}),
        ("POST", "messages", {"to": [NUMBER] * 101, "text": TEXT}),
        ("POST", "messages", [NUMBER, TEXT, CODE]),
        ("POST", "campaigns", {"name": TEXT, "text": TEXT, "recipients": [{"to": TEXT}]}),
        ("POST", "opt-outs/check", {"recipients": NUMBER}),
        ("POST", "opt-outs/history", {"recipient": TEXT}),
        ("POST", f"failures/{CODE}/resend", None),
        ("GET", f"messages/{TEXT}", None),
        ("GET", f"conversations?skipToken={CODE}", None),
        ("GET", f"analytics?from={TEXT}&to={CODE}", None),
    ]
    for method, path, body in wrong:
        # The caller's own URL may be in the host's log of requests, as in that of every web server.
        answer = await watch.ask(method, path, body)
        assert answer.status in (400, 404), (path, answer)
    for raw in (f'{{"to": "{NUMBER}", "text": "{TEXT} {CODE}"', f"{TEXT}{CODE}"):
        answer = await watch.ask("POST", "messages", data=raw, headers={"Content-Type": "application/json"})
        assert answer.status == 400
    csv = f"recipient\n{NUMBER}\n{TEXT}\n"
    assert (await watch.ask("POST", "opt-outs/add", data=csv, headers={"Content-Type": "text/csv"})).status == 400


def _logs(stack: RunningStack) -> dict[str, str]:
    folder = LOGS / str(stack.api_port)
    return {log.name: log.read_text("utf-8", errors="replace") for log in folder.glob("*.log")}


async def _check_logs(watch: Watch) -> None:
    logs = _logs(watch.people.stack)
    assert "function=send_message trigger=http outcome=202" in logs["host.log"]
    assert "Kept an event" in logs["host.log"]
    found = [f"{name}: {line}" for name, text in logs.items() for line in text.splitlines() if _is_marked(line)]
    assert not found, found


def _is_marked(line: str) -> bool:
    return any(mark in line for mark in MARKS)


async def _check_names(watch: Watch) -> None:
    connection = watch.people.stack.storage.connection_string
    async with QueueServiceClient.from_connection_string(connection, api_version=API_VERSION) as queues:
        names = [queue.name async for queue in queues.list_queues()]
    keys: list[str] = []
    async with TableServiceClient.from_connection_string(connection) as tables:
        async for table in tables.list_tables():
            names.append(table.name)
            rows = tables.get_table_client(table.name).list_entities(select=["PartitionKey", "RowKey"])
            keys += [f"{table.name} {row['PartitionKey']} {row['RowKey']}" async for row in rows]
    assert len(names) > 5
    assert len(keys) > 20
    assert not [one for one in (*names, *keys) if _is_marked(one)]
