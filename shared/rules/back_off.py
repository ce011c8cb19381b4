"""How long work waits that the carrier did not take, or did not answer."""

from __future__ import annotations

import zlib

_FIRST_S = 5
_LONGEST_S = 300
# What may have gone can be repeated for some minutes only: many tries in that time leave little unknown.
_LONGEST_BETWEEN_REPEATS_S = 15


def pause_s(tries: int, spread_by: bytes, *, may_have_gone: bool) -> int:
    """Return the seconds until the next try, after so many: they grow, up to five to ten minutes.

    Args:
        tries: how many tries there were before the last one.
        spread_by: an id of the work, by which the pause is up to twice as long: what failed together is to come back
            apart.
        may_have_gone: whether the carrier may have taken it, so that the repeat window runs: then the pause is half a
            minute at most.
    """
    longest_s = _LONGEST_BETWEEN_REPEATS_S if may_have_gone else _LONGEST_S
    base: int = min(longest_s, _FIRST_S * 2 ** min(tries, 8))
    return base + zlib.crc32(spread_by) % base
