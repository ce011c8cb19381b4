"""Whether a delivery rate has dropped."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.rules.delivery_rates import Arrivals, has_dropped, has_recovered


@st.composite
def arrivals(draw: st.DrawFn, most: int = 100_000) -> Arrivals:
    settled = draw(st.integers(0, most))
    return Arrivals(draw(st.integers(0, settled)), settled)


@given(arrivals(), arrivals())
def test_a_rate_that_has_dropped_has_not_recovered(now: Arrivals, before: Arrivals) -> None:
    assert not (has_dropped(now, before) and has_recovered(now, before.rate))


@given(arrivals(), arrivals(), st.integers(1, 1000))
def test_a_lower_rate_of_as_many_texts_is_a_drop_too(now: Arrivals, before: Arrivals, fewer: int) -> None:
    lower = Arrivals(max(0, now.delivered - fewer), now.settled)
    if has_dropped(now, before) and before.rate >= 0.5 and lower.rate <= now.rate:
        assert has_dropped(lower, before)


@given(arrivals(), arrivals(49))
def test_few_texts_say_nothing(before: Arrivals, now: Arrivals) -> None:
    assert not has_dropped(now, before)
    assert not has_recovered(now, before.rate)


def test_chance_alone_hardly_ever_looks_like_a_drop() -> None:
    seed, looks = 20261126, 5_000
    print(f"seed {seed}, {looks} looks")
    choice = random.Random(seed)
    before = Arrivals(9_500, 10_000)
    false = sum(
        has_dropped(Arrivals(sum(choice.random() < 0.95 for _ in range(100)), 100), before) for _ in range(looks)
    )
    assert false < looks / 200
