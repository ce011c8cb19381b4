"""Every function with every credential, on real hosts: by keys, and by sign-in.

What is expected follows from the declarations alone: the level and role of an endpoint, the kind of a trigger.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devtools.paths import ROOT
from docs import reference
from tests.support.keyed_hosts import keyed_host
from tests.support.stack import RunningStack
from tests.unit.edges.principals import HEADER, principal

MASTER, HOST, SYSTEM = "master-key-of-the-app", "host-key-of-the-app", "key-of-event-grid"
ADMIN = "Sms.Admin"
ROLES = ("Sms.Send", "Sms.Read", ADMIN)

_ASK = """
import json, function_app
from local.host.indexing import index
declared = {one.name: one.role.value for one in function_app.http.endpoints}
print(json.dumps([
    dict(name=one.name, kind=one.trigger.type, role=declared.get(one.name, ""),
         method=(one.trigger.properties.get("methods") or ["GET"])[0], route=one.trigger.text("route") or one.name)
    for one in index(function_app.app)
]))
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A function as it is declared: its trigger, for HTTP its method, route and role (empty: for anyone)."""

    name: str
    kind: str
    role: str
    method: str
    route: str

    @property
    def call(self) -> tuple[str, str]:
        """Return the method and path that reach it, with an id that nothing has."""
        if self.kind == "httpTrigger":
            return self.method, f"/api/{self.route.replace('{id}', 'none')}"
        if self.kind == "eventGridTrigger":
            return "OPTIONS", f"/runtime/webhooks/EventGrid?functionName={self.name}"
        # A GET, so that whoever is let in runs nothing.
        return "GET", f"/admin/functions/{self.name}"

    @property
    def key(self) -> str:
        """Return the key of this function alone."""
        return f"key-of-{self.name}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One call of one function with one credential, and whether it may get in (else with which status it may not)."""

    target: Target
    credential: str
    headers: Mapping[str, str]
    query: str = ""
    refused: int = 0

    async def problem(self, url: str, http: aiohttp.ClientSession) -> str:
        """Make the call; return what is wrong with the answer, empty if nothing is."""
        method, path = self.target.call
        address = f"{url}{path}{'&' if '?' in path else '?'}{self.query}" if self.query else f"{url}{path}"
        async with http.request(method, address, headers=dict(self.headers), data=b"{}") as answer:
            barred = answer.status if answer.status in (401, 403) else 0
        return "" if barred == self.refused else f"{self.target.name}, {self.credential}: {answer.status}"


def _targets() -> list[Target]:
    environment = {**os.environ, **reference.LEAST}
    done = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [Target(**{**one, "method": str(one["method"]).rpartition(".")[2]}) for one in found]


def _by_key(targets: Sequence[Target]) -> Iterator[Cell]:
    """Yield what holds without sign-in: a function opens to its own key, the host's and the master's."""
    for target in targets:
        other = next(one for one in targets if one.kind == target.kind and one is not target)
        for key in ("", "wrong", other.key, SYSTEM, target.key, HOST, MASTER):
            refused = 0 if _opens(key, target) else 401
            yield Cell(target, f"{key or 'no key'} in the header", {"x-functions-key": key} if key else {}, "", refused)
            yield Cell(target, f"{key or 'no key'} in the query", {}, f"code={key}", refused)
        if target.kind == "httpTrigger":
            refused = 401 if target.role else 0
            forged = {**principal(ADMIN), "x-functions-key": target.key}
            yield Cell(target, "its key and a forged principal", forged, "", refused)
            yield Cell(target, "a forged principal", principal(ADMIN), "", refused)


def _opens(key: str, target: Target) -> bool:
    match target.kind:
        case "httpTrigger":
            return not target.role or key in {target.key, HOST, MASTER}
        case "eventGridTrigger":
            return key in {SYSTEM, MASTER}
        case _:
            return key == MASTER


def _by_sign_in(targets: Sequence[Target]) -> Iterator[Cell]:
    """Yield what holds with sign-in: an endpoint opens to its role and to Sms.Admin, and to no key."""
    for target in [one for one in targets if one.kind == "httpTrigger"]:
        credentials: dict[str, tuple[Mapping[str, str], int]] = {
            "nobody": ({}, 401),
            "its key": ({"x-functions-key": target.key}, 401),
            "the master key": ({"x-functions-key": MASTER}, 401),
            "what is no principal": ({HEADER: "none"}, 401),
            "an admin of another provider": (principal(ADMIN, provider="google"), 401),
            "no role": (principal(), 403),
            **{role: (principal(role), 0 if role in (target.role, ADMIN) else 403) for role in ROLES},
        }
        for name, (headers, refused) in credentials.items():
            yield Cell(target, name, headers, "", refused if target.role else 0)


@contextmanager
def _host(stack: RunningStack, folder: Path, targets: Sequence[Target], **settings: str) -> Iterator[str]:
    """Start one more host of the stack, which checks keys; give its address."""
    functions = {one.name: {"default": one.key} for one in targets}
    keys = {
        "master": MASTER,
        "host": {"default": HOST},
        "functions": functions,
        "system": {"eventgrid_extension": SYSTEM},
    }
    with keyed_host(stack, folder, keys, settings) as url:
        yield url


async def _check(url: str, cells: Sequence[Cell]) -> None:
    turns = asyncio.Semaphore(8)

    async def check(cell: Cell, http: aiohttp.ClientSession) -> str:
        async with turns:
            return await cell.problem(url, http)

    async with aiohttp.ClientSession() as http:
        problems = await asyncio.gather(*(check(cell, http) for cell in cells))
    print(f"{len(cells)} cells, {sum(map(bool, problems))} of them wrong")
    assert [problem for problem in problems if problem] == []


@pytest.fixture(scope="module")
def targets() -> Sequence[Target]:
    """Give all functions of the app."""
    return _targets()


async def test_by_keys_each_function_opens_to_its_own_alone(
    stack: RunningStack, tmp_path: Path, targets: Sequence[Target]
) -> None:
    cells = list(_by_key(targets))
    with _host(stack, tmp_path, targets) as url:
        await _check(url, cells)
    assert {cell.target.name for cell in cells} == {target.name for target in targets}


async def test_by_sign_in_each_endpoint_opens_to_its_role_alone(
    stack: RunningStack, tmp_path: Path, targets: Sequence[Target]
) -> None:
    cells = list(_by_sign_in(targets))
    with _host(stack, tmp_path, targets, SMS_SIGN_IN="on", WEBSITE_AUTH_ENABLED="True") as url:
        await _check(url, cells)
    assert {cell.refused for cell in cells} == {0, 401, 403}
