"""The storage emulator for tests: one per test process, on free ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from devtools import azurite, processes
from devtools.azurite import StoragePorts
from devtools.node import node_environment
from devtools.ports import free_ports
from tests.support.waiting import wait_until

_ATTEMPTS = 3


@dataclass(slots=True)
class Azurite:
    """A storage emulator that a test may stop and start again; its data outlives that, its ports stay."""

    folder: Path
    ports: StoragePorts = field(default_factory=lambda: StoragePorts(free_ports(3)))
    # For much data that need not outlive a stop: writing it to disk slows the emulator.
    in_memory: bool = False
    _child: processes.Child | None = None

    @property
    def connection_string(self) -> str:
        """Give what the SDK's `from_connection_string` takes."""
        return self.ports.connection_string

    def start(self) -> None:
        """Start it and wait until blob, queue and table answer; nothing when it runs already."""
        if self._child is None:
            command = azurite.command(self.ports, None if self.in_memory else self.folder / "data")
            self._child = processes.start("azurite", command, self.folder / "azurite.log", node_environment())
        child = self._child
        wait_until(lambda: self.ports.answer() or not child.is_running, within_seconds=60)
        if not child.is_running:
            raise AssertionError(f"Azurite did not start:\n{child.last_lines()}")

    def stop(self) -> None:
        """End it and wait until it is gone; nothing when it does not run."""
        if self._child is not None:
            processes.stop([self._child])
            self._child = None


def start_azurite(folder: Path, *, in_memory: bool = False) -> Azurite:
    """Start one on free ports; tries other ports when another program took them in between."""
    for attempt in range(_ATTEMPTS):
        server = Azurite(folder, in_memory=in_memory)
        try:
            server.start()
        except AssertionError:
            server.stop()
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return server
    raise AssertionError("unreachable: the loop returns or raises")
