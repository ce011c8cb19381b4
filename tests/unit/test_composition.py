"""The composition: which ports the settings ask for."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.composition import Ports
from shared.connections import _identity, connect
from shared.edges.acs import AcsCarrier
from shared.edges.carrier_traced import TracedCarrier
from shared.edges.queue_azure import AzureQueues
from shared.edges.relay_none import NoRelay
from shared.edges.relay_topic import TopicRelay
from shared.edges.settings import Settings
from shared.edges.tables_azure import AzureTables
from shared.edges.telemetry import OtelTelemetry
from shared.edges.webhook_http import HttpWebhook
from shared.ports.clock import SystemClock
from shared.services.work import SENDS_QUEUE
from tests.unit.edges.queue_server import put, queue_server
from tests.unit.services.world import ENVIRONMENT

IDENTITY = {
    "ACS_CONNECTION_STRING": "",
    "ACS_ENDPOINT": "https://x.communication.azure.com",
    "AzureWebJobsStorage": "",
    "AzureWebJobsStorage__accountName": "account",
}


@asynccontextmanager
async def connected(**changes: str) -> AsyncIterator[Ports]:
    """Give the ports of these settings, and close them."""
    ports = connect(Settings.from_environment({**ENVIRONMENT, **changes}))
    try:
        yield ports
    finally:
        assert isinstance(ports.carrier, TracedCarrier)
        for port in (ports.tables, ports.carrier.carrier, ports.relay, *([ports.webhook] if ports.webhook else [])):
            assert isinstance(port, AzureTables | AcsCarrier | NoRelay | TopicRelay | HttpWebhook)
            await port.close()


@pytest.fixture
async def identities(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[pytest.MonkeyPatch]:
    """Forget the identities before and after, and close them."""
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    _identity.cache_clear()
    yield monkeypatch
    await _identity("").close()
    _identity.cache_clear()


async def test_keys_are_taken_from_the_connection_strings() -> None:
    async with connected() as ports:
        assert isinstance(ports.telemetry, OtelTelemetry)
        assert isinstance(ports.tables, AzureTables)
        assert isinstance(ports.relay, NoRelay)
        assert isinstance(ports.clock, SystemClock)


async def test_a_topic_is_relayed_to_with_its_key() -> None:
    topic = {"SMS_RELAY_TOPIC_ENDPOINT": "https://topic.example/api/events", "SMS_RELAY_TOPIC_KEY": "a2V5"}
    async with connected(**topic) as ports:
        assert isinstance(ports.relay, TopicRelay)


async def test_a_webhook_is_posted_to_where_one_is_set() -> None:
    async with connected() as ports:
        assert ports.webhook is None
    webhook = {"SMS_WEBHOOK_URL": "https://app.example/sms", "SMS_WEBHOOK_SECRETS": "whsec_" + "c2Vj" * 8}
    async with connected(**webhook) as ports:
        assert isinstance(ports.webhook, HttpWebhook)


@pytest.mark.parametrize(("platform", "kind"), [(False, "DefaultAzureCredential"), (True, "ManagedIdentityCredential")])
async def test_without_keys_one_identity_signs_in_everywhere(
    identities: pytest.MonkeyPatch, platform: bool, kind: str
) -> None:
    if platform:
        identities.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1/token")
        identities.setenv("IDENTITY_HEADER", "header")
    async with connected(**IDENTITY, SMS_RELAY_TOPIC_ENDPOINT="https://topic.example/api/events") as ports:
        assert isinstance(ports.relay, TopicRelay)
        assert type(_identity("")).__name__ == kind
        assert _identity.cache_info().currsize == 1


async def test_the_queues_have_the_prefix_of_the_settings() -> None:
    async with queue_server() as server:
        server.script.append(put())
        storage = f"{server.connection_string}TableEndpoint=http://127.0.0.1:{server.port}/account;"
        async with connected(AzureWebJobsStorage=storage, SMS_QUEUE_PREFIX="shop") as ports:
            assert isinstance(ports.queues, AzureQueues)
            await ports.queues.queue(SENDS_QUEUE).put("work")
            await ports.queues.close()
        assert [seen.line for seen in server.seen] == ["POST /shop-sends/messages"]


def test_the_app_makes_its_services_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "shared.app", raising=False)
    import shared.app  # noqa: PLC0415 - reads the environment when it is imported

    assert shared.app.services() is shared.app.services()
