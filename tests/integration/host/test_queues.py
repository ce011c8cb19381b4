"""Queue-triggered functions, on a real storage emulator."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local.host import queues as host_queues
from local.host.host_json import HostJson, QueueOptions
from local.host.queues import Backoff
from tests.support.azurite import Azurite
from tests.support.waiting import eventually

from .serving import Client, serving

FAST = QueueOptions(new_batch_threshold=8, max_polling_interval=timedelta(milliseconds=100))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(slots=True)
class Work:
    """A queue with a function, and what the function was given."""

    connection: str
    name: str = field(default_factory=lambda: f"work-{secrets.token_hex(6)}")
    seen: list[tuple[str, int | None]] = field(default_factory=list)
    body: Callable[[func.QueueMessage], Any] = lambda _: None

    def queue(self, name: str | None = None) -> QueueClient:
        """Return a client that neither encodes nor decodes."""
        return QueueClient.from_connection_string(self.connection, name or self.name)

    @property
    def app(self) -> func.FunctionApp:
        """Make the app."""
        app = func.FunctionApp()

        @app.queue_trigger("message", self.name, "AzureWebJobsStorage")
        async def work(message: func.QueueMessage) -> None:
            self.seen.append((message.get_body().decode(), message.dequeue_count))
            result = self.body(message)
            if asyncio.iscoroutine(result):
                await result

        return app

    async def send(self, *contents: str) -> None:
        """Create the queue and put messages into it as they are."""
        async with self.queue() as queue:
            await queue.create_queue()
            for content in contents:
                await queue.send_message(content)

    async def peek(self, name: str | None = None) -> list[QueueMessage]:
        """Return the visible messages of a queue; none if it does not exist."""
        async with self.queue(name) as queue:
            try:
                return list(await queue.peek_messages(max_messages=32))
            except ResourceNotFoundError:
                return []

    async def count(self) -> int:
        """Return how many messages there are, hidden ones included."""
        async with self.queue() as queue:
            return (await queue.get_queue_properties()).approximate_message_count or 0

    @asynccontextmanager
    async def served(self, folder: Path, options: QueueOptions = FAST, grace: float = 5) -> AsyncIterator[Client]:
        """Serve the app."""
        settings = {"AzureWebJobsStorage": self.connection}
        host_json = HostJson(queues=options)
        async with serving(self.app, folder, host_json=host_json, settings=settings, grace=grace) as client:
            yield client


@pytest.fixture
def work(azurite: Azurite) -> Work:
    return Work(azurite.connection_string)


async def test_a_base64_message_reaches_the_function_and_is_deleted(work: Work, tmp_path: Path) -> None:
    await work.send(_encoded("héllo"))
    async with work.served(tmp_path):
        await eventually(lambda: work.seen == [("héllo", 1)])
        await eventually(lambda: _is(work.count(), 0))


async def _is(awaited: Any, expected: object) -> bool:
    return bool(await awaited == expected)


async def test_the_queue_need_not_exist_at_start(work: Work, tmp_path: Path) -> None:
    async with work.served(tmp_path):
        await work.send(_encoded("late"))
        await eventually(lambda: work.seen == [("late", 1)])


async def test_a_message_that_is_not_base64_goes_to_poison_at_once(work: Work, tmp_path: Path) -> None:
    await work.send("plain text!")
    async with work.served(tmp_path):
        poison = await eventually(lambda: work.peek(f"{work.name}-poison"))
    assert [message.content for message in poison] == ["plain text!"]
    assert work.seen == []


async def test_encoding_none_takes_plain_text(work: Work, tmp_path: Path) -> None:
    await work.send("plain text!")
    async with work.served(tmp_path, replace(FAST, base64=False)):
        await eventually(lambda: work.seen == [("plain text!", 1)])


def _fail(_: func.QueueMessage) -> None:
    raise ValueError


async def test_a_failing_message_is_tried_max_dequeue_count_times_and_then_moved_to_poison(
    work: Work, tmp_path: Path
) -> None:
    work.body = _fail
    await work.send(_encoded("bad"))
    async with work.served(tmp_path, replace(FAST, max_dequeue_count=3)):
        poison = await eventually(lambda: work.peek(f"{work.name}-poison"))
        await eventually(lambda: _is(work.count(), 0))
    assert work.seen == [("bad", 1), ("bad", 2), ("bad", 3)]
    assert [message.content for message in poison] == [_encoded("bad")]


async def test_a_message_taken_too_often_before_goes_to_poison_without_a_call(work: Work, tmp_path: Path) -> None:
    await work.send(_encoded("crashing"))
    async with work.queue() as queue:
        for _ in range(2):
            [message] = [one async for one in queue.receive_messages(visibility_timeout=1)]
            await queue.update_message(message, visibility_timeout=0)
    async with work.served(tmp_path, replace(FAST, max_dequeue_count=2)):
        await eventually(lambda: work.peek(f"{work.name}-poison"))
    assert work.seen == []


async def test_a_failed_message_waits_for_the_visibility_timeout(work: Work, tmp_path: Path) -> None:
    work.body = _fail
    await work.send(_encoded("bad"))
    async with work.served(tmp_path, replace(FAST, visibility_timeout=timedelta(hours=1))):
        await eventually(lambda: work.seen == [("bad", 1)])
        await eventually(lambda: _is(work.peek(), []))
        assert await work.count() == 1


@pytest.mark.parametrize("name", ["x-{}-poison", "x" * 51 + "{}"])
async def test_a_queue_that_can_have_no_poison_queue_keeps_its_message_locked(
    azurite: Azurite, tmp_path: Path, name: str
) -> None:
    work = Work(azurite.connection_string, name=name.format(secrets.token_hex(6)))
    work.body = _fail
    await work.send(_encoded("bad"))
    async with work.served(tmp_path, replace(FAST, max_dequeue_count=1)):
        await eventually(lambda: len(work.seen) == 1)
    assert await work.count() == 1
    assert await work.peek() == []


async def test_the_facts_of_a_message_reach_the_function(work: Work, tmp_path: Path) -> None:
    facts: list[Any] = []
    work.body = lambda message: facts.append((message.id, message.pop_receipt, message.insertion_time))
    await work.send(_encoded("x"))
    async with work.served(tmp_path):
        await eventually(lambda: facts)
    message_id, pop_receipt, inserted = facts[0]
    assert len(message_id) == 36
    assert pop_receipt
    assert inserted.tzinfo is not None


async def test_top_level_names_of_a_json_body_override_the_facts_in_any_case(work: Work, tmp_path: Path) -> None:
    facts: list[Any] = []
    work.body = lambda message: facts.append((message.id, message.dequeue_count, message.pop_receipt))
    await work.send(_encoded(json.dumps({"id": "mine", "DEQUEUECOUNT": 9, "popReceipt": None, "other": [1]})))
    async with work.served(tmp_path):
        await eventually(lambda: facts)
    assert facts[0][:2] == ("mine", 9)
    assert facts[0][2]


async def test_a_parameter_of_type_str_gets_the_text(azurite: Azurite, tmp_path: Path) -> None:
    work = Work(azurite.connection_string)
    app, seen = func.FunctionApp(), list[object]()

    @app.queue_trigger("message", work.name, "AzureWebJobsStorage")
    def take(message: str) -> None:
        seen.append(message)

    await work.send(_encoded("text"))
    settings = {"AzureWebJobsStorage": work.connection}
    async with serving(app, tmp_path, host_json=HostJson(queues=FAST), settings=settings):
        await eventually(lambda: seen == ["text"])


async def test_no_more_than_a_batch_and_the_threshold_run_at_once(work: Work, tmp_path: Path) -> None:
    gate, inside = asyncio.Event(), list[str]()

    async def wait(message: func.QueueMessage) -> None:
        inside.append(message.get_body().decode())
        await gate.wait()

    work.body = wait
    await work.send(*(_encoded(str(number)) for number in range(9)))
    async with work.served(tmp_path, replace(FAST, batch_size=4, new_batch_threshold=2)):
        await eventually(lambda: len(inside) == 4)
        assert len(await work.peek()) == 5
        gate.set()
        await eventually(lambda: len(inside) == 9)
        await eventually(lambda: _is(work.count(), 0))


async def test_a_long_call_keeps_its_message_locked(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = host_queues.Lock(duration=timedelta(seconds=2), renewal=timedelta(seconds=0.5))
    monkeypatch.setattr(host_queues, "Lock", lambda: short)
    renewals: list[object] = []
    hide = host_queues.QueueListener._hide

    async def counted(self: host_queues.QueueListener, message: QueueMessage, duration: timedelta) -> None:
        await hide(self, message, duration)
        renewals.append(duration)

    monkeypatch.setattr(host_queues.QueueListener, "_hide", counted)
    gate = asyncio.Event()
    work.body = lambda _: gate.wait()
    await work.send(_encoded("long"))
    async with work.served(tmp_path):
        await eventually(lambda: len(renewals) >= 5)
        gate.set()
        await eventually(lambda: _is(work.count(), 0))
    assert work.seen == [("long", 1)]


async def test_a_call_under_way_is_finished_when_the_host_stops(work: Work, tmp_path: Path) -> None:
    gate = asyncio.Event()
    work.body = lambda _: gate.wait()
    await work.send(_encoded("x"))
    async with work.served(tmp_path):
        await eventually(lambda: work.seen)
        asyncio.get_running_loop().call_later(0.2, gate.set)
    assert await work.count() == 0


async def test_a_message_whose_call_is_cut_off_at_the_stop_is_visible_again(work: Work, tmp_path: Path) -> None:
    work.body = lambda _: asyncio.Event().wait()
    await work.send(_encoded("x"))
    async with work.served(tmp_path, grace=0.1):
        await eventually(lambda: work.seen)
    [message] = await work.peek()
    assert message.content == _encoded("x")


async def test_a_function_may_send_to_queues_by_outputs(azurite: Azurite, tmp_path: Path) -> None:
    work = Work(azurite.connection_string)
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("send")
    @app.queue_output("out", work.name, "AzureWebJobsStorage")
    async def send(req: func.HttpRequest, out: func.Out[Any]) -> func.HttpResponse:
        out.set(["one", "two"] if req.params.get("many") else "héllo")
        return func.HttpResponse()

    settings = {"AzureWebJobsStorage": work.connection}
    async with serving(app, tmp_path, settings=settings) as client:
        assert (await client.get("/api/send")).status == 200
        assert (await client.get("/api/send?many=1")).status == 200
    contents = [message.content for message in await work.peek()]
    assert contents == [_encoded("héllo"), _encoded("one"), _encoded("two")]


async def test_a_queue_function_may_return_its_output(work: Work, tmp_path: Path) -> None:
    app = func.FunctionApp()

    @app.queue_trigger("message", work.name, "AzureWebJobsStorage")
    @app.queue_output("$return", f"{work.name}-out", "AzureWebJobsStorage")
    def forward(message: func.QueueMessage) -> bytes:
        return message.get_body().upper()

    await work.send(_encoded("x"))
    settings = {"AzureWebJobsStorage": work.connection}
    async with serving(app, tmp_path, host_json=HostJson(queues=FAST), settings=settings):
        messages = await eventually(lambda: work.peek(f"{work.name}-out"))
    assert [message.content for message in messages] == [_encoded("X")]


async def test_a_disabled_function_leaves_its_queue_alone(work: Work, tmp_path: Path) -> None:
    await work.send(_encoded("x"))
    settings = {"AzureWebJobsStorage": work.connection, "AzureWebJobs.work.Disabled": "true"}
    async with serving(work.app, tmp_path, host_json=HostJson(queues=FAST), settings=settings) as client:
        assert (await client.get("/admin/host/status")).status == 200
    assert len(await work.peek()) == 1


async def test_a_queue_function_can_be_run_by_hand(work: Work, tmp_path: Path) -> None:
    async with work.served(tmp_path) as client:
        answer = await client.send("POST", "/admin/functions/work?wait=1", body=json.dumps({"input": "by hand"}))
    assert answer.status == 200
    assert work.seen == [("by hand", 1)]


def test_the_pause_between_looks_doubles_up_to_its_limit_and_begins_anew() -> None:
    backoff = Backoff(timedelta(seconds=1))
    pauses = [backoff.next() for _ in range(10)]
    assert pauses[0] == 0.1
    assert all(later >= 1.5 * earlier or later == 1 for earlier, later in pairwise(pauses))
    assert pauses[-1] == 1
    backoff.reset()
    assert backoff.next() == 0.1
