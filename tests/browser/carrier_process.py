"""The carrier as its own process, and a typed way to its control API."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.communication.sms.aio import SmsClient
from azure.core.credentials import AzureKeyCredential

from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
TOLL_FREE = "+18005550100"
SHORT_CODE = "12345"
Json = Any
"""What JSON can hold; a test that reads it wrongly fails by itself."""


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Carrier:
    """A running carrier with its state in a folder, so that it can be stopped and started again."""

    def __init__(self, state: Path, functions_url: str | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._state = state
        self._functions_url = functions_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        subscribe = ["--functions-url", self._functions_url] if self._functions_url else []
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "local.carrier",
                "--port", str(self.port), "--state", str(self._state), *subscribe,
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._answers)

    def stop(self) -> None:
        """Stop the process and wait until it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=20)
        self._process = None

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the carrier ended with {self._process.returncode}")
        try:
            self.get("")
        except ConnectionError:
            return False
        return True

    def get(self, path: str) -> Json:
        """Return the JSON answer of the control API to GET."""
        return self._call("GET", path)

    def post(self, path: str, body: object) -> Json:
        """Return the JSON answer of the control API to POST."""
        return self._call("POST", path, body)

    def put(self, path: str, body: object) -> Json:
        """Return the JSON answer of the control API to PUT."""
        return self._call("PUT", path, body)

    def _call(self, method: str, path: str, body: object = None) -> Json:
        return self._request(method, f"/_carrier{path}", body, {})

    def _request(self, method: str, path: str, body: object, headers: dict[str, str]) -> Json:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
            return json.loads(text or "null")
        finally:
            connection.close()

    async def send(self, to: str, text: str, sender: str = TOLL_FREE) -> None:
        """Send a text through the real SDK, with its signature, and ask for a delivery report."""
        overview = self.get("")
        _, _, key = overview["connectionString"].partition("accesskey=")
        async with SmsClient(overview["endpoint"], AzureKeyCredential(key)) as client:
            (result,) = await client.send(sender, to, text, enable_delivery_report=True)
        if not result.successful:
            raise RuntimeError(f"the carrier refused the text: {result.http_status_code}")

    def relay(self, event: Mapping[str, object]) -> None:
        """Publish an event at the relay topic, as the app does."""
        overview = self.get("")
        path = urlsplit(overview["topicEndpoint"]).path
        self._request("POST", path, [event], {"aeg-sas-key": overview["topicKey"]})

    def messages_of(self, number: str) -> list[dict[str, Json]]:
        """Return the texts of a handset, oldest first; none when there is no such handset."""
        handsets = self.get("/handsets")["handsets"]
        return next((handset["messages"] for handset in handsets if handset["number"] == number), [])
