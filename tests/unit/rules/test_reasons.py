from __future__ import annotations

import re

import pytest

from shared.rules.reasons import REASONS, Reason, ReasonKind, describe


def test_every_reason_is_in_the_table_under_its_own_code() -> None:
    assert list(REASONS) == list(Reason)
    assert all(info.code is reason for reason, info in REASONS.items())


@pytest.mark.parametrize("reason", Reason)
def test_meaning_and_advice_are_one_sentence_each(reason: Reason) -> None:
    for sentence in (REASONS[reason].meaning, REASONS[reason].advice):
        assert re.fullmatch(r"[A-Z](?!.*[.!?] ).{12,}[^.!?]\.", sentence)


@pytest.mark.parametrize("reason", Reason)
def test_codes_are_camel_case(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", reason.value)


def test_no_two_reasons_say_the_same() -> None:
    assert len({info.meaning for info in REASONS.values()}) == len(REASONS)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.OPTED_OUT, ReasonKind.POLICY),
        (Reason.OPTED_OUT_AT_CARRIER, ReasonKind.POLICY),
        (Reason.INVALID_NUMBER, ReasonKind.PERMANENT),
        (Reason.NUMBER_DOES_NOT_EXIST, ReasonKind.PERMANENT),
        (Reason.CARRIER_THROTTLED, ReasonKind.TEMPORARY),
        (Reason.CARRIER_REFUSED, ReasonKind.TECHNICAL),
        (Reason.CARRIER_SILENT, ReasonKind.NONE),
        (Reason.NO_DELIVERY_REPORT, ReasonKind.NONE),
    ],
)
def test_the_kind_says_who_can_do_something(reason: Reason, kind: ReasonKind) -> None:
    assert REASONS[reason].kind is kind


def test_a_stored_code_is_described() -> None:
    assert describe("optedOut") is REASONS[Reason.OPTED_OUT]


@pytest.mark.parametrize("code", [None, "", "OptedOut", "somethingElse"])
def test_no_reason_and_an_unknown_one_are_not_described(code: str | None) -> None:
    assert describe(code) is None
