"""How often a caller may call, by GCRA (virtual scheduling, ITU-T I.371 annex A); whole microseconds."""

from __future__ import annotations

_MINUTE_US = 60_000_000
# A caller that was quiet may catch up on so much at once.
_BURST_US = 10_000_000


def next_call(due_us: int, now_us: int, per_minute: int) -> tuple[int, int]:
    """Return when the call after this one is due (GCRA's theoretical arrival time), and how long to wait for this one.

    `due_us` is what the last call returned, 0 before the first. If there is a wait, the call is refused and nothing is
    to be stored.
    """
    step_us = _MINUTE_US // per_minute
    at_us = max(due_us, now_us)
    # One call is always within the burst, however slow the rate.
    wait_us = at_us - now_us - max(0, _BURST_US - step_us)
    return (due_us, wait_us) if wait_us > 0 else (at_us + step_us, 0)
