"""Access keys, as Azure checks them. `func start` checks none, so the host does so only with `--auth`."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from local.host.errors import StartError
from local.host.indexing import Function

EVENT_GRID_KEY = "eventgrid_extension"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an app: values only, named by where they count."""

    master: str
    host: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)

    def accepts_for_function(self, function: Function, given: str) -> bool:
        """Say whether a key opens an HTTP-triggered function: its own or a host key at level function, else master."""
        level = (function.trigger.text("authLevel") or "function").lower()
        if level == "anonymous":
            return True
        if level == "admin":
            return self.is_master(given)
        own = self.functions.get(function.name.lower(), {})
        return _among(given, [*own.values(), *self.host.values(), self.master])

    def accepts_for_event_grid(self, given: str) -> bool:
        """Say whether a key opens the Event Grid webhook: its system key or the master key."""
        key = self.system.get(EVENT_GRID_KEY)
        return _among(given, [self.master, *([key] if key else [])])

    def is_master(self, given: str) -> bool:
        """Say whether a key is the master key."""
        return _among(given, [self.master])


def _among(given: str, keys: Iterable[str]) -> bool:
    return any(hmac.compare_digest(given.encode(), key.encode()) for key in keys)


def key_of(request: web.Request) -> str:
    """Return the key that a request brings: the header counts before the query; empty if there is none."""
    header = request.headers.get("x-functions-key")
    if header is not None:
        return header
    return next((value for name, value in request.query.items() if name.lower() == "code"), "")


def random_keys() -> Keys:
    """Make a key of each kind that lasts as long as this process."""
    return Keys(
        master=secrets.token_urlsafe(32),
        host={"default": secrets.token_urlsafe(32)},
        system={EVENT_GRID_KEY: secrets.token_urlsafe(32)},
    )


def read_keys(path: Path) -> Keys:
    """Read `{"master": …, "host": {NAME: …}, "functions": {FUNCTION: {NAME: …}}, "system": {NAME: …}}`."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StartError(f"The key file {path} cannot be read: {error}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("master"), str) or not content["master"]:
        raise StartError(f'The key file {path} must be a JSON object with a "master" key.')
    functions = {name.lower(): _named(keys, path) for name, keys in _object(content, "functions", path).items()}
    host, system = (_named(_object(content, name, path), path) for name in ("host", "system"))
    return Keys(content["master"], host, functions, system)


def _object(content: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    value = content.get(name, {})
    if not isinstance(value, dict):
        raise StartError(f'The key file {path}: "{name}" must be an object.')
    return value


def _named(keys: object, path: Path) -> Mapping[str, str]:
    if not isinstance(keys, dict) or not all(isinstance(key, str) and key for key in keys.values()):
        raise StartError(f"The key file {path}: every key must be a text that is not empty.")
    return keys
