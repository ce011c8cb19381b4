"""Calls of the app's endpoints, as the Functions worker makes them, over fakes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
import pytest

from tests.support.contract import contract
from tests.unit.services.world import ENVIRONMENT, World

BASE = "https://app.example/api/"
Handler = Callable[[object], Awaitable[func.HttpResponse]]


class Caller:
    """Calls functions of `function_app` over a world."""

    def __init__(self, world: World, functions: Mapping[str, Handler]) -> None:
        self.world = world
        self._functions = functions

    async def http(
        self,
        name: str,
        method: str,
        url: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        route: Mapping[str, str] | None = None,
    ) -> func.HttpResponse:
        """Call an HTTP function; `body` is sent as JSON, `raw` as it is."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        request = func.HttpRequest(
            method,
            f"{BASE}{url}",
            headers={"Content-Type": "application/json", **(headers or {})},
            params=dict(parse_qsl(urlsplit(url).query)),
            route_params=dict(route or {}),
            body=content,
        )
        response = await self._functions[name](request)
        told = {header.lower(): value for header, value in response.headers.items()}
        content_type = {"content-type": str(response.mimetype)}
        # A method that an address does not take is of no operation.
        if response.status_code != 405:
            assert contract().problem(name, response.status_code, told | content_type, response.get_body()) == ""
        return response

    async def post(self, name: str, url: str, body: object = None, **options: Any) -> func.HttpResponse:
        """POST to a function."""
        return await self.http(name, "POST", url, body=body, **options)

    async def get(self, name: str, url: str, **options: Any) -> func.HttpResponse:
        """GET from a function."""
        return await self.http(name, "GET", url, **options)

    async def send(self, body: object, **headers: str) -> func.HttpResponse:
        """Call `send_message`; headers are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.post("send_message", "messages", body, headers=named)

    async def event(self, name: str, event: func.EventGridEvent | func.CloudEvent) -> None:
        """Call a function that takes events."""
        await self._functions[name](event)


def read(response: func.HttpResponse) -> Any:
    """Return the JSON of an answer."""
    return json.loads(response.get_body())


def error_of(response: func.HttpResponse) -> tuple[int, str, str | None]:
    """Return status, code and target of an error, which must have the one shape."""
    body = read(response)
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "target", "details"}
    assert response.headers["x-ms-error-code"] == body["error"]["code"]
    assert response.headers["x-ms-request-id"]
    assert response.mimetype == "application/json"
    return response.status_code, body["error"]["code"], body["error"].get("target")


@cache
def _functions(app: func.FunctionApp) -> Mapping[str, Handler]:
    # An app tells its functions once only.
    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    return cast("Mapping[str, Handler]", functions)


@contextmanager
def calling(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Give a caller of the app over this world."""
    with monkeypatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        import function_app  # noqa: PLC0415 - reads the environment when it is imported

        patch.setattr(function_app, "services", lambda: world.services)
        yield Caller(world, _functions(function_app.app))
