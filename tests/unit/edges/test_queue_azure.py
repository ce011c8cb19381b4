"""What is particular to the Azure Queues client: what goes over the wire, tries, errors, the bound on puts."""

from __future__ import annotations

import asyncio
import base64
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.storage.queue.aio import QueueServiceClient

from devtools.paths import ROOT
from shared.edges.queue_azure import API_VERSION, AzureQueue, AzureQueues, open_queues
from shared.rules.errors import InternalError, StorageUnavailable
from tests.support.waiting import eventually
from tests.unit.edges.queue_server import ACCOUNT_KEY, QueueServer, made, put, queue_server, refusal

BODY = "private words"
PUT = "POST /sms-work/messages"


def _store(connection_string: str, **options: Any) -> AzureQueues:
    """Return queues without pauses between tries."""
    quick = {"initial_backoff": 0, "increment_base": 0, "random_jitter_range": 0, "retry_total": 2} | options
    service = QueueServiceClient.from_connection_string(connection_string, **quick)
    return AzureQueues(service, "sms-", parallel=3)


@pytest.fixture
async def server() -> AsyncIterator[QueueServer]:
    """Give the test's queue service."""
    async with queue_server() as running:
        yield running


@pytest.fixture
async def queue(server: QueueServer) -> AsyncIterator[AzureQueue]:
    """Give a queue on that service."""
    store = _store(server.connection_string)
    yield store.queue("work")
    await store.close()


async def test_a_message_goes_out_as_base64_and_never_expires(server: QueueServer) -> None:
    server.script.append(put())
    store = open_queues(server.connection_string, prefix="sms-")

    await store.queue("work").put("naïve ☃", delay_s=90)
    await store.close()

    (seen,) = server.seen
    text = ET.fromstring(seen.body).findtext("MessageText")  # noqa: S314 - our own request
    assert base64.b64decode(text or "").decode() == "naïve ☃"
    assert seen.line == PUT
    assert (seen.query["messagettl"], seen.query["visibilitytimeout"]) == ("-1", "90")
    assert seen.version == API_VERSION


@pytest.mark.parametrize(
    "creation", [made(), made(204), refusal(409, "QueueAlreadyExists")], ids=["made", "there", "other"]
)
async def test_a_missing_queue_is_made_and_the_message_put_again(
    queue: AzureQueue, server: QueueServer, creation: web.Response
) -> None:
    server.script.extend([refusal(404, "QueueNotFound"), creation, put()])

    await queue.put(BODY)

    assert [seen.line for seen in server.seen] == [PUT, "PUT /sms-work", PUT]


@pytest.mark.parametrize(
    "answers",
    [
        [refusal(409, "QueueBeingDeleted")],
        [refusal(404, "QueueNotFound"), refusal(409, "QueueBeingDeleted"), refusal(409, "QueueBeingDeleted")],
        [refusal(404, "QueueNotFound"), made(), refusal(404, "QueueNotFound")],
        [refusal(404, "QueueNotFound"), refusal(503, "ServerBusy"), refusal(503), refusal(503)],
    ],
    ids=["going", "gone and going", "gone again", "busy"],
)
async def test_a_queue_that_cannot_be_made_now_is_unavailable(
    queue: AzureQueue, server: QueueServer, answers: list[web.Response]
) -> None:
    server.script.extend(answers)

    with pytest.raises(StorageUnavailable):
        await queue.put(BODY)

    assert not server.script


@pytest.mark.parametrize("answer", [(401, "AuthenticationFailed"), (403, "AuthorizationPermissionMismatch"), (403, "")])
async def test_a_closed_door_is_unavailable_and_points_at_the_role(
    queue: AzureQueue, server: QueueServer, answer: tuple[int, str]
) -> None:
    server.script.append(refusal(*answer))

    with pytest.raises(StorageUnavailable, match="Storage Queue Data Contributor"):
        await queue.put(BODY)


@pytest.mark.parametrize("answer", [(500, "InternalError"), (500, "OperationTimedOut"), (503, "ServerBusy"), (429, "")])
async def test_a_service_in_trouble_is_unavailable(
    queue: AzureQueue, server: QueueServer, answer: tuple[int, str]
) -> None:
    server.script.extend(refusal(*answer) for _ in range(3))

    with pytest.raises(StorageUnavailable, match=str(answer[0])) as caught:
        await queue.put(BODY)

    assert not caught.value.permanent
    assert "private" not in caught.value.message
    assert caught.value.__suppress_context__


async def test_a_put_is_tried_three_times(queue: AzureQueue, server: QueueServer) -> None:
    server.script.extend([refusal(503, "ServerBusy"), None, put()])
    await queue.put(BODY)
    assert len(server.seen) == 3

    server.script.extend(refusal(503, "ServerBusy") for _ in range(4))
    with pytest.raises(StorageUnavailable):
        await queue.put(BODY)
    assert len(server.seen) == 6


async def test_a_broken_connection_is_unavailable(queue: AzureQueue, server: QueueServer) -> None:
    server.script.extend([None] * 9)

    with pytest.raises(StorageUnavailable):
        await queue.put(BODY)


async def test_an_answer_that_takes_too_long_is_unavailable(server: QueueServer) -> None:
    server.gate = asyncio.Event()
    store = _store(server.connection_string, read_timeout=0.2, retry_total=0)

    with pytest.raises(StorageUnavailable, match="ServiceResponse"):
        await store.queue("work").put(BODY)
    await store.close()
    server.gate.set()


@pytest.mark.parametrize("status", [302, 502])
async def test_an_answer_that_is_not_the_services_own_is_unavailable(
    queue: AzureQueue, server: QueueServer, status: int
) -> None:
    server.script.extend(web.Response(text="<p>a proxy", status=status) for _ in range(3))

    with pytest.raises(StorageUnavailable):
        await queue.put(BODY)


async def test_a_request_that_the_service_finds_wrong_is_a_defect(queue: AzureQueue, server: QueueServer) -> None:
    server.script.append(refusal(400, "InvalidQueryParameterValue"))

    with pytest.raises(InternalError, match="400 InvalidQueryParameterValue") as caught:
        await queue.put(BODY)

    assert "private" not in caught.value.message


async def test_no_more_puts_are_under_way_than_allowed(queue: AzureQueue, server: QueueServer) -> None:
    server.gate = asyncio.Event()
    server.script.extend(put() for _ in range(8))
    puts = [asyncio.create_task(queue.put(str(number))) for number in range(1, 9)]
    await eventually(lambda: server.under_way == 3)
    server.gate.set()
    await asyncio.gather(*puts)

    assert server.most_under_way == 3
    assert len(server.seen) == 8


async def test_no_log_shows_a_body_or_the_key(
    queue: AzureQueue, server: QueueServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.extend([put(), refusal(400, "InvalidInput")])

    with caplog.at_level(logging.DEBUG):
        await queue.put(BODY)
        with pytest.raises(InternalError):
            await queue.put(BODY)

    assert "private words" not in caplog.text
    assert base64.b64encode(BODY.encode()).decode() not in caplog.text
    assert ACCOUNT_KEY not in caplog.text


def test_the_sdk_is_loaded_only_where_queues_are_opened() -> None:
    probe = "import sys, shared.edges.queue_azure; sys.exit('azure.storage.queue' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False).returncode == 0


class _Identity:
    """An identity for tests that never get to use it."""

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("token", 0)

    async def close(self) -> None: ...

    async def __aenter__(self) -> _Identity:
        return self

    async def __aexit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"queue_uri": "https://a.queue.core.windows.net"},
        {"credential": _Identity()},
        {"connection_string": "UseDevelopmentStorage=true", "queue_uri": "https://a.queue.core.windows.net"},
    ],
)
def test_queues_need_one_way_to_sign_in(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="connection string"):
        open_queues(**given)


@pytest.mark.parametrize("connection_string", ["nonsense", f"AccountKey={ACCOUNT_KEY}"])
def test_a_malformed_connection_string_is_named_without_the_key(connection_string: str) -> None:
    with pytest.raises(ValueError, match=r"[Cc]onnection") as caught:
        open_queues(connection_string)

    assert ACCOUNT_KEY not in str(caught.value)


async def test_queues_open_with_an_identity_or_for_development() -> None:
    for store in (
        open_queues(queue_uri="https://a.queue.core.windows.net", credential=_Identity()),
        open_queues("UseDevelopmentStorage=true"),
    ):
        assert store.queue("work") is store.queue("work")
        await store.close()
