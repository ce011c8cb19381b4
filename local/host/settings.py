"""The app's settings: `local.settings.json` and the environment, which wins."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from local.host.errors import FunctionError, StartError

_REFERENCE = re.compile(r"%([^%]*)%")
_AZURITE_ACCOUNT = "devstoreaccount1"
# The key of Azurite's built-in account is published by Microsoft and the same everywhere.
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_AZURITE = (
    f"DefaultEndpointsProtocol=http;AccountName={_AZURITE_ACCOUNT};AccountKey={_AZURITE_KEY};"
    f"BlobEndpoint=http://127.0.0.1:10000/{_AZURITE_ACCOUNT};"
    f"QueueEndpoint=http://127.0.0.1:10001/{_AZURITE_ACCOUNT};"
    f"TableEndpoint=http://127.0.0.1:10002/{_AZURITE_ACCOUNT};"
)


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """`local.settings.json` as read: the `Values`, and the port that `Host` may name."""

    values: Mapping[str, str]
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, looked up as .NET's configuration does: any case, `:` and `__` alike."""

    values: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Take every variable of the environment as a setting."""
        return cls({_key(name): value for name, value in environment.items()})

    def get(self, name: str) -> str | None:
        """Return a setting's value, or None."""
        return self.values.get(_key(name))

    def resolve(self, text: str) -> str:
        """Replace each `%NAME%` in a binding's text by that setting. A missing one is a `FunctionError`."""
        return _REFERENCE.sub(self._referred, text)

    def _referred(self, match: re.Match[str]) -> str:
        value = self.get(match[1])
        if value is None:
            raise FunctionError(f"'%{match[1]}%' does not resolve to a value: there is no such setting.")
        return value

    def connection_string(self, name: str) -> str:
        """Return the storage connection string that a binding's `connection` names."""
        value = self.get(name) or self.get(f"AzureWebJobs{name}")
        if value is None:
            raise FunctionError(f"Storage account connection string '{name}' does not exist among the settings.")
        return _AZURITE if value.strip().lower() == "usedevelopmentstorage=true" else value

    def disabled(self, function_name: str) -> bool:
        """Say whether `AzureWebJobs.NAME.Disabled` switches a function off."""
        value = self.get(f"AzureWebJobs.{function_name}.Disabled") or ""
        return value.strip().lower() in {"true", "1"}


def _key(name: str) -> str:
    return name.replace("__", ":").lower()


def read_local_settings(app_dir: Path) -> LocalSettings:
    """Read `local.settings.json` of an app; a missing file is an empty one."""
    path = app_dir / "local.settings.json"
    if not path.exists():
        return LocalSettings({})
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise StartError(f"local.settings.json is not JSON: {error}.") from error
    return _local_settings(content)


def _local_settings(content: object) -> LocalSettings:
    if not isinstance(content, dict):
        raise StartError("local.settings.json must hold one JSON object.")
    if content.get("IsEncrypted") is True:
        raise StartError("local.settings.json is encrypted: run `func settings decrypt` first.")
    values = content.get("Values") or {}
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise StartError(f"local.settings.json: the value of '{wrong[0]}' must be a string.")
    port = (content.get("Host") or {}).get("LocalHttpPort")
    return LocalSettings(values, int(port) if port is not None else None)


def apply(local: LocalSettings, environment: MutableMapping[str, str], authority: str) -> Settings:
    """Put the local settings into the environment, where the app reads them; what is there already stays.

    `authority` is host and port of this host, as the Core Tools put it in `WEBSITE_HOSTNAME`.
    """
    defaults = {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": authority,
    }
    for name, value in {**defaults, **local.values}.items():
        environment.setdefault(name, value)
    runtime = environment["FUNCTIONS_WORKER_RUNTIME"]
    if runtime.lower() != "python":
        raise StartError(f"FUNCTIONS_WORKER_RUNTIME is '{runtime}', and this host runs only 'python'.")
    return Settings.from_environment(environment)
