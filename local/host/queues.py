"""Queue-triggered functions, and queues as outputs.

Source: azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Queues, `QueueListener` and `QueueProcessor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host.errors import InvocationError
from local.host.host_json import QueueOptions
from local.host.indexing import Binding, Function
from local.host.invocation import Invoker
from local.host.queue_messages import MessageFacts, decode_text, encode_text, trigger_data
from local.host.settings import Settings

_log = logging.getLogger("Host.Triggers.Queues")
_POISON = "-poison"
_LONGEST_NAME = 63
_FIRST_PAUSE = 0.1
_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lock:
    """How long a received message stays hidden, and how often that is renewed while its function runs."""

    duration: timedelta = timedelta(minutes=10)
    renewal: timedelta = timedelta(minutes=5)


class Queues:
    """The clients for the queues that bindings name: one connection per account, closed once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._services: dict[str, QueueServiceClient] = {}

    def of(self, binding: Binding) -> QueueClient:
        """Return the client of a binding's queue."""
        return self.named(binding.text("queueName").lower(), binding)

    def named(self, queue: str, binding: Binding) -> QueueClient:
        """Return the client of another queue in the account of a binding."""
        connection = self._settings.connection_string(binding.text("connection") or "AzureWebJobsStorage")
        if connection not in self._services:
            self._services[connection] = QueueServiceClient.from_connection_string(connection)
        return self._services[connection].get_queue_client(queue)

    async def close(self) -> None:
        """Close every connection."""
        for service in self._services.values():
            await service.close()


class QueueOutputs:
    """Sends what functions put into `queue` output bindings; a queue that is missing is made."""

    def __init__(self, queues: Queues, options: QueueOptions) -> None:
        self._queues = queues
        self._base64 = options.base64

    async def send(self, binding: Binding, datum: Datum) -> None:
        """Send a text as one message, or a list of texts as one message each."""
        client = self._queues.of(binding)
        for text in _texts(datum):
            await send_or_create(client, encode_text(text, is_base64=self._base64))


def _texts(datum: Datum) -> Sequence[str]:
    if datum.type == "bytes":
        return [datum.value.decode()]
    if datum.type == "json":
        values = json.loads(datum.value)
        if isinstance(values, list):
            return [value if isinstance(value, str) else json.dumps(value) for value in values]
    return [datum.value]


async def send_or_create(client: QueueClient, content: str) -> None:
    """Send a message; if the queue does not exist, make it first."""
    try:
        await client.send_message(content)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            await client.create_queue()
        await client.send_message(content)


class Backoff:
    """The pause before looking again: 100 ms, doubling with a fifth of chance, up to a limit."""

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest.total_seconds()
        self._pause = 0.0

    def reset(self) -> None:
        """Begin anew, after a message was found."""
        self._pause = 0.0

    def next(self) -> float:
        """Return the next pause in seconds."""
        grown = self._pause * 2 * random.uniform(0.8, 1.2)
        self._pause = min(max(grown, _FIRST_PAUSE), self._longest)
        return self._pause


class QueueListener:
    """Feeds one function from its queue."""

    def __init__(
        self, function: Function, queues: Queues, options: QueueOptions, invoker: Invoker, lock: Lock | None = None
    ) -> None:
        self._function = function
        self._options = options
        self._invoker = invoker
        self._lock = lock or Lock()
        self._queue = queues.of(function.trigger)
        poison = f"{self._queue.queue_name}{_POISON}"
        has_poison = not self._queue.queue_name.endswith(_POISON) and len(poison) <= _LONGEST_NAME
        self._poison = queues.named(poison, function.trigger) if has_poison else None
        self._backoff = Backoff(options.max_polling_interval)
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until canceled; then let the messages under way end, or give them back if they are cut off."""
        try:
            while True:
                await self._poll()
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way)

    async def _poll(self) -> None:
        messages = await self._receive()
        for message in messages:
            task = asyncio.create_task(self._process(message))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        if messages:
            self._backoff.reset()
        else:
            await asyncio.sleep(self._backoff.next())
        while len(self._under_way) > self._options.new_batch_threshold:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _receive(self) -> list[QueueMessage]:
        size = self._options.batch_size
        pages = self._queue.receive_messages(
            messages_per_page=size, max_messages=size, visibility_timeout=_seconds(self._lock.duration)
        )
        try:
            return [message async for message in pages]
        except ResourceNotFoundError:
            return []
        except AzureError as error:
            _log.warning("Queue %s does not answer: %s", self._queue.queue_name, type(error).__name__)
            return []

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._handle(message)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(message))
            raise
        except AzureError as error:
            # The message shows again by itself when its lock ends.
            _log.warning("A message of queue %s is left locked: %s", self._queue.queue_name, type(error).__name__)

    async def _handle(self, message: QueueMessage) -> None:
        text = decode_text(message.content, is_base64=self._options.base64)
        if text is None:
            _log.error("A message of queue %s is not base64; see messageEncoding.", self._queue.queue_name)
            await self._give_up(message)
        elif (message.dequeue_count or 0) > self._options.max_dequeue_count:
            await self._give_up(message)
        elif await self._succeeds(message, text):
            await self._queue.delete_message(message)
        elif (message.dequeue_count or 0) >= self._options.max_dequeue_count:
            await self._give_up(message)
        else:
            await self._hide(message, self._options.visibility_timeout)

    async def _succeeds(self, message: QueueMessage, text: str) -> bool:
        renewal = asyncio.create_task(self._keep_locked(message))
        reason = f"New queue message detected on '{self._queue.queue_name}'."
        try:
            await self._invoker.invoke(self._function, trigger_data(text, _facts(message), reason))
        except InvocationError:
            return False
        finally:
            renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError, AzureError):
                await renewal
        return True

    async def _keep_locked(self, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(self._lock.renewal.total_seconds())
            await self._hide(message, self._lock.duration)

    async def _hide(self, message: QueueMessage, duration: timedelta) -> None:
        updated = await self._queue.update_message(message, visibility_timeout=_seconds(duration))
        message.pop_receipt = updated.pop_receipt

    async def _give_up(self, message: QueueMessage) -> None:
        if self._poison is None:
            _log.error("A message of queue %s has no poison queue to go to.", self._queue.queue_name)
            return
        await send_or_create(self._poison, message.content)
        await self._queue.delete_message(message)
        _log.error("A message has been moved to queue %s.", self._poison.queue_name)

    async def _release(self, message: QueueMessage) -> None:
        with contextlib.suppress(AzureError):
            await self._hide(message, timedelta(0))


def _seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())


def _facts(message: QueueMessage) -> MessageFacts:
    return MessageFacts(
        message_id=message.id,
        dequeue_count=message.dequeue_count or 0,
        inserted_at=message.inserted_on or _END_OF_TIME,
        expires_at=message.expires_on or _END_OF_TIME,
        next_visible_at=message.next_visible_on or _END_OF_TIME,
        pop_receipt=message.pop_receipt or "",
    )
