"""Who may call what when keys are checked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import azure.functions as func
import pytest

from local.host.errors import StartError
from local.host.keys import Keys, random_keys, read_keys

from .serving import Client, serving

KEYS = Keys(
    master="master-key",
    host={"default": "host-key"},
    functions={"forkey": {"default": "own-key"}},
    system={"eventgrid_extension": "event-grid-key"},
)
ALL = ["", "wrong", "own-key", "host-key", "event-grid-key", "master-key"]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    app = func.FunctionApp()

    @app.route("open", auth_level=func.AuthLevel.ANONYMOUS)
    async def open_to_all(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    @app.route("key", auth_level=func.AuthLevel.FUNCTION)
    async def ForKey(req: func.HttpRequest) -> func.HttpResponse:  # noqa: N802 - keys are named in any case
        return func.HttpResponse()

    @app.route("other", auth_level=func.AuthLevel.FUNCTION)
    async def other(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    @app.route("boss", auth_level=func.AuthLevel.ADMIN)
    async def boss(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    @app.event_grid_trigger("event")
    async def on_event(event: func.EventGridEvent) -> None: ...

    async with serving(app, tmp_path, keys=KEYS) as client:
        yield client


WEBHOOK = "/runtime/webhooks/EventGrid?functionName=on_event"


@pytest.mark.parametrize(
    ("method", "path", "accepted"),
    [
        ("GET", "/api/open", ALL),
        ("GET", "/api/key", ["own-key", "host-key", "master-key"]),
        ("GET", "/api/other", ["host-key", "master-key"]),
        ("GET", "/api/boss", ["master-key"]),
        ("GET", "/admin/functions", ["master-key"]),
        ("OPTIONS", WEBHOOK, ["event-grid-key", "master-key"]),
    ],
)
async def test_only_these_keys_open_it_and_the_rest_is_a_401(
    client: Client, method: str, path: str, accepted: list[str]
) -> None:
    for key in ALL:
        in_header = await client.send(method, path, headers={"X-Functions-Key": key} if key else {})
        in_query = await client.send(method, f"{path}{'&' if '?' in path else '?'}code={key}")
        expected = 200 if key in accepted else 401
        assert (in_header.status, in_query.status) == (expected, expected), key


async def test_a_wrong_key_in_the_header_is_not_saved_by_the_query(client: Client) -> None:
    answer = await client.send("GET", "/api/key?code=own-key", headers={"x-functions-key": "wrong"})
    assert answer.status == 401


async def test_an_unknown_path_is_a_404_whatever_the_key(client: Client) -> None:
    assert (await client.get("/api/none")).status == 404


async def test_without_auth_every_call_is_let_in(tmp_path: Path) -> None:
    app = func.FunctionApp()

    @app.route("boss", auth_level=func.AuthLevel.ADMIN)
    async def boss(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    async with serving(app, tmp_path) as client:
        assert (await client.get("/api/boss")).status == 200


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    content = {
        "master": "m",
        "host": {"default": "h"},
        "functions": {"Send": {"default": "f"}},
        "system": {"eventgrid_extension": "s"},
    }
    path.write_text(json.dumps(content), "utf-8")
    assert read_keys(path) == Keys("m", {"default": "h"}, {"send": {"default": "f"}}, {"eventgrid_extension": "s"})


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"master": ""}', '{"master": "m", "host": {"a": ""}}', '{"master": "m", "host": 5}']
)
def test_a_key_file_that_is_wrong_stops_the_host(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content, "utf-8")
    with pytest.raises(StartError, match=r"keys\.json"):
        read_keys(path)


def test_random_keys_differ_each_time() -> None:
    one, other = random_keys(), random_keys()
    values = {one.master, other.master, *one.host.values(), *other.host.values(), *one.system.values()}
    assert len(values) == 5
