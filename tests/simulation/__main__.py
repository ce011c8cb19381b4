"""`python -m tests.simulation --messages 1000000 [--seed N]`: worlds until so many messages went through them."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter

from tests.simulation.judge import Broken
from tests.simulation.run import run


def main() -> int:
    """Run the worlds and print what they came to; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the next ones count on from it")
    parser.add_argument("--world", type=int, default=20_000, help="messages of each world (default: %(default)s)")
    options = parser.parse_args()
    # The services log each event that they keep; here the judge says what is wrong.
    logging.disable()
    begun, cpu = time.monotonic(), time.process_time()
    totals: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    seed = options.seed
    while totals["messages"] < options.messages:
        try:
            outcome = run(seed, options.world)
        except Broken as broken:
            print(f"BROKEN: {broken}", flush=True)
            print(f"Again: python -m tests.simulation --messages 1 --seed {seed} --world {options.world}", flush=True)
            totals.update(messages=options.world, broken=1)
            seed += 1
            continue
        totals.update(messages=outcome.messages, accepted=outcome.accepted, worlds=1)
        checks.update(outcome.checks)
        faults.update(outcome.faults)
        print(
            f"seed {seed}: {outcome.messages:,} messages, {outcome.accepted:,} accepted by the carrier, "
            f"{outcome.faults['workers that died']} workers died, {outcome.seconds / 3600:.1f} h in the world, "
            f"trace {outcome.trace:08x}; "
            f"{totals['messages']:,} messages after {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        seed += 1
    _print("Checks", checks)
    _print("What happened", faults)
    print(
        f"\nSeeds {options.seed} to {seed - 1}: {totals['messages']:,} messages in {totals['worlds']} worlds, "
        f"{totals['accepted']:,} accepted by the carrier, {sum(checks.values()):,} checks, "
        f"{totals['broken'] or 'nothing'} broken; "
        f"{time.monotonic() - begun:.0f} s, {time.process_time() - cpu:.0f} s of CPU"
    )
    return int(totals["broken"] > 0)


def _print(title: str, counts: Counter[str]) -> None:
    print(f"\n{title}")
    for name, count in sorted(counts.items()):
        print(f"  {name:40} {count:>12,}")


if __name__ == "__main__":
    sys.exit(main())
