"""The real ports, opened as the settings say."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from shared.composition import Ports
from shared.edges.acs import open_carrier
from shared.edges.carrier_traced import TracedCarrier
from shared.edges.queue_azure import open_queues
from shared.edges.relay_none import NoRelay
from shared.edges.settings import Settings
from shared.edges.tables_azure import open_tables
from shared.edges.telemetry import OtelTelemetry
from shared.ports.carrier import Carrier
from shared.ports.clock import Clock, SystemClock
from shared.ports.queue import Queues
from shared.ports.relay import Relay
from shared.ports.tables import Tables
from shared.ports.webhook import Webhook

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def connect(settings: Settings) -> Ports:
    """Return the real ports; nothing is called yet."""
    clock = SystemClock()
    return Ports(
        tables=_tables(settings),
        carrier=TracedCarrier(_carrier(settings, clock)),
        relay=_relay(settings),
        clock=clock,
        queues=_queues(settings),
        webhook=_webhook(settings, clock),
        telemetry=OtelTelemetry(),
    )


def _carrier(settings: Settings, clock: Clock) -> Carrier:
    if settings.acs_connection_string:
        return open_carrier(settings.acs_connection_string, clock=clock)
    return open_carrier(endpoint=settings.acs_endpoint, credential=_identity(settings.client_id), clock=clock)


def _tables(settings: Settings) -> Tables:
    if settings.storage_connection_string:
        return open_tables(settings.storage_connection_string, prefix=settings.table_prefix)
    uri = settings.storage_table_uri or f"https://{settings.storage_account_name}.table.core.windows.net"
    identity = _identity(settings.storage_client_id or settings.client_id)
    return open_tables(table_uri=uri, credential=identity, prefix=settings.table_prefix)


def _queues(settings: Settings) -> Queues:
    prefix = f"{settings.queue_prefix}-"
    if settings.storage_connection_string:
        return open_queues(settings.storage_connection_string, prefix=prefix)
    uri = settings.storage_queue_uri or f"https://{settings.storage_account_name}.queue.core.windows.net"
    identity = _identity(settings.storage_client_id or settings.client_id)
    return open_queues(queue_uri=uri, credential=identity, prefix=prefix)


def _relay(settings: Settings) -> Relay:
    endpoint, schema = settings.relay_topic_endpoint, settings.relay_schema
    if not endpoint:
        return NoRelay()
    from shared.edges.relay_topic import open_relay  # noqa: PLC0415 - slow to import: only where there is a topic

    if settings.relay_topic_key:
        return open_relay(endpoint, source="sms", key=settings.relay_topic_key, schema=schema)
    return open_relay(endpoint, source="sms", credential=_identity(settings.client_id), schema=schema)


def _webhook(settings: Settings, clock: Clock) -> Webhook | None:
    if not settings.webhook_url:
        return None
    from shared.edges.webhook_http import HttpWebhook  # noqa: PLC0415 - only where there is a webhook

    loopback = settings.webhook_loopback == "on"
    return HttpWebhook(settings.webhook_url, settings.webhook_secrets, clock=clock, loopback=loopback)


@cache
def _identity(client_id: str) -> AsyncTokenCredential:
    from azure.identity.aio import (  # noqa: PLC0415 - slow to import: only where keys are not used
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )

    # One certain way to sign in where an identity is given by the platform; a developer's own sign-in elsewhere.
    if "IDENTITY_ENDPOINT" in os.environ:
        return ManagedIdentityCredential(client_id=client_id or None)
    return DefaultAzureCredential(managed_identity_client_id=client_id or None)
