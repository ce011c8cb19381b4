"""Daily caps in the tests of services."""

from __future__ import annotations

from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.tables_memory import MemoryTables
from shared.ports.tables import Range
from shared.rules.holds import day_of
from tests.unit.services.faults import Fault, FaultyCarrier, FaultyQueues, FaultyTables
from tests.unit.services.world import World, settings


def capped(segments: int = 0, by_caller: int = 0, over: World | None = None, fault: Fault | None = None) -> World:
    """Return a worker with these caps; over another one's storage, clock and carrier, and behind a fault, if given."""
    clock = over.clock if over else ManualClock()
    tables, carrier = (over.tables, over.carrier) if over else (MemoryTables(), MemoryCarrier())
    queues = over.queues if over else MemoryQueues(clock)
    return World(
        settings=settings(SMS_DAILY_SEGMENTS=str(segments), SMS_DAILY_SEGMENTS_BY_CALLER=str(by_caller)),
        tables=tables,
        carrier=carrier,
        clock=clock,
        queues=queues,
        on_tables=FaultyTables(tables, fault) if fault else None,
        on_queues=FaultyQueues(queues, fault) if fault else None,
        on_carrier=FaultyCarrier(carrier, fault) if fault else None,
    )


def counted(world: World, whose: str = "all", *, days_ago: int = 0) -> int:
    """Return how many segments are counted for a day."""
    rows = world.tables.table("DailyUse")._from(None, Range(f"{day_of(world.now_ms) - days_ago:06d}"))
    return next((int(one.values["segments"]) for one in rows if one.row == whose), 0)


def gone(world: World) -> int:
    """Return the segments of the messages that went, or may have, each once."""
    return sum(one.segments for one in world.messages() if not one.home and one.may_have_gone)
