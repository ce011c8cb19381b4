"""Serve a FunctionApp that a test has made, in the test's own event loop or in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen

import aiohttp
import azure.functions as func
from yarl import URL

from local.host.checks import Loaded, load_functions
from local.host.host_json import HostJson
from local.host.indexing import index
from local.host.keys import Keys
from local.host.server import Address, Frontend, Server, assemble
from local.host.settings import Settings
from tests.support.programs import clean_environment

PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to a host under test, with paths left exactly as written."""

    url: str
    session: aiohttp.ClientSession

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the answer."""
        target = URL(f"{self.url}{path}", encoded=True)
        async with self.session.request(method, target, data=body, headers=headers) as response:
            cookies = response.headers.getall("Set-Cookie", [])
            return Answer(response.status, response.headers, await response.read(), cookies)

    async def get(self, path: str) -> Answer:
        """Send a GET request."""
        return await self.send("GET", path)


def load(
    app: func.FunctionApp, *, host_json: HostJson | None = None, settings: Mapping[str, str] | None = None
) -> Loaded:
    """Index an app and sort out what the host refuses."""
    return load_functions(index(app), host_json or HostJson(), Settings.from_environment(settings or {}))


@asynccontextmanager
async def serving(
    app: func.FunctionApp,
    folder: Path,
    *,
    host_json: HostJson | None = None,
    settings: Mapping[str, str] | None = None,
    keys: Keys | None = None,
    grace: float = 5,
) -> AsyncIterator[Client]:
    """Serve an app in this process; every function must be one that the host takes."""
    host_json = host_json or HostJson()
    loaded = load(app, host_json=host_json, settings=settings)
    assert loaded.errors == {}
    in_force = Settings.from_environment(settings or {})
    parts = assemble(loaded, host_json, in_force, folder)
    frontend = Frontend(loaded, parts, host_json, in_force, keys)
    server = Server(frontend, parts, Address("127.0.0.1", 0), grace)
    address = await server.start()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Client(address.url, session)
    finally:
        await server.stop()


def write_app(folder: Path, source: str, *, host_json: str = '{"version": "2.0"}') -> Path:
    """Write a `function_app.py` and a `host.json`."""
    (folder / "function_app.py").write_text(source, "utf-8")
    (folder / "host.json").write_text(host_json, "utf-8")
    return folder


def command(app: Path, *options: str) -> list[str]:
    """Return the command line of a host on a free port."""
    return [sys.executable, "-m", "local.host", "--app", str(app), "--port", "0", *options]


@dataclass(slots=True)
class HostProcess:
    """A host in a process of its own, with what it has printed so far."""

    process: Popen[str]
    lines: list[str] = field(default_factory=list)
    url: str = ""

    def wait_until_ready(self) -> None:
        """Read what it prints up to the line that it is ready."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("Host is ready on "):
                self.url = line.split()[-1]
                return
        raise AssertionError("the host ended before it was ready:\n" + "\n".join(self.lines))

    def end(self) -> tuple[int, str]:
        """Wait for its end and return the exit code and the rest of what it printed."""
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        return self.process.wait(timeout=30), rest


@contextmanager
def host_process(app: Path, *options: str, extra: Mapping[str, str] | None = None) -> Iterator[HostProcess]:
    """Start a host, wait until it is ready, and kill it at the end if it still runs."""
    with Popen(
        command(app, *options), cwd=PROJECT, env=clean_environment(**(extra or {})), stdout=PIPE, stderr=None, text=True
    ) as process:
        host = HostProcess(process)
        try:
            host.wait_until_ready()
            yield host
        finally:
            if process.poll() is None:
                process.kill()


async def run_to_end(app: Path, *options: str, extra: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a host that should not start, and return its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *command(app, *options),
        cwd=PROJECT,
        env=clean_environment(**(extra or {})),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), timeout=60)
    return process.returncode or 0, output.decode(), errors.decode()
