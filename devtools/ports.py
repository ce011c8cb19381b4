"""Loopback ports: is it taken, which are free, does somebody answer."""

from __future__ import annotations

import secrets
import socket

from devtools.paths import WINDOWS

LOOPBACK = "127.0.0.1"
# Below the range from which Linux, macOS and Windows take the ports of outgoing connections.
_FIRST, _LAST = 20000, 32000


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if not WINDOWS:  # there it would let two servers share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_answering(port: int) -> bool:
    """Tell whether a server accepts connections on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def free_ports(count: int = 1) -> int:
    """Find `count` free ports in a row and give the first. Another program may still take them first."""
    while True:
        first = _FIRST + secrets.randbelow(_LAST - _FIRST - count)
        if all(is_free(first + offset) for offset in range(count)):
            return first
