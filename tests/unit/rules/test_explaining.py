"""Messages in plain words: every state, every reason and every delivery code has some."""

from __future__ import annotations

import pytest

from shared.rules.delivery_codes import DELIVERY_CODES
from shared.rules.explaining import explain
from shared.rules.reasons import REASONS, Reason
from shared.rules.states import State, Step


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_says_why_and_what_to_do(reason: Reason) -> None:
    step = Step(State.FAILED, 2, reason)
    told = explain([Step(State.SENDING, 1), step], step)
    info = REASONS[reason]
    assert (told.why, told.what_to_do) == (info.meaning, info.advice)
    assert info.meaning in told.timeline[-1].happened


@pytest.mark.parametrize("state", list(State))
def test_each_state_without_a_reason_has_words_too(state: State) -> None:
    step = Step(state, 1)
    told = explain([step], step)
    for sentence in (told.why, told.what_to_do, *(one.happened for one in told.timeline)):
        assert sentence.endswith(".")
        assert sentence[0].isupper()


@pytest.mark.parametrize("code", sorted(DELIVERY_CODES))
def test_each_delivery_code_is_told(code: str) -> None:
    known = DELIVERY_CODES[code]
    step = Step(State(known.outcome.value), 5, known.reason or "", code)
    assert explain([step], step).timeline[-1].happened.endswith(f"Delivery code {code}.")


def test_the_timeline_is_in_order_of_time_and_counts_the_tries() -> None:
    steps = [Step(State.QUEUED, 30, Reason.CARRIER_THROTTLED, round=1), Step(State.SENDING, 10), Step(State.SENT, 90)]
    told = explain(steps, steps[-1])
    assert [one.at_ms for one in told.timeline] == [10, 30, 90]
    assert "try 2" in told.timeline[1].happened
