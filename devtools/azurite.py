"""Azurite, the storage emulator: its command line, its ports, its connection string."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devtools.node import find_node
from devtools.paths import AZURITE
from devtools.ports import LOOPBACK, is_answering
from devtools.terminal import Problem

SCRIPT = AZURITE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
# The account that every storage emulator has; Microsoft publishes its key.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True)
class StoragePorts:
    """The ports of the storage emulator: three in a row, of which the first is given."""

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
        account = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        services = zip(("Blob", "Queue", "Table"), self.all, strict=True)
        return account + "".join(f"{name}Endpoint=http://{LOOPBACK}:{at}/{ACCOUNT};" for name, at in services)

    def answer(self) -> bool:
        """Tell whether all three services accept connections."""
        return all(is_answering(port) for port in self.all)


def command(ports: StoragePorts, folder: Path | None = None) -> list[str]:
    """Give the command that runs Azurite, in memory or in a folder; Problem when it is not installed."""
    node = find_node()
    if node is None or not SCRIPT.exists():
        raise Problem("Azurite is not installed: `python dev.py run` or `python dev.py test` gets it.")
    storage = ["--inMemoryPersistence"] if folder is None else ["--location", str(folder)]
    # The queue SDK asks for a newer API version than Azurite 3.37 knows, hence the last one.
    flags = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    listen: list[str] = []
    for service, port in zip(("blob", "queue", "table"), ports.all, strict=True):
        listen += [f"--{service}Host", LOOPBACK, f"--{service}Port", str(port)]
    return [str(node.program), str(SCRIPT), *flags, *listen, *storage]
