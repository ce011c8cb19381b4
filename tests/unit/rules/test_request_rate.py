"""How often a caller may call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.rules.request_rate import next_call

_SECOND = 1_000_000


def admitted(calls_us: list[int], per_minute: int) -> list[int]:
    """Return those of these calls that are admitted, by their times."""
    due, found = 0, []
    for at in calls_us:
        due, wait = next_call(due, at, per_minute)
        if not wait:
            found.append(at)
    return found


def test_ten_seconds_worth_may_come_at_once_and_then_one_at_a_time() -> None:
    at_once = admitted([0] * 50, 60)
    assert len(at_once) == 10
    assert len(admitted([0] * 50 + [_SECOND] * 5, 60)) == 11


def test_the_wait_is_over_when_it_says() -> None:
    due = 0
    for _ in range(10):
        due, wait = next_call(due, 0, 60)
        assert wait == 0
    _, wait = next_call(due, 0, 60)
    assert wait == _SECOND
    assert next_call(due, wait, 60)[1] == 0


def test_a_slow_rate_admits_the_first_call() -> None:
    assert admitted([0, _SECOND], 1) == [0]


@given(st.integers(1, 600), st.lists(st.integers(0, 300 * _SECOND), max_size=300))
def test_no_minute_has_more_calls_than_its_rate_and_a_burst(per_minute: int, calls: list[int]) -> None:
    found = admitted(sorted(calls), per_minute)
    for first in found:
        within = sum(first <= at < first + 60 * _SECOND for at in found)
        assert within <= per_minute + per_minute // 6 + 1
