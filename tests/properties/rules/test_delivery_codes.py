from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.rules.delivery_codes import DELIVERY_CODES, Outcome, parse_outcome
from shared.rules.reasons import REASONS

CODES = sorted(DELIVERY_CODES)

codes = st.one_of(st.sampled_from(CODES), st.integers(0, 99_999).map(str))
statuses = st.one_of(st.sampled_from(["Delivered", "Failed", "delivered", " FAILED ", "Queued", ""]), st.text())
details = st.one_of(
    st.none(),
    st.text(),
    st.builds(str.__add__, codes, st.sampled_from([": No Error", "", " - x", "x"])),
    st.builds("ErrorCode: {}. ErrorMessage: {}".format, codes, st.text(max_size=20)),
    st.builds("{}{}{}".format, st.text(max_size=10), codes, st.text(max_size=10)),
)


@given(status=statuses, details=details)
@settings(max_examples=500, deadline=None)
@example(status="Failed", details="4007")
@example(status="Failed", details="\ud800")
def test_every_report_has_an_outcome_whose_reason_is_in_the_table(status: str, details: str | None) -> None:
    found = parse_outcome(status, details)
    assert found.outcome in set(Outcome)
    assert (found.reason is None) is (found.outcome is Outcome.DELIVERED)
    assert found.reason is None or found.reason in REASONS
    assert len(found.code) == 4
    assert found.code in DELIVERY_CODES or found.code in (details or "")


@given(status=statuses, details=details)
@settings(max_examples=300, deadline=None)
def test_a_message_that_may_have_arrived_is_neither_retried_nor_counted_as_an_opt_out(
    status: str, details: str | None
) -> None:
    found = parse_outcome(status, details)
    if found.outcome is not Outcome.FAILED:
        assert not found.retryable
        assert not found.suppresses


@given(
    status=st.sampled_from(["Delivered", "Failed", "Queued", ""]),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    words=st.sampled_from([" 4007 ", "Sender Blocked For Given Recipient."]),
)
@settings(max_examples=200, deadline=None)
def test_an_opt_out_anywhere_in_the_details_is_found(status: str, before: str, after: str, words: str) -> None:
    assert parse_outcome(status, before + words + after) == DELIVERY_CODES["4007"]


@given(code=st.sampled_from(CODES), status=st.sampled_from(["failed", "FAILED", " Failed\n"]))
@settings(max_examples=60, deadline=None)
def test_the_case_of_the_status_makes_no_difference(code: str, status: str) -> None:
    assert parse_outcome(status, code) == parse_outcome("Failed", code)
