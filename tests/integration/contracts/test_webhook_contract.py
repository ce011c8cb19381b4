"""One suite for the webhook, run against the fake and against the client over real HTTP; and what only HTTP has."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.edges.clock_manual import ManualClock
from shared.edges.webhook_http import HttpWebhook
from shared.edges.webhook_memory import MemoryWebhook
from shared.ports.webhook import Delivery, Receipt, Webhook
from shared.rules.ids import to_ms
from shared.rules.signatures import parse_secrets, signature_headers
from tests.support.serving import serving

SECRETS = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
DELIVERY = Delivery("notice-1", '{"type":"Sms.TextReceived","data":{"text":"Grüße ✓"}}')


@dataclass(slots=True)
class Application:
    """An application with a webhook: keeps what came, and answers what it is told to."""

    port: int = 0
    answers: list[web.Response] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hangs: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Return where the webhook is."""
        return f"http://127.0.0.1:{self.port}/sms"

    async def on_post(self, request: web.Request) -> web.Response:
        """Take a notice."""
        self.came.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        if self.hangs:
            await self.hangs.wait()
        return self.answers.pop(0) if self.answers else web.Response(status=204)


@asynccontextmanager
async def running_application() -> AsyncIterator[Application]:
    """Run the application on a free port of the loopback."""
    application = Application()
    app = web.Application()
    app.router.add_post("/{path:.*}", application.on_post)
    async with serving(app) as application.port:
        yield application


@asynccontextmanager
async def webhook_at(url: str, **options: object) -> AsyncIterator[HttpWebhook]:
    """Give the webhook at a URL of this machine, and close it."""
    webhook = HttpWebhook(url, SECRETS, clock=ManualClock(), loopback=True, **options)  # type: ignore[arg-type]
    try:
        yield webhook
    finally:
        await webhook.close()


@dataclass
class Names(AbstractResolver):
    """A resolver that leads every name to the next of these addresses."""

    addresses: list[str]

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        """Return the next address."""
        address = self.addresses.pop(0)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        """Close nothing."""


class Bench(Protocol):
    """A webhook, what arrived, and a way to say what is answered."""

    webhook: Webhook

    def arrived(self) -> list[Delivery]:
        """Return what was posted, in order."""
        ...

    def answer(self, status: int, retry_after_s: int = 0) -> None:
        """Answer so the next time."""
        ...


class MemoryBench:
    """The fake's."""

    def __init__(self) -> None:
        self._answers: list[Receipt] = []
        self.memory = MemoryWebhook(lambda _: self._answers.pop(0) if self._answers else Receipt(204))
        self.webhook: Webhook = self.memory

    def arrived(self) -> list[Delivery]:
        return self.memory.tried

    def answer(self, status: int, retry_after_s: int = 0) -> None:
        self._answers.append(Receipt(status, retry_after_s))


class HttpBench:
    """The real client's."""

    def __init__(self, application: Application, webhook: HttpWebhook) -> None:
        self.application = application
        self.webhook: Webhook = webhook

    def arrived(self) -> list[Delivery]:
        return [Delivery(headers["webhook-id"], body.decode()) for headers, body in self.application.came]

    def answer(self, status: int, retry_after_s: int = 0) -> None:
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
        self.application.answers.append(web.Response(status=status, headers=headers))


@pytest.fixture(params=["memory", "http"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Give the fake or the real one."""
    if request.param == "memory":
        yield MemoryBench()
        return
    async with running_application() as application, webhook_at(application.url) as webhook:
        yield HttpBench(application, webhook)


async def test_what_is_posted_arrives_as_it_is(bench: Bench) -> None:
    receipt = await bench.webhook.post(DELIVERY)
    assert receipt.is_taken
    assert bench.arrived() == [DELIVERY]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_success_is_taken(bench: Bench, status: int) -> None:
    bench.answer(status)
    assert (await bench.webhook.post(DELIVERY)).is_taken


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
async def test_everything_else_is_not_taken(bench: Bench, status: int) -> None:
    bench.answer(status)
    receipt = await bench.webhook.post(DELIVERY)
    assert (receipt.status, receipt.is_taken, receipt.is_gone) == (status, False, status == 410)


async def test_the_time_that_an_answer_asks_for_is_told(bench: Bench) -> None:
    bench.answer(503, 120)
    assert (await bench.webhook.post(DELIVERY)).retry_after_s == 120


async def test_a_repetition_has_the_same_id_and_bytes(bench: Bench) -> None:
    bench.answer(500)
    await bench.webhook.post(DELIVERY)
    await bench.webhook.post(DELIVERY)
    first, second = bench.arrived()
    assert first == second


async def test_it_is_signed_for_the_bytes_and_the_time_of_the_try() -> None:
    async with running_application() as application, webhook_at(application.url) as webhook:
        await webhook.post(DELIVERY)
        [(headers, body)] = application.came
    at_s = to_ms(ManualClock().now()) // 1000
    wanted = signature_headers(SECRETS, DELIVERY.id, at_s, body)
    assert {name: headers[name] for name in wanted} == wanted
    assert headers["content-type"] == "application/json"


async def test_a_redirect_is_not_followed() -> None:
    async with running_application() as application, webhook_at(application.url) as webhook:
        elsewhere = f"http://127.0.0.1:{application.port}/elsewhere"
        application.answers.append(web.Response(status=307, headers={"Location": elsewhere}))
        receipt = await webhook.post(DELIVERY)
        assert receipt.status == 307
        assert len(application.came) == 1


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "100.64.0.1", "::ffff:127.0.0.1", "fe80::1", "224.0.0.1"]
)
async def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(address: str) -> None:
    async with webhook_at("https://app.example/sms", resolver=Names([address])) as webhook:
        receipt = await webhook.post(DELIVERY)
    assert receipt == Receipt(0, problem="its name leads to an address that is not on the public internet")


async def test_a_name_that_leads_to_this_machine_is_refused_where_that_is_not_allowed() -> None:
    async with running_application() as application:
        url = f"https://app.example:{application.port}/sms"
        webhook = HttpWebhook(url, SECRETS, clock=ManualClock(), resolver=Names(["127.0.0.1"]))
        receipt = await webhook.post(DELIVERY)
        await webhook.close()
        assert "not on the public internet" in receipt.problem
        assert application.came == []


async def test_a_name_is_looked_at_again_at_each_connection() -> None:
    async with running_application() as application:
        url = f"http://localhost:{application.port}/sms"
        async with webhook_at(url, resolver=Names(["127.0.0.1", "10.0.0.1"]), remembers_names_s=0) as webhook:
            application.answers.append(web.Response(status=204, headers={"Connection": "close"}))
            assert (await webhook.post(DELIVERY)).is_taken
            assert "not on the public internet" in (await webhook.post(DELIVERY)).problem
        assert len(application.came) == 1


async def test_an_application_that_does_not_answer_in_time_has_not_taken_it() -> None:
    async with running_application() as application, webhook_at(application.url, within_s=0.2) as webhook:
        application.hangs = asyncio.Event()
        assert await webhook.post(DELIVERY) == Receipt(0, problem="no answer in time")
        application.hangs.set()


async def test_an_application_that_is_not_there_has_not_taken_it() -> None:
    async with running_application() as application:
        url = application.url
    async with webhook_at(url) as webhook:
        receipt = await webhook.post(DELIVERY)
    assert (receipt.status, receipt.problem) == (0, "ConnectionRefusedError")


async def test_nonsense_for_an_answer_is_not_taken() -> None:
    async with running_application() as application, webhook_at(application.url) as webhook:
        application.answers.append(web.Response(status=503, headers={"Retry-After": "9" * 5000}))
        receipt = await webhook.post(DELIVERY)
        assert not receipt.is_taken


def test_the_target_hides_the_url_and_is_another_for_another() -> None:
    targets = {HttpWebhook(f"https://{name}.example/", SECRETS, clock=ManualClock()).target for name in ("a", "b")}
    assert len(targets) == 2
    assert not any("example" in target for target in targets)
