"""One more functions host beside a running stack, which checks keys as Azure does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devtools.ports import free_ports
from devtools.stack import get_json, host_environment
from tests.support.stack import RunningStack
from tests.support.workers import Worker


@contextmanager
def keyed_host(
    stack: RunningStack, folder: Path, keys: Mapping[str, object], settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Start it and give its address.

    Args:
        stack: where its storage and its carrier are.
        folder: for the keys and the log.
        keys: `master`, `host`, `functions` and `system`, as `local.host --auth` reads them.
        settings: environment variables besides those of the stack.
    """
    file = folder / "keys.json"
    file.write_text(json.dumps(keys), "utf-8")
    carrier = get_json(f"{stack.carrier}/_carrier")
    assert carrier
    environment = {**host_environment(stack.storage, carrier), **(settings or {})}
    host = Worker("host", free_ports(1), environment, folder, options=("--auth", str(file)))
    try:
        host.start()
        host.wait()
        yield host.url
    finally:
        host.stop()
