"""What a measurement runs against: storage emulator, carrier, and any number of workers that share them.

A worker is the Functions host with the whole app in it, as `python dev.py run` starts it; with many of them, the app
is scaled out. All are processes of their own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.data.tables import TableServiceClient

from bench._http import answers, ask
from bench._usage import Usage, read_usage
from devtools import azurite, processes
from devtools.azurite import StoragePorts
from devtools.node import node_environment
from devtools.ports import LOOPBACK, free_ports
from devtools.stack import host_environment
from shared.edges.acs_address import parse_connection_string

_START_S = 60
_POLL_S = 0.1
# Whoever runs the measurement at night wants it to run.
_ALWAYS_OPEN = '{"*":"00:00-24:00"}'


@dataclass(frozen=True, slots=True)
class Worker:
    """One functions host: its address, and the file in which it writes what it uses."""

    url: str
    usage_file: Path

    def usage(self) -> Usage:
        """Return what it has used since it began."""
        return read_usage(self.usage_file)


@dataclass(slots=True)
class Stack:
    """The running programs."""

    folder: Path
    carrier: str
    storage: StoragePorts
    workers: list[Worker] = field(default_factory=list)
    _children: list[processes.Child] = field(default_factory=list)

    def start(self, ports: range, settings: Mapping[str, str], app: Path | None = None) -> None:
        """Start storage and carrier, then a worker on each port, and wait until all answer.

        Args:
            ports: one for each worker.
            settings: environment variables of the workers.
            app: the folder of another app than ours for the workers.
        """
        self._start("storage", azurite.command(self.storage), node_environment())
        port = self.carrier.rpartition(":")[2]
        self._start("carrier", [sys.executable, "-m", "local.carrier", "--port", port])
        self._wait("storage", self.storage.answer)
        self._wait("carrier", lambda: answers(f"{self.carrier}/_carrier"))
        carrier, _ = ask(f"{self.carrier}/_carrier")
        quiet = {"SMS_QUIET_HOURS": _ALWAYS_OPEN, "SMS_RELAY_TOPIC_ENDPOINT": ""}
        environment = {**host_environment(self.storage, carrier), **quiet, **settings}
        for number, worker_port in enumerate(ports, start=1):
            self._start_worker(f"worker-{number}", worker_port, environment, app)
        probe = "/admin/host/ping" if app else "/api/health"
        for worker in self.workers:
            self._wait("worker", lambda url=worker.url: answers(f"{url}{probe}"))  # type: ignore[misc]  # mypy cannot type a default in a lambda

    def carrier_access(self) -> tuple[str, str]:
        """Return endpoint and key that an ACS client takes."""
        access = parse_connection_string(ask(f"{self.carrier}/_carrier")[0]["connectionString"])
        return access.endpoint, access.access_key

    def trouble(self, **switches: object) -> None:
        """Set switches of the carrier, by their names in the control API."""
        ask(f"{self.carrier}/_carrier/trouble", switches, "PUT")

    def requests(self) -> list[dict[str, Any]]:
        """Return every call of `POST /sms` that the carrier has had, oldest first."""
        listed: list[dict[str, Any]] = ask(f"{self.carrier}/_carrier/requests")[0]["value"]
        return listed

    def start_campaign(self, sender: str, text: str, recipients: list[str]) -> str:
        """Start a campaign through the first worker's API and return its id; `{{n}}` is another number for each."""
        people = [{"to": to, "vars": {"n": str(number)}} for number, to in enumerate(recipients)]
        body = {"name": "Bench", "from": sender, "text": text, "recipients": people}
        _, headers = ask(f"{self.workers[0].url}/api/campaigns", body)
        return headers["Operation-Location"].rpartition("/")[2]

    def ended_at(self, campaign: str) -> float | None:
        """Return when the campaign's row was set to `done`, by storage's clock; None while it runs.

        Read past the app, so that watching costs the workers nothing.
        """
        with TableServiceClient.from_connection_string(self.storage.connection_string) as service:
            row = service.get_table_client("SmsCampaigns").get_entity(campaign, "campaign")
        return row.metadata["timestamp"].timestamp() if row["status"] == "done" else None  # type: ignore[union-attr]

    def stop(self) -> None:
        """End all programs, the last one started first."""
        while self._children:
            processes.stop([self._children.pop()])

    def _start_worker(self, name: str, port: int, environment: Mapping[str, str], app: Path | None) -> None:
        file = self.folder / f"{name}.json"
        options = ["--port", str(port), *(["--app", str(app)] if app else [])]
        self._start(name, [sys.executable, "-m", "bench._worker", str(file), *options], environment)
        self.workers.append(Worker(f"http://{LOOPBACK}:{port}", file))

    def _start(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._children.append(processes.start(name, command, self.folder / f"{name}.log", environment))

    def _wait(self, name: str, probe: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_S
        while not probe():
            ended = [child for child in self._children if not child.is_running]
            if ended or time.monotonic() > deadline:
                shown = "\n".join(child.last_lines() for child in ended or self._children)
                raise SystemExit(f"The {name} does not answer.\n{shown}")
            time.sleep(_POLL_S)


@contextmanager
def running(workers: int, settings: Mapping[str, str], app: Path | None = None) -> Iterator[Stack]:
    """Run a stack with so many workers, on free ports and in memory, and end it; the arguments are those of `start`."""
    first = free_ports(4 + workers)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), f"http://{LOOPBACK}:{first}", StoragePorts(first + 1))
        try:
            stack.start(range(first + 4, first + 4 + workers), settings, app)
            yield stack
        finally:
            stack.stop()
