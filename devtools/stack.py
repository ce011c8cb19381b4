"""`dev.py run`: the storage emulator, the carrier and the functions host, started and stopped as one."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools import azurite, processes
from devtools.azurite import StoragePorts
from devtools.install import Packages, install
from devtools.node import node_environment
from devtools.paths import LOGS, ROOT, VENV, venv_program
from devtools.ports import LOOPBACK, is_free
from devtools.terminal import Problem, StopRequest, say, seconds_since

_START_SECONDS = 90
_POLL_SECONDS = 0.1
# A proxy of the machine must not stand between us and loopback.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of the stack listen."""

    api_port: int = 7071
    carrier_port: int = 7072
    storage: StoragePorts = field(default_factory=lambda: StoragePorts(10000))

    @property
    def host(self) -> str:
        """The base URL of the functions host."""
        return f"http://{LOOPBACK}:{self.api_port}"

    @property
    def carrier(self) -> str:
        """The base URL of the carrier."""
        return f"http://{LOOPBACK}:{self.carrier_port}"

    @property
    def logs(self) -> Path:
        """The folder of the logs, one per API port so that two stacks do not share one."""
        return LOGS / str(self.api_port)

    def check_that_ports_are_free(self) -> None:
        """Raise a Problem that names the flag when a port cannot be used."""
        wanted = [("--port", self.api_port), ("--carrier-port", self.carrier_port)]
        wanted += [("--storage-port", port) for port in self.storage.all]
        taken_by: dict[int, str] = {}
        for flag, port in wanted:
            if port in taken_by:
                raise Problem(f"Port {port} is wanted by {taken_by[port]} and by {flag}: give them different ports.")
            taken_by[port] = flag
            if not is_free(port):
                raise Problem(f"Port {port} is taken by another program: choose another one with {flag}.")


@dataclass(slots=True)
class Stack:
    """The running parts, in the order in which they were started."""

    addresses: Addresses
    stop_request: StopRequest
    webhook: bool = False
    _children: list[processes.Child] = field(default_factory=list)

    def start(self) -> None:
        """Start all parts and wait until all of them answer; Problem when one does not."""
        begun = time.monotonic()
        at = self.addresses
        python = str(venv_program("python"))
        self._start("storage", azurite.command(at.storage), node_environment())
        carrier = [python, "-m", "local.carrier", "--port", str(at.carrier_port), "--functions-url", at.host]
        self._start("carrier", carrier)
        self._wait("storage", at.storage.answer)
        self._wait("carrier", lambda: get_json(f"{at.carrier}/_carrier") is not None)
        carrier_settings = get_json(f"{at.carrier}/_carrier") or {}
        self._start("host", host_command(at.api_port), self._environment(carrier_settings))
        self._wait("host", lambda: get_json(f"{at.host}/api/health") is not None)
        self._wait("carrier", self._events_are_subscribed)
        say(f"  All parts answer after {seconds_since(begun)}")

    def _environment(self, carrier: Mapping[str, Any]) -> dict[str, str]:
        environment = host_environment(self.addresses.storage, carrier)
        return environment | (webhook_environment(carrier) if self.webhook else {})

    def watch(self) -> None:
        """Pass the host's log on to the terminal until a signal comes; Problem when a part ends by itself."""
        with (self.addresses.logs / "host.log").open("r", encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            while True:
                self.stop_request.pause(_POLL_SECONDS)
                sys.stdout.write(log.read())
                sys.stdout.flush()
                self._raise_if_one_ended()

    def stop(self) -> None:
        """End all parts, the last one started first, so that the host can still hand back its work."""
        while self._children:
            processes.stop([self._children.pop()])

    def _start(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        log = self.addresses.logs / f"{name}.log"
        self._children.append(processes.start(name, command, log, environment))

    def _wait(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not answers():
            self.stop_request.pause(_POLL_SECONDS)
            self._raise_if_one_ended()
            if time.monotonic() > deadline:
                child = next(child for child in self._children if child.name == name)
                raise Problem(f"The {name} does not answer after {_START_SECONDS} s; {_end_of_log(child)}")

    def _raise_if_one_ended(self) -> None:
        for child in self._children:
            if not child.is_running:
                code = child.process.returncode
                raise Problem(f"The {child.name} ended by itself (exit code {code}); {_end_of_log(child)}")

    def _events_are_subscribed(self) -> bool:
        carrier = get_json(f"{self.addresses.carrier}/_carrier") or {}
        subscriptions = carrier.get("subscriptions", [])
        return bool(subscriptions) and all(one["state"] == "ready" for one in subscriptions)


def run(addresses: Addresses, stop_request: StopRequest, *, webhook: bool = False) -> None:
    """Install what is missing, start the stack, and keep it until a signal comes or a part ends.

    With `webhook` the app also posts to the carrier what it tells.
    """
    addresses.check_that_ports_are_free()
    install(Packages.LOCAL, stop_request, with_azurite=True)
    stack = Stack(addresses, stop_request, webhook)
    try:
        say("Starting storage, carrier and functions host …")
        stack.start()
        _welcome(addresses)
        stack.watch()
    finally:
        with suppress(BrokenPipeError):  # whoever read the output may be gone
            say("Stopping …")
        stack.stop()


def get_json(url: str) -> dict[str, Any] | None:
    """Give the JSON object that a local address answers with status 200; None for anything else."""
    try:
        with _HTTP.open(url, timeout=10) as answer:
            body = json.load(answer)
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None


def _end_of_log(child: processes.Child) -> str:
    return f"the end of {child.log.relative_to(ROOT)} says:\n{child.last_lines()}"


def host_command(port: int) -> list[str]:
    """Prefer Azure Functions Core Tools; without them take the built-in host."""
    core_tools = shutil.which("func")
    if core_tools:
        return [core_tools, "start", "--port", str(port)]
    return [str(venv_program("python")), "-m", "local.host", "--port", str(port)]


def host_environment(storage: StoragePorts, carrier: Mapping[str, Any], folder: Path = ROOT) -> dict[str, str]:
    """Give the host's environment: settings files, then this process's own, then where the stack listens.

    `carrier` is what the carrier's `GET /_carrier` answers, `folder` where the settings files are. Raises a Problem
    when a settings file is not what it should be.
    """
    programs = venv_program("python").parent
    return {
        **_settings_of(folder / "local.settings.json.example"),
        **_settings_of(folder / "local.settings.json"),
        **os.environ,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": storage.connection_string,
        "ACS_CONNECTION_STRING": carrier["connectionString"],
        "SMS_RELAY_TOPIC_ENDPOINT": carrier["topicEndpoint"],
        "SMS_RELAY_TOPIC_KEY": carrier["topicKey"],
        # Core Tools look for the Python of the virtual environment here.
        "VIRTUAL_ENV": str(VENV),
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", "")]),
    }


def webhook_environment(carrier: Mapping[str, Any]) -> dict[str, str]:
    """Give the settings with which the app posts to the carrier, which is on this machine."""
    return {
        "SMS_WEBHOOK_URL": carrier["webhookUrl"],
        "SMS_WEBHOOK_SECRETS": carrier["webhookSecret"],
        "SMS_WEBHOOK_LOOPBACK": "on",
    }


def _settings_of(file: Path) -> dict[str, str]:
    """Read the `Values` of a settings file; none when there is no such file."""
    if not file.exists():
        return {}
    try:
        values = json.loads(file.read_text("utf-8"))["Values"]
        return {str(name): str(value) for name, value in values.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"{file.name} is not a JSON object with an object `Values`: {error}.") from error


def _welcome(at: Addresses) -> None:
    """Print where everything is, a first request, and the line that says it can be used."""
    blob, queue, table = at.storage.all
    body = '{"to": "+14255550123", "text": "Hello"}'
    say(f"""
  API         {at.host}/api
  Phone page  {at.carrier}/phones
  Storage     http://{LOOPBACK}:{blob} (blob), :{queue} (queue), :{table} (table)
  Logs        {at.logs.relative_to(ROOT)}

  curl -i {at.host}/api/messages -H 'Content-Type: application/json' -d '{body}'

Ready: open the phone page, then send this first text. Ctrl-C stops everything; nothing is kept.
""")
