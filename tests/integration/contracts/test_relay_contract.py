"""One suite for the relay, run against the fake and against the Event Grid client over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest
from aiohttp import web

from shared.edges.relay_memory import MemoryRelay
from shared.edges.relay_none import NoRelay
from shared.edges.relay_topic import EVENTS_PER_REQUEST, Schema, open_relay
from shared.ports.relay import Notice, Relay
from shared.rules.errors import RelayUnavailable
from tests.support.serving import serving

TOPIC_KEY = "dG9waWMta2V5"
SOURCE = "/sms"


@dataclass(slots=True)
class Topic:
    """A custom topic for tests: checks the key and keeps the bodies that came."""

    port: int = 0
    bodies: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """Return where to publish."""
        return f"http://127.0.0.1:{self.port}/topics/relay/api/events"

    async def on_events(self, request: web.Request) -> web.Response:
        """Take a batch, or answer with the next status that was set."""
        if request.headers.get("aeg-sas-key") != TOPIC_KEY:
            return web.Response(status=401)
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        self.bodies.append((request.content_type, await request.json()))
        return web.Response()


@asynccontextmanager
async def running_topic() -> AsyncIterator[Topic]:
    """Run the topic on a free port of the loopback."""
    topic = Topic()
    app = web.Application()
    app.router.add_post("/topics/relay/api/events", topic.on_events)
    async with serving(app) as topic.port:
        yield topic


class Bench(Protocol):
    """A relay, what arrived, and a way to make it fail."""

    relay: Relay

    def arrived(self) -> list[Notice]:
        """Return what the application got, in order."""
        ...

    def fail(self) -> None:
        """Make the next call fail."""
        ...


class MemoryBench:
    """The fake's."""

    def __init__(self) -> None:
        self.memory = MemoryRelay()
        self.relay: Relay = self.memory

    def arrived(self) -> list[Notice]:
        return self.memory.notices

    def fail(self) -> None:
        self.memory.fail_next()


class TopicBench:
    """The real client's, in one of the two schemas."""

    def __init__(self, topic: Topic, relay: Relay, schema: Schema) -> None:
        self.topic = topic
        self.relay = relay
        self.schema = schema

    def arrived(self) -> list[Notice]:
        return [self._notice(event) for _, body in self.topic.bodies for event in body]

    def fail(self) -> None:
        self.topic.statuses += [500] * 10

    def _notice(self, event: dict[str, Any]) -> Notice:
        names = ("type", "time") if self.schema == "cloudEvents" else ("eventType", "eventTime")
        kind, at = (event[name] for name in names)
        return Notice(event["id"], kind, event["subject"], datetime.fromisoformat(at), event["data"])


@pytest.fixture(params=["memory", "eventGrid", "cloudEvents"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Give a relay, what arrived, and a way to make it fail."""
    if request.param == "memory":
        yield MemoryBench()
        return
    async with running_topic() as topic:
        relay = open_relay(topic.endpoint, source=SOURCE, key=TOPIC_KEY, schema=request.param)
        yield TopicBench(topic, relay, request.param)
        await relay.close()


def _notices(count: int) -> Sequence[Notice]:
    at = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
    data = {"text": "naïve ☃ 😀", "segments": 2, "deep": {"list": [1, None, True]}}
    return [Notice(f"id-{n}", "Sms.MessageReceived", f"messages/{n}", at, data) for n in range(count)]


async def test_notices_arrive_whole_and_in_order(bench: Bench) -> None:
    notices = _notices(3)

    await bench.relay.publish(notices)

    assert bench.arrived() == notices


async def test_more_notices_than_fit_a_request_arrive_in_order(bench: Bench) -> None:
    notices = _notices(2 * EVENTS_PER_REQUEST + 1)

    await bench.relay.publish(notices)

    assert bench.arrived() == notices


async def test_no_notices_are_no_request(bench: Bench) -> None:
    await bench.relay.publish([])

    assert bench.arrived() == []


async def test_a_topic_that_does_not_take_them_is_unavailable(bench: Bench) -> None:
    bench.fail()

    with pytest.raises(RelayUnavailable) as caught:
        await bench.relay.publish(_notices(1))

    assert not caught.value.permanent
    assert bench.arrived() == []


async def test_a_topic_that_recovers_in_between_takes_them() -> None:
    async with running_topic() as topic:
        topic.statuses = [503]
        relay = open_relay(topic.endpoint, source=SOURCE, key=TOPIC_KEY)
        await relay.publish(_notices(1))
        await relay.close()

        assert len(topic.bodies) == 1


async def test_events_in_the_event_grid_schema_have_its_fields() -> None:
    async with running_topic() as topic:
        relay = open_relay(topic.endpoint, source=SOURCE, key=TOPIC_KEY)
        await relay.publish(_notices(1))
        await relay.close()

        ((content_type, (event,)),) = topic.bodies
    assert content_type == "application/json"
    assert event["dataVersion"] == "1.0"


async def test_cloud_events_come_as_a_batch_with_their_source() -> None:
    async with running_topic() as topic:
        relay = open_relay(topic.endpoint, source=SOURCE, key=TOPIC_KEY, schema="cloudEvents")
        await relay.publish(_notices(1))
        await relay.close()

        ((content_type, (event,)),) = topic.bodies
    assert content_type == "application/cloudevents-batch+json"
    assert (event["specversion"], event["source"]) == ("1.0", SOURCE)


async def test_a_wrong_key_is_named_without_being_shown() -> None:
    async with running_topic() as topic:
        relay = open_relay(topic.endpoint, source=SOURCE, key="d3Jvbmc=")
        with pytest.raises(RelayUnavailable, match="key") as caught:
            await relay.publish(_notices(1))
        await relay.close()

    assert "d3Jvbmc=" not in str(caught.value)


async def test_a_topic_that_nobody_serves_is_unavailable() -> None:
    async with running_topic() as topic:
        endpoint = topic.endpoint
    relay = open_relay(endpoint, source=SOURCE, key=TOPIC_KEY)

    with pytest.raises(RelayUnavailable, match="ServiceRequestError"):
        await relay.publish(_notices(1))
    await relay.close()


async def test_without_a_topic_notices_are_dropped() -> None:
    relay = NoRelay()

    await relay.publish(_notices(2))
    await relay.close()
