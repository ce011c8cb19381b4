"""Latencies in buckets: they add up, and a percentile is right to within five percent."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.latencies import bucket_of, percentile


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_right_to_within_five_percent(measured: list[int], share: float) -> None:
    found = percentile(Counter(map(bucket_of, measured)), share)
    ordered = sorted(measured)
    true = ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]
    assert found is not None
    assert abs(found - true) <= max(1, true * 0.0501)


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile({}, 0.5) is None


@pytest.mark.parametrize("ms", [0, -5])
def test_what_took_no_time_is_zero(ms: int) -> None:
    assert percentile({bucket_of(ms): 1}, 0.99) == 0
