"""The lock files install the same everywhere, and agree with each other."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from devtools.paths import AZURITE, ROOT

LOCKS = ["requirements.txt", "requirements-local.txt", "requirements-dev.txt", "local/azurite/requirements.txt"]
PIN = re.compile(r"^([a-z0-9-]+(?:\[[a-z,]+\])?)==([^ ;]+)( ; [^\\]+)? \\$")


def _pins(lock: str) -> set[tuple[str, str, str]]:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    return {match.groups(default="") for line in lines if (match := PIN.match(line))}  # type: ignore[misc]  # three groups


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_exact_versions_with_hashes_and_nothing_else(lock: str) -> None:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    hashed = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
    comment = re.compile(r"^ *#")
    strange = [line for line in lines if not any(kind.match(line) for kind in (PIN, hashed, comment))]
    assert strange == []
    assert _pins(lock)


@pytest.mark.parametrize(("smaller", "larger"), list(itertools.pairwise(LOCKS[:3])))
def test_larger_lock_holds_the_smaller_one_at_the_same_versions(smaller: str, larger: str) -> None:
    assert _pins(smaller) <= _pins(larger)


def test_locks_name_the_extras_that_packages_ask_for() -> None:
    # pip 23 looks for the newest `coverage[toml]`, and refuses it for want of a hash, where the lock names none.
    assert "pyjwt[crypto]" in {name for name, _, _ in _pins("requirements.txt")}
    assert "coverage[toml]" in {name for name, _, _ in _pins("requirements-dev.txt")}


def test_app_needs_few_packages_directly() -> None:
    lines = (ROOT / "requirements.in").read_text("utf-8").splitlines()
    names = {re.split(r"[=<>;]", line)[0] for line in lines if line and not line.startswith("#")}
    assert names == {
        "aiohttp",
        "azure-communication-sms",
        "azure-data-tables",
        "azure-eventgrid",
        "azure-functions",
        "azure-identity",
        "azure-monitor-opentelemetry",
        "azure-storage-queue",
        "opentelemetry-api",
        "phonenumbers",
        "pydantic",
    }


def test_azure_functions_follows_the_python_version() -> None:
    pins = {(version.split(".")[0], marker) for name, version, marker in _pins("requirements.txt")
            if name == "azure-functions"}  # fmt: skip
    assert pins == {("1", " ; python_full_version < '3.13'"), ("2", " ; python_full_version >= '3.13'")}


def test_azurite_lock_names_no_registry_but_the_public_one() -> None:
    packages = json.loads((AZURITE / "package-lock.json").read_text("utf-8"))["packages"]
    assert packages["node_modules/azurite"]["version"] == "3.37.0"
    installed = [package for path, package in packages.items() if "node_modules/" in path]
    installed = [package for package in installed if not package.get("link")]
    assert len(installed) > 100
    assert all(package["integrity"].startswith("sha512-") for package in installed)
    places = {package["resolved"] for package in installed if "resolved" in package}
    assert all(place.startswith("https://registry.npmjs.org/") for place in places)
