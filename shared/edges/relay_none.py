"""The relay of an app that nobody listens to."""

from __future__ import annotations

from collections.abc import Sequence

from shared.ports.relay import Notice


class NoRelay:
    """Where notices go when no topic is configured: nowhere."""

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Drop the notices."""

    async def close(self) -> None:
        """Close nothing."""
