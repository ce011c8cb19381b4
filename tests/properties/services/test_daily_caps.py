"""Daily caps, whatever two workers ask for, die of and repeat: never over, and nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from shared.edges.clock_manual import ManualClock
from shared.edges.tables_memory import MemoryTables
from shared.ports.tables import Range
from shared.rules.errors import DailyCapReached, StorageUnavailable
from shared.rules.holds import NOTHING, Hold
from shared.services.daily_caps import CapLimits, DailyCaps, Holder
from tests.unit.services.faults import Fault, FaultyTables, When

CAP, BY_CALLER = 20, 12
HOLDERS = [Holder("a", "shop"), Holder("b", "shop"), Holder("c", "desk"), Holder("d")]


@dataclass(frozen=True)
class Ask:
    """One worker takes for a holder or gives back; storage may fail at one call, before or after it has an effect.

    `writes`: whether the worker lives to write down what it has.
    """

    worker: int
    holder: int
    takes: int
    gives: int
    fails_at: int | None
    when: When
    writes: bool


asks = st.builds(
    Ask,
    worker=st.integers(0, 1),
    holder=st.integers(0, len(HOLDERS) - 1),
    takes=st.integers(0, 9),
    gives=st.integers(0, 9),
    fails_at=st.none() | st.integers(0, 5),
    when=st.sampled_from(["before", "after"]),
    writes=st.booleans(),
)


class Books:
    """What is written down of each holder, and the two workers."""

    def __init__(self) -> None:
        self.tables, self.clock = MemoryTables(), ManualClock()
        self.workers = [self.caps(), self.caps()]
        self.written: dict[int, Hold] = dict.fromkeys(range(len(HOLDERS)), NOTHING)

    def caps(self, fault: Fault | None = None) -> DailyCaps:
        """Return the caps of a worker, behind the fault if there is one."""
        tables = FaultyTables(self.tables, fault) if fault else self.tables
        return DailyCaps(tables.table("DailyUse"), self.clock, CapLimits(CAP, BY_CALLER))

    async def do(self, ask: Ask) -> None:
        """Do what is asked as far as it goes; who fails leaves what was written before."""
        error = StorageUnavailable("down")
        caps = self.workers[ask.worker] if ask.fails_at is None else self.caps(Fault(ask.fails_at, ask.when, error))
        holder = HOLDERS[ask.holder]
        try:
            hold = await caps.give_back(holder, self.written[ask.holder])
            if ask.takes:
                hold = await caps.take(holder, hold, ask.takes, 1)
            elif hold.segments:
                hold = self.written[ask.holder] = hold.without(min(ask.gives, hold.segments))
                hold = await caps.give_back(holder, hold)
        except (DailyCapReached, StorageUnavailable):
            return
        if ask.writes:
            self.written[ask.holder] = hold

    async def end(self, holder: int) -> None:
        """Find what was asked for and not written down, and give all of it back."""
        caps, who = self.caps(), HOLDERS[holder]
        hold = await caps.give_back(who, self.written[holder])
        hold = await caps.take(who, hold, 0, 0)
        await caps.give_back(who, hold.without(hold.segments))

    @property
    def counted(self) -> dict[str, int]:
        """Return the counters of the day."""
        rows = self.tables.table("DailyUse")._from(None, Range())
        return {one.row: int(one.values["segments"]) for one in rows if not one.row.startswith("change.")}

    def check(self) -> None:
        """No counter is over its cap, or below what is held for sure."""
        held = {HOLDERS[place]: hold.segments for place, hold in self.written.items()}
        counted = self.counted
        assert sum(held.values()) <= counted.get("all", 0) <= CAP
        for caller in ("shop", "desk"):
            mine = sum(segments for holder, segments in held.items() if holder.caller == caller)
            assert mine <= counted.get(f"caller.{caller}", 0) <= BY_CALLER


def _ask(*, takes: int = 0, gives: int = 0, writes: bool = True) -> Ask:
    return Ask(0, 0, takes, gives, None, "before", writes)


# A worker dies that has taken some more, and the next one gives back without taking any.
@example([_ask(takes=3), _ask(takes=2, writes=False), _ask(gives=1)])
@given(st.lists(asks, max_size=30))
def test_a_cap_is_exact_whatever_dies_and_repeats(asked: list[Ask]) -> None:
    async def run() -> None:
        books = Books()
        for ask in asked:
            await books.do(ask)
            books.check()
        for holder in range(len(HOLDERS)):
            await books.end(holder)
        assert set(books.counted.values()) <= {0}

    asyncio.run(run())


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), min_size=1, max_size=12))
def test_at_once_two_workers_hold_no_more_than_the_cap(wanted: list[tuple[int, int]]) -> None:
    async def run() -> None:
        books = Books()
        takes = [
            books.workers[worker].take(Holder(f"{number}"), NOTHING, segments, 1)
            for number, (worker, segments) in enumerate(wanted)
        ]
        held = [one for one in await asyncio.gather(*takes, return_exceptions=True) if isinstance(one, Hold)]
        assert sum(one.segments for one in held) == books.counted["all"] == min(CAP, sum(one for _, one in wanted))

    asyncio.run(run())
