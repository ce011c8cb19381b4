"""The version of what can be seen, which grows with every change and wakes those who watch."""

from __future__ import annotations

import asyncio


class Changes:
    """A counter with watchers. `bump` is cheap; watchers see the newest version, not each one."""

    def __init__(self) -> None:
        self.version = 0
        self._watchers: set[asyncio.Event] = set()

    def bump(self) -> None:
        """Note that something visible changed."""
        self.version += 1
        for watcher in self._watchers:
            watcher.set()

    def watch(self) -> asyncio.Event:
        """Return an event that is set at every change until it is given to `unwatch`."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: asyncio.Event) -> None:
        """Stop setting this event."""
        self._watchers.discard(watcher)
