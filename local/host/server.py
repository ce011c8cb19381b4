"""The host itself: one aiohttp server before the functions, and the listeners that call the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from local.host.admin import Admin
from local.host.checks import Loaded
from local.host.errors import StartError
from local.host.event_grid import EventGridWebhook
from local.host.host_json import HostJson
from local.host.http_trigger import BODY_LIMIT_BYTES, HttpGate
from local.host.indexing import Function
from local.host.invocation import Invoker, thread_pool
from local.host.keys import Keys, key_of
from local.host.queues import QueueListener, QueueOutputs, Queues
from local.host.router import Router, make_route
from local.host.routes import split_path
from local.host.schedules import parse_schedule
from local.host.settings import Settings
from local.host.timers import Monitor, Timer


@dataclass(frozen=True, slots=True)
class Address:
    """Where the host listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the root of every URL, without a slash at the end."""
        return f"http://{self.host}:{self.port}"


class Listener(Protocol):
    """What calls functions without an HTTP request."""

    async def run(self) -> None:
        """Run until canceled."""
        ...


@dataclass(slots=True)
class Parts:
    """What the host is made of."""

    pool: ThreadPoolExecutor
    invoker: Invoker
    queues: Queues
    listeners: Sequence[Listener]


def assemble(loaded: Loaded, host_json: HostJson, settings: Settings, app_dir: Path) -> Parts:
    """Make the parts for the functions that are loaded; nothing is started yet."""
    queues = Queues(settings)
    pool = thread_pool()
    outputs = QueueOutputs(queues, host_json.queues)
    invoker = Invoker(pool, host_json.function_timeout, outputs.send)
    listeners: list[Listener] = []
    for function in enabled(loaded.functions, settings):
        if function.trigger.type == "queueTrigger":
            listeners.append(QueueListener(function, queues, host_json.queues, invoker))
        elif function.trigger.type == "timerTrigger":
            zone = settings.get("TZ") or settings.get("WEBSITE_TIME_ZONE")
            schedule = parse_schedule(function.trigger.text("schedule"), zone)
            listeners.append(Timer(function, schedule, invoker, Monitor(app_dir / ".local" / "timers")))
    return Parts(pool, invoker, queues, listeners)


def enabled(functions: Sequence[Function], settings: Settings) -> list[Function]:
    """Return the functions that no setting disables."""
    return [function for function in functions if not settings.disabled(function.name)]


class Frontend:
    """Answers every request: the functions' routes, the Event Grid webhook and the host's own endpoints."""

    def __init__(
        self, loaded: Loaded, parts: Parts, host_json: HostJson, settings: Settings, keys: Keys | None
    ) -> None:
        functions = enabled(loaded.functions, settings)
        disabled = frozenset(function.name for function in loaded.functions if function not in functions)
        by_trigger = _by_trigger(functions)
        self._invoker = parts.invoker
        self._keys = keys
        self._headers = host_json.http.custom_headers
        self._gate = HttpGate(host_json.http)
        self._webhook = EventGridWebhook(by_trigger.get("eventGridTrigger", {}), parts.invoker)
        self._admin = Admin(loaded, disabled, parts.invoker)
        prefix = host_json.http.route_prefix
        self.router = Router([make_route(one, prefix) for one in by_trigger.get("httpTrigger", {}).values()])

    def application(self) -> web.Application:
        """Make the aiohttp application."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.router.add_route("*", r"/{path:[\s\S]*}", self.handle)
        return application

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        response = await self._answer(request)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        match [part.lower() for part in split_path(path)]:
            case ["runtime", "webhooks", "eventgrid"]:
                return await self._event_grid(request)
            case ["admin", *_]:
                return await self._administrate(request, split_path(path)[1:])
            case _:
                return await self._function(request, path)

    async def _event_grid(self, request: web.Request) -> web.Response:
        if self._keys and not self._keys.accepts_for_event_grid(key_of(request)):
            return web.Response(status=401)
        return await self._webhook.answer(request)

    async def _administrate(self, request: web.Request, path: Sequence[str]) -> web.Response:
        if self._keys and not self._keys.is_master(key_of(request)):
            return web.Response(status=401)
        return await self._admin.answer(request, path)

    async def _function(self, request: web.Request, path: str) -> web.Response:
        match = self.router.match(request.method, path)
        if match is None:
            return web.Response(status=404)
        if self._keys and not self._keys.accepts_for_function(match.function, key_of(request)):
            return web.Response(status=401)
        return await self._gate.run(match, request, self._invoker)


def _by_trigger(functions: Sequence[Function]) -> Mapping[str, dict[str, Function]]:
    grouped: dict[str, dict[str, Function]] = {}
    for function in functions:
        grouped.setdefault(function.trigger.type, {})[function.name] = function
    return grouped


class Server:
    """A host that can be started and stopped, once."""

    def __init__(self, frontend: Frontend, parts: Parts, address: Address, grace: float) -> None:
        self._parts = parts
        self._address = address
        self._grace = grace
        self._runner = web.AppRunner(
            frontend.application(),
            handle_signals=False,
            access_log=None,
            shutdown_timeout=grace,
            # Kestrel leaves a compressed request body as it is.
            auto_decompress=False,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Address:
        """Listen, start the queue listeners and timers, and return where. A port that is taken is a `StartError`."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._address.host, self._address.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise StartError(
                f"Port {self._address.port} cannot be used ({error.strerror}); choose another with --port."
            ) from error
        self._tasks = [asyncio.create_task(listener.run()) for listener in self._parts.listeners]
        return Address(self._address.host, self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop taking work, let the calls under way finish for the grace period, and release what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._runner.cleanup(), self._parts.invoker.finish(self._grace))
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._parts.queues.close()
        self._parts.pool.shutdown(wait=False, cancel_futures=True)
