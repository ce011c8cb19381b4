"""One run: a world from its seed to its end, with what was counted in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.simulation.callers import Callers
from tests.simulation.judge import Broken
from tests.simulation.people import check_places
from tests.simulation.verdict import check_end, open_work
from tests.simulation.world import World

_HOUR_S = 3_600.0
_LONGEST_S = 5 * 24 * _HOUR_S
# A world with a webhook has no more: its texts take several turns of a queue that is gone through at each.
_MOST_WITH_WEBHOOK = 4_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a world came to; times in virtual seconds. `trace` is the same for the same world."""

    messages: int
    accepted: int
    checks: Counter[str]
    faults: Counter[str]
    seconds: float
    trace: int


def run(seed: int, messages: int) -> Outcome:
    """Run one world of about that many messages.

    Raises:
        Broken: a promise is broken; the message has the seed.
    """
    check_places()
    world = World(seed)
    try:
        callers = Callers(world, min(messages, _MOST_WITH_WEBHOOK) if world.application else messages)
        _live(world)
        check_end(world, callers.promises)
    except Exception as error:
        where = f"seed {seed}, {messages} messages, {world.loop.time():.3f} s into it"
        raise Broken(f"{error!r} ({where})") from error
    return Outcome(
        world.judge.counts["messages"],
        len(world.judge.accepted),
        world.judge.checks,
        world.sky.counts,
        world.loop.time(),
        world.judge.trace,
    )


def _live(world: World) -> None:
    world.run_for(_LONGEST_S, lambda: not world.going)
    world.become_calm()
    until = world.loop.time() + _LONGEST_S
    while world.loop.time() < until:
        world.run_for(_HOUR_S)
        if world.is_at_rest() and not world.judge.open and not open_work(world):
            return
