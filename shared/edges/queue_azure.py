"""Queues in Azure Queue storage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceExistsError

from shared.edges.queue_errors import explained, is_missing_queue
from shared.edges.queue_limits import check_message, check_queue_name

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

# The SDK would ask for its newest version, which the local emulator may not know yet. We need nothing of it.
API_VERSION = "2024-11-04"
# Work that waits longer than the service's seven days by default is still work.
_FOREVER = -1


class AzureQueue:
    """One queue. The SDK tries a put up to three times, so a message may be in it more than once."""

    def __init__(self, client: QueueClient, room: asyncio.Semaphore) -> None:
        self._client = client
        self._room = room

    async def put(self, body: str, *, delay_s: int = 0) -> None:
        """Put a message in, to be seen after a delay of up to seven days.

        Raises:
            StorageUnavailable: it was not taken, or it was and the answer got lost.
            ValueError: the body is empty or over 48 KiB of UTF-8, or the delay out of range.
        """
        check_message(body, delay_s)
        try:
            async with self._room:
                await self._put(body, delay_s)
        except AzureError as error:
            raise explained(error) from None

    async def _put(self, body: str, delay_s: int) -> None:
        try:
            await self._send(body, delay_s)
        except AzureError as error:
            if not is_missing_queue(error):
                raise
            await self._create()
            await self._send(body, delay_s)

    async def _send(self, body: str, delay_s: int) -> None:
        await self._client.send_message(body, visibility_timeout=delay_s, time_to_live=_FOREVER)

    async def _create(self) -> None:
        try:
            await self._client.create_queue()
        except ResourceExistsError:
            return


class AzureQueues:
    """The queues by name, all names with one prefix, one bound on puts under way at once."""

    def __init__(self, service: QueueServiceClient, prefix: str = "", *, parallel: int = 16) -> None:
        self._service = service
        self._prefix = prefix
        self._room = asyncio.Semaphore(parallel)
        self._queues: dict[str, AzureQueue] = {}

    def queue(self, name: str) -> AzureQueue:
        """Return the queue of that name, the same one each time."""
        if name not in self._queues:
            check_queue_name(self._prefix + name)
            self._queues[name] = AzureQueue(self._client(self._prefix + name), self._room)
        return self._queues[name]

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    def _client(self, name: str) -> QueueClient:
        from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415 - loads with the service's client

        # What the Functions host expects unless host.json says otherwise; the SDK itself would send plain text.
        return self._service.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())


def open_queues(
    connection_string: str | None = None,
    *,
    queue_uri: str | None = None,
    credential: AsyncTokenCredential | None = None,
    prefix: str = "",
    parallel: int = 16,
    connection_timeout_s: float = 5,
    read_timeout_s: float = 10,
) -> AzureQueues:
    """Return the queues of a connection string, or of a queue endpoint and a credential; call nothing yet.

    Args:
        connection_string: of a storage account, or `UseDevelopmentStorage=true`.
        queue_uri: `https://<account>.queue.core.windows.net`, with `credential`, for want of the former.
        credential: an identity that has the role Storage Queue Data Contributor.
        prefix: put before each queue's name.
        parallel: how many puts may be under way at once.
        connection_timeout_s: how long a connection may take.
        read_timeout_s: how long an answer may take.

    Raises:
        ValueError: neither or both were given, or the connection string is malformed.
    """
    from azure.storage.queue.aio import QueueServiceClient  # noqa: PLC0415 - slow: only where there is a queue

    # Two more tries, each after up to a second.
    options: dict[str, Any] = {
        "api_version": API_VERSION,
        "retry_total": 2,
        "initial_backoff": 0,
        "increment_base": 0,
        "random_jitter_range": 1,
        "connection_timeout": connection_timeout_s,
        "read_timeout": read_timeout_s,
        "logging_enable": False,
    }
    if connection_string and not queue_uri:
        service = QueueServiceClient.from_connection_string(connection_string, **options)
    elif queue_uri and credential and not connection_string:
        service = QueueServiceClient(queue_uri, credential=credential, **options)
    else:
        raise ValueError("queue storage needs a connection string, or else a queue endpoint and a credential")
    return AzureQueues(service, prefix, parallel=parallel)
