"""The package as it is deployed: built by its command, unpacked beside nothing else, served with its packages alone."""

from __future__ import annotations

import importlib.util
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devtools import processes
from devtools.alone import Alone, unpack_and_install
from devtools.paths import ROOT
from devtools.ports import free_ports
from devtools.pythons import find_python
from devtools.stack import get_json, host_environment
from tests.support.azurite import Azurite
from tests.support.carriers import running_carrier
from tests.support.programs import call_dev
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the package, made by the command."""
    target = tmp_path_factory.mktemp("package") / "made" / "package.zip"
    answer = call_dev("package", "--output", str(target))
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"\d+ files, \d+ KiB unpacked, \d+ KiB packed", answer.stdout)
    return target


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give what a carrier tells of itself."""
    with running_carrier(tmp_path_factory.mktemp("carrier")) as url:
        yield get_json(f"{url}/_carrier") or {}


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_package_alone_starts_and_is_ready(
    version: str, package: Path, azurite: Azurite, carrier: dict[str, str], tmp_path: Path
) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"neither PATH nor pyenv has a Python {version}")
    alone = unpack_and_install(package, python, tmp_path)
    prefix = f"Package{version.replace('.', '')}"
    own = {"SMS_TABLE_PREFIX": prefix, "SMS_QUEUE_PREFIX": prefix.lower()}
    settings = {**_example_settings(azurite, carrier, tmp_path), **own}

    seconds = alone.import_seconds(settings)
    with _served(alone, settings, tmp_path) as url:
        ready = get_json(f"{url}/api/health")

    assert ready is not None
    assert ready["status"] == "ready"
    sizes = f"{package.stat().st_size / 1024:.0f} KiB, its packages {alone.installed_bytes() / 2**20:.0f} MiB"
    print(f"Python {version}: the package has {sizes}; first import {seconds:.2f} s")


def test_package_holds_what_is_deployed_and_nothing_else(package: Path) -> None:
    names = zipfile.ZipFile(package).namelist()
    assert {name.partition("/")[0] for name in names} == {"function_app.py", "host.json", "requirements.txt", "shared"}
    assert not [name for name in names if name.endswith(".pyc")]


def _example_settings(azurite: Azurite, carrier: dict[str, str], folder: Path) -> dict[str, str]:
    """Give the settings of the example, without those of the person who runs the tests."""
    shutil.copy(ROOT / "local.settings.json.example", folder)
    ours = host_environment(azurite.ports, carrier, folder)
    return {name: value for name, value in ours.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


@contextmanager
def _served(alone: Alone, settings: dict[str, str], folder: Path) -> Iterator[str]:
    """Serve the package by the local host, which sees nothing of this repository but itself."""
    port = free_ports()
    command: list[str | Path] = [alone.python, "-m", "local.host", "--app", alone.app, "--port", str(port)]
    child = processes.start("host", command, folder / "host.log", settings, _host_alone(folder))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: get_json(f"{url}/api/health") or not child.is_running, 60)
        assert child.is_running, child.last_lines()
        yield url
    finally:
        processes.stop([child])


def _host_alone(folder: Path) -> Path:
    """Copy the host and the one package that it needs beside those of the app."""
    schedules = importlib.util.find_spec("cronsim")
    assert schedules is not None
    assert schedules.origin is not None
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "local" / "host", folder / "host" / "local" / "host", ignore=leave)
    shutil.copytree(Path(schedules.origin).parent, folder / "host" / "cronsim", ignore=leave)
    return folder / "host"
