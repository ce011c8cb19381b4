"""How long work waits between its tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.rules.back_off import pause_s


@given(st.integers(0, 100), st.binary(max_size=40))
def test_pauses_do_not_shrink_and_end_at_ten_minutes(tries: int, spread_by: bytes) -> None:
    now, later = (pause_s(count, spread_by, may_have_gone=False) for count in (tries, tries + 1))
    assert 5 <= now < 600
    assert later >= now // 2


@given(st.binary(max_size=40))
def test_what_may_have_gone_is_tried_at_least_nine_times_in_a_repeat_window(spread_by: bytes) -> None:
    window_s, tries = 240, 1
    while (window_s := window_s - pause_s(tries - 1, spread_by, may_have_gone=True)) >= 0:
        tries += 1
    assert tries >= 9


def test_what_failed_together_comes_back_apart() -> None:
    assert len({pause_s(4, bytes([one]), may_have_gone=False) for one in range(50)}) > 20
