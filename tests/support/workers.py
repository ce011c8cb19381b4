"""Workers that a test may kill: functions hosts in processes of their own, on one storage and one carrier."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

import aiohttp

from devtools import processes
from devtools.ports import LOOPBACK, free_ports
from devtools.stack import get_json, host_environment
from tests.support.azurite import Azurite, start_azurite
from tests.support.carriers import running_carrier
from tests.support.programs import printed
from tests.support.waiting import eventually, wait_until

Json = dict[str, Any]

SENDER = "+18005550100"
OTHER_SENDER = "12345"
# So high that the machine is the limit, not the sender.
_PER_MINUTE = 1_000_000
_SETTINGS = {
    "SMS_SENDERS": json.dumps(
        [
            {"sender": SENDER, "type": "tollFree", "perMinute": _PER_MINUTE},
            {"sender": OTHER_SENDER, "type": "shortCode", "perMinute": _PER_MINUTE},
        ]
    ),
    "SMS_DEFAULT_SENDER": SENDER,
    "SMS_QUIET_HOURS": '{"*":"00:00-24:00"}',
    # The relay has tests of its own, and would cost each event a call more.
    "SMS_RELAY_TOPIC_ENDPOINT": "",
}
_START_SECONDS = 60


@dataclass(slots=True)
class Worker:
    """One functions host. It serves the API, takes events, and works off the queues, as an instance in Azure does."""

    name: str
    port: int
    environment: Mapping[str, str]
    folder: Path
    options: Sequence[str] = ()
    kills: int = 0
    _child: processes.Child | None = None
    _starts: int = 0

    @property
    def url(self) -> str:
        """The base URL of the host."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """The log of the present process."""
        return self.folder / f"{self.name}-{self._starts}.log"

    def start(self) -> None:
        """Start the process; it answers a little later."""
        self._starts += 1
        command = [
            sys.executable,
            "-m",
            "local.host",
            "--port",
            str(self.port),
            "--max-polling-ms",
            "250",
            *self.options,
        ]
        self._child = processes.start(self.name, command, self.log, self.environment)

    def wait(self) -> None:
        """Wait until it answers; AssertionError with its log when it does not."""
        child = self._child
        assert child is not None
        wait_until(lambda: printed(child, "^Host is ready") or not child.is_running, _START_SECONDS)
        assert child.is_running, child.last_lines(40)

    def kill(self) -> None:
        """End it as a power cut does: SIGKILL, nothing of its own ending runs."""
        assert self._child is not None
        self._child.process.send_signal(signal.SIGKILL)
        self._child.process.wait()
        self.kills += 1

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            processes.stop([self._child])
            self._child = None


@dataclass(slots=True)
class Stage:
    """Storage, a carrier and workers, all in processes of their own."""

    folder: Path
    azurite: Azurite
    carrier_url: str
    workers: Sequence[Worker]


@contextmanager
def stage(
    folder: Path,
    *,
    workers: int = 2,
    carrier_door: int | None = None,
    table_door: int | None = None,
    in_memory: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start all parts and end them.

    Args:
        folder: for storage and logs.
        workers: how many functions hosts there are; the carrier tells the first of its events.
        carrier_door: the port at which the workers find the carrier, if not at its own.
        table_door: the same for the tables of the storage.
        in_memory: keep the storage's data in memory, for tests that write much and do not stop it.
        settings: environment variables of the workers.
    """
    azurite = start_azurite(folder / "azurite", in_memory=in_memory)
    hosts: list[Worker] = []
    try:
        first = free_ports(workers + 1)
        with running_carrier(folder, first, f"http://{LOOPBACK}:{first + 1}") as carrier_url:
            overview = get_json(f"{carrier_url}/_carrier") or {}
            acs, storage = str(overview["connectionString"]), azurite.connection_string
            if carrier_door is not None:
                acs = acs.replace(carrier_url, f"http://{LOOPBACK}:{carrier_door}")
            if table_door is not None:
                storage = storage.replace(f":{azurite.ports.table}/", f":{table_door}/")
            environment = {
                **host_environment(azurite.ports, overview),
                **_SETTINGS,
                "ACS_CONNECTION_STRING": acs,
                "AzureWebJobsStorage": storage,
                **(settings or {}),
            }
            hosts += [Worker(f"worker{n}", first + 1 + n, environment, folder) for n in range(workers)]
            for host in hosts:
                host.start()
            for host in hosts:
                host.wait()
            wait_until(lambda: _is_subscribed(carrier_url), _START_SECONDS)
            yield Stage(folder, azurite, carrier_url, hosts)
    finally:
        for host in hosts:
            host.stop()
        azurite.stop()


def _is_subscribed(carrier_url: str) -> bool:
    subscriptions = (get_json(f"{carrier_url}/_carrier") or {}).get("subscriptions", [])
    return bool(subscriptions) and all(one["state"] == "ready" for one in subscriptions)


@dataclass(frozen=True, slots=True)
class CarrierControl:
    """The control API of the carrier."""

    url: str
    http: aiohttp.ClientSession

    async def trouble(self, **switches: object) -> None:
        """Change switches; those not named stay."""
        await self._call("PUT", "/trouble", switches)

    async def messages(self, to: str | None = None) -> list[Json]:
        """Give the texts that it took, of one recipient or of all, the oldest first."""
        answer = await self._call("GET", "/messages", params={"to": to} if to else None)
        return list(answer["value"])

    async def requests(self) -> list[Json]:
        """Give every call of `/sms`, refused ones too, the oldest first."""
        return list((await self._call("GET", "/requests"))["value"])

    async def events(self) -> list[Json]:
        """Give every event with its deliveries."""
        return list((await self._call("GET", "/events"))["value"])

    async def text(self, number: str, text: str, to: str = SENDER) -> Json:
        """Let a person write to us."""
        return await self._call("POST", "/inbound", {"from": number, "to": to, "text": text})

    async def _call(self, method: str, path: str, json: object = None, **options: Any) -> Json:
        async with self.http.request(method, f"{self.url}/_carrier{path}", json=json, **options) as response:
            body = await response.json()
            assert response.status < 300, (method, path, response.status, body)
            return dict(body)


@asynccontextmanager
async def carrier_control(url: str) -> AsyncIterator[CarrierControl]:
    """Give a session towards the carrier's control API, and close it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield CarrierControl(url, http)


@dataclass(frozen=True, slots=True)
class Api:
    """The API as callers have it: a load balancer goes on to the next worker when one does not answer."""

    workers: Sequence[Worker]
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, json: object = None, **options: Any) -> tuple[int, Json]:
        """Call the API; `path` is below `/api`. Raises the last connection error when no worker answers."""
        problem: Exception = AssertionError("there is no worker")
        for worker in self.workers:
            try:
                async with self.http.request(method, f"{worker.url}/api/{path}", json=json, **options) as response:
                    text = await response.text()
                    return response.status, loads(text) if text else {}
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = error
        raise problem

    async def start_campaign(
        self, recipients: Sequence[Mapping[str, object]], text: str, key: str, **fields: object
    ) -> str:
        """Start a campaign, however often that takes, and give its id; recipients are as the API takes them."""
        body = {"name": "fault test", "text": text, "recipients": list(recipients), **fields}

        async def ask() -> str | None:
            with suppress(aiohttp.ClientError, TimeoutError):
                status, answer = await self.ask("POST", "campaigns", body, headers={"Idempotency-Key": key})
                return str(answer["id"]) if status == 202 else None
            return None

        return await eventually(ask, 180)

    async def campaign(self, campaign_id: str) -> Json:
        """Give how far a campaign is; {} when no worker answers now."""
        with suppress(aiohttp.ClientError, TimeoutError):
            status, answer = await self.ask("GET", f"campaigns/{campaign_id}")
            return answer if status == 200 else {}
        return {}

    async def recipients(self, campaign_id: str) -> list[Json]:
        """Give every recipient of a campaign and where they are."""
        found: list[Json] = []
        path = f"campaigns/{campaign_id}/recipients?maxpagesize=1000"
        while path:
            status, answer = await self.ask("GET", path)
            assert status == 200, answer
            found += answer["value"]
            path = str(answer.get("nextLink", "")).partition("/api/")[2]
        return found


@asynccontextmanager
async def api_of(workers: Sequence[Worker]) -> AsyncIterator[Api]:
    """Give a session towards the API, and close it."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        yield Api(workers, http)
