"""The arithmetic of `bench pace`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._windows import Sent, least_in_window, most_in_window, share_used


def _every_second(count: int, units: int) -> list[Sent]:
    return [Sent(float(second), units) for second in range(count)]


def test_a_window_holds_the_requests_later_than_its_start_up_to_its_end() -> None:
    requests = [Sent(0, 10), Sent(60, 20), Sent(60.001, 5)]

    assert most_in_window(requests, 60) == 25


def test_the_fullest_window_may_begin_anywhere() -> None:
    requests = [Sent(0, 1), Sent(50, 100), Sent(105, 100), Sent(200, 1)]

    assert most_in_window(requests, 60) == 200


def test_a_steady_rate_fills_every_window_alike() -> None:
    requests = _every_second(181, 99)

    assert most_in_window(requests, 60) == 60 * 99
    assert least_in_window(requests, 60) == 60 * 99


def test_a_pause_shows_in_the_emptiest_window() -> None:
    requests = [one for one in _every_second(181, 10) if not 70 <= one.at_s < 100]

    assert least_in_window(requests, 60) == 300


def test_the_end_of_the_work_is_no_pause() -> None:
    assert least_in_window(_every_second(59, 10), 60) is None
    assert least_in_window([], 60) is None


def test_the_share_of_a_full_rate_is_one() -> None:
    assert share_used(_every_second(181, 100), 6_000) == pytest.approx(1)


def test_the_share_counts_the_time_from_the_first_request_to_the_last() -> None:
    assert share_used([Sent(0, 50), Sent(30, 50)], 200) == pytest.approx(0.5)


@pytest.mark.parametrize("requests", [[], [Sent(5, 100)]])
def test_nothing_is_used_in_no_time(requests: list[Sent]) -> None:
    assert share_used(requests, 200) == 0


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 100)), min_size=1, max_size=40))
def test_the_fullest_window_is_found_as_by_looking_at_every_moment(drawn: list[tuple[int, int]]) -> None:
    requests = [Sent(float(at), units) for at, units in sorted(drawn)]

    by_looking = max(sum(one.units for one in requests if end - 60 < one.at_s <= end) for end in range(301))

    assert most_in_window(requests, 60) == by_looking
