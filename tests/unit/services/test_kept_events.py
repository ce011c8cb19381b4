"""Kept events: whole, once each, and not in the log."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from shared.services.kept_events import StrangeEvent
from tests.unit.services.world import World

EVENT = StrangeEvent("id-1", "Some.Type", '{"secret":"canary"}', "an event without data")


async def test_the_same_event_is_kept_once_and_another_apart() -> None:
    world = World()
    for event in (EVENT, EVENT, replace(EVENT, body="{}"), replace(EVENT, id="id-2"), replace(EVENT, id="")):
        await world.services.kept_events.keep(event)
    assert world.row_count("KeptEvents") == 4


async def test_an_event_without_bounds_is_kept_as_far_as_a_row_goes() -> None:
    world = World()
    await world.services.kept_events.keep(StrangeEvent("i" * 5000, "t" * 5000, "b" * 100_000, "too long"))
    (rows,) = world.tables.table("KeptEvents")._partitions.values()
    (entity,) = rows.values()
    assert [len(str(entity.values[name])) for name in ("eventId", "type", "body")] == [256, 256, 30_000]


async def test_the_log_says_why_and_nothing_of_the_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await World().services.kept_events.keep(EVENT)
    assert "an event without data" in caplog.text
    assert "canary" not in caplog.text
