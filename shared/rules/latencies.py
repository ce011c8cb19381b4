"""Latencies, counted so that they add up: in buckets, each a tenth wider than the one before."""

from __future__ import annotations

import math
from collections.abc import Mapping

_WIDTH = math.log(1.1)


def bucket_of(ms: int) -> int:
    """Return the bucket of a latency in ms; what is below a millisecond is in bucket 0."""
    return int(math.log(ms) / _WIDTH) + 1 if ms >= 1 else 0


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """Return the latency in ms that this share (0 to 1) of those counted did not exceed, to within 5 %.

    None if nothing was counted.
    """
    wanted, seen = math.ceil(sum(counts.values()) * share), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted and counts[bucket]:
            return _middle_ms(bucket)
    return None


def _middle_ms(bucket: int) -> int:
    return round(math.exp((bucket - 0.5) * _WIDTH)) if bucket else 0
