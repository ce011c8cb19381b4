"""Fixtures: a carrier alone, and a carrier with a functions host to deliver to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.carrier.harness import Receiver, Stand, ready, running


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give a carrier without functions: events are recorded and go nowhere."""
    async with running() as carrier:
        yield carrier


@pytest.fixture
def receiver() -> Receiver:
    """Give the webhook that `subscribed` delivers to."""
    return Receiver()


@pytest.fixture
async def subscribed(receiver: Receiver) -> AsyncIterator[Stand]:
    """Give a carrier whose two subscriptions are ready."""
    async with running(receiver) as carrier:
        await ready(carrier)
        yield carrier
