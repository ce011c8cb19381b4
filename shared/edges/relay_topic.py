"""The relay over an Event Grid custom topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError

from shared.ports.relay import Notice
from shared.rules.errors import RelayUnavailable

Schema = Literal["eventGrid", "cloudEvents"]

# A topic takes 1 MB a request. A notice with the longest text is 12 kB when every character is escaped.
EVENTS_PER_REQUEST = 50
DATA_VERSION = "1.0"


class TopicRelay:
    """A custom topic. Notices go out in order, 50 a request; after an error some of them may be there."""

    def __init__(
        self,
        endpoint: str,
        credential: AzureKeyCredential | AsyncTokenCredential,
        *,
        source: str,
        schema: Schema = "eventGrid",
        connection_timeout_s: float = 5,
        read_timeout_s: float = 10,
    ) -> None:
        """Set up the SDK's client; nothing is called yet.

        Args:
            endpoint: `https://<topic>.<region>.eventgrid.azure.net/api/events`; plain http only with a key.
            credential: the topic's key, or an identity with the role EventGrid Data Sender. The caller closes it.
            source: what a cloud event names as its source; the other schema has its topic there.
            schema: the input schema of the topic.
            connection_timeout_s: how long a connection may take.
            read_timeout_s: how long an answer may take.

        Raises:
            ValueError: the endpoint is http and the credential an identity.
        """
        from azure.eventgrid.aio import EventGridPublisherClient  # noqa: PLC0415 - slow: only if there is a topic

        if not endpoint.lower().startswith("https:") and not isinstance(credential, AzureKeyCredential):
            raise ValueError("an identity signs in over https only: the topic's endpoint is not https")
        self._source = source
        self._schema = schema
        self._client = EventGridPublisherClient(
            endpoint,
            credential,
            retry_total=2,
            retry_backoff_factor=0.2,
            retry_backoff_max=2,
            permit_redirects=False,
            logging_enable=False,
            connection_timeout=connection_timeout_s,
            read_timeout=read_timeout_s,
        )

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Hand over the notices, at least once; RelayUnavailable if the topic did not take them all."""
        for start in range(0, len(notices), EVENTS_PER_REQUEST):
            await self._send([self._event(notice) for notice in notices[start : start + EVENTS_PER_REQUEST]])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _send(self, events: list[Any]) -> None:
        try:
            await self._client.send(events)
        except AzureError as error:
            raise _unavailable(error) from None

    def _event(self, notice: Notice) -> Any:  # noqa: ANN401 - of the class that the schema asks for
        from azure.core.messaging import CloudEvent  # noqa: PLC0415 - loads with the client
        from azure.eventgrid import EventGridEvent  # noqa: PLC0415

        if self._schema == "cloudEvents":
            return CloudEvent(
                source=self._source,
                type=notice.type,
                id=notice.id,
                subject=notice.subject,
                time=notice.at,
                data=dict(notice.data),
            )
        return EventGridEvent(
            subject=notice.subject,
            event_type=notice.type,
            id=notice.id,
            event_time=notice.at,
            data=dict(notice.data),
            data_version=DATA_VERSION,
        )


def open_relay(
    endpoint: str,
    *,
    source: str,
    key: str | None = None,
    credential: AsyncTokenCredential | None = None,
    schema: Schema = "eventGrid",
) -> TopicRelay:
    """Return the relay of a topic with its key, or with an identity; see `TopicRelay`.

    Raises:
        ValueError: neither or both were given.
    """
    if key and not credential:
        return TopicRelay(endpoint, AzureKeyCredential(key), source=source, schema=schema)
    if credential and not key:
        return TopicRelay(endpoint, credential, source=source, schema=schema)
    raise ValueError("the topic needs its key, or else a credential")


def _unavailable(error: AzureError) -> RelayUnavailable:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status in {401, 403}:
        return RelayUnavailable(
            f"The application's topic answered {status}. Check its key, or the role EventGrid Data Sender."
        )
    return RelayUnavailable(
        f"The application's topic did not take the events ({status or type(error).__name__}). Try again."
    )
