"""Fixtures for the tests of the edges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.edges.calling import Caller, calling
from tests.unit.services.world import World


@pytest.fixture
def world() -> World:
    """Give the services over fakes."""
    return World()


@pytest.fixture
def caller(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Give a caller of the app's functions over that world."""
    with calling(world, monkeypatch) as caller:
        yield caller
