"""Health: what answers and what does not."""

from __future__ import annotations

from shared.rules.errors import StorageUnavailable
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import World


async def test_all_is_well_when_storage_and_the_carrier_answer() -> None:
    checks = await World().services.health.checks()
    assert [(one.name, one.problem) for one in checks] == [("storage", None), ("carrier", None)]


async def test_the_part_that_does_not_answer_is_named() -> None:
    world = World()
    world.carrier.answers_probe = False
    storage, carrier = await world.services.health.checks()
    assert storage.problem is None
    assert carrier.problem
    assert carrier.problem.code == "CarrierUnavailable"


async def test_storage_that_is_down_is_named() -> None:
    plain = World()
    down = Fault(0, "before", StorageUnavailable("down"))
    storage, carrier = await World(on_tables=FaultyTables(plain.tables, down)).services.health.checks()
    assert storage.problem is down.error
    assert carrier.problem is None


async def test_the_checks_are_run_at_most_every_two_seconds() -> None:
    world = World()
    await world.services.health.checks()
    world.carrier.answers_probe = False
    world.clock.advance(seconds=2)
    assert (await world.services.health.checks())[1].problem is None
    world.clock.advance(seconds=0.1)
    assert (await world.services.health.checks())[1].problem
