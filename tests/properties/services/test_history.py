"""A message's history: whatever order its steps come in, and however often, it says the same."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from shared.rules.states import History, State, Step

STEPS = st.builds(
    Step,
    st.sampled_from(State),
    st.integers(0, 5),
    st.sampled_from(["", "unreachable", "interrupted"]),
    st.sampled_from(["", "2000", "4006"]),
)


def history(steps: list[Step]) -> History:
    """Return the history of these steps, added one by one."""
    return reduce(History.add, steps[1:], History((steps[0],)))


@given(st.lists(STEPS, min_size=1, max_size=8).flatmap(lambda steps: st.tuples(st.just(steps), st.permutations(steps))))
def test_steps_added_in_any_order_make_the_same_history(pair: tuple[list[Step], list[Step]]) -> None:
    one, other = pair
    assert history(one) == history(other)
    assert history(one).current == history(other).current


@given(st.lists(STEPS, min_size=1, max_size=8))
def test_steps_added_again_change_nothing(steps: list[Step]) -> None:
    once = history(steps)
    assert history(steps + steps[::-1]) == once
    assert reduce(History.add, once.steps, once) == once


@given(st.lists(STEPS, min_size=1, max_size=6), st.lists(STEPS, min_size=1, max_size=6))
def test_histories_merge_the_same_from_either_side(one: list[Step], other: list[Step]) -> None:
    left = reduce(History.add, history(other).steps, history(one))
    right = reduce(History.add, history(one).steps, history(other))
    assert left == right == history(one + other)


@given(st.lists(STEPS, min_size=1, max_size=8), STEPS)
def test_a_state_never_goes_back(steps: list[Step], step: Step) -> None:
    before = history(steps)
    assert before.add(step).current.order >= before.current.order
    assert before.add(step).current.order >= step.order


@given(st.lists(STEPS, min_size=1, max_size=8))
def test_a_history_is_stored_and_read_back_as_it_was(steps: list[Step]) -> None:
    assert History.from_json(history(steps).to_json()) == history(steps)
