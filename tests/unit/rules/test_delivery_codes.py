from __future__ import annotations

import pytest

from shared.rules.delivery_codes import DELIVERY_CODES, DeliveryCode, Outcome, parse_outcome
from shared.rules.reasons import Reason

OPTED_OUT = DELIVERY_CODES["4007"]


@pytest.mark.parametrize(
    ("code", "outcome", "reason", "retryable"),
    [
        ("2000", Outcome.DELIVERED, None, False),
        ("4000", Outcome.FAILED, Reason.BLOCKED_AS_FRAUD, False),
        ("4001", Outcome.FAILED, Reason.INVALID_SENDER, False),
        ("4002", Outcome.FAILED, Reason.INVALID_RECIPIENT, False),
        ("4003", Outcome.FAILED, Reason.UNSUPPORTED_DESTINATION, False),
        ("4004", Outcome.FAILED, Reason.NUMBER_DOES_NOT_EXIST, False),
        ("4005", Outcome.FAILED, Reason.BLOCKED_BY_CARRIER, False),
        ("4006", Outcome.FAILED, Reason.UNREACHABLE, True),
        ("4007", Outcome.FAILED, Reason.OPTED_OUT_AT_CARRIER, False),
        ("4008", Outcome.FAILED, Reason.OVER_PROFILE_LIMIT, True),
        ("4009", Outcome.FAILED, Reason.ACCOUNT_BLOCKED, False),
        ("4010", Outcome.FAILED, Reason.SENDER_NOT_VERIFIED, False),
        ("4020", Outcome.FAILED, Reason.VOLUME_VIOLATION, True),
        ("5000", Outcome.FAILED, Reason.SERVICE_FAILURE, False),
        ("5001", Outcome.FAILED, Reason.SERVICE_UNAVAILABLE, True),
        ("5002", Outcome.UNKNOWN, Reason.NO_DELIVERY_REPORT, False),
        ("9999", Outcome.FAILED, Reason.UNKNOWN_FAILURE, True),
    ],
)
def test_each_code_of_the_service_is_classified(
    code: str, outcome: Outcome, reason: Reason | None, retryable: bool
) -> None:
    expected = DeliveryCode(code, outcome, reason, retryable, suppresses=code == "4007")
    assert DELIVERY_CODES[code] == expected
    status = "Delivered" if code == "2000" else "Failed"
    assert parse_outcome(status, f"{code}: whatever the text") == expected


def test_the_table_holds_nothing_else() -> None:
    assert len(DELIVERY_CODES) == 17


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("Delivered", "No error.", "2000"),
        ("Delivered", "2000: No Error", "2000"),
        ("Delivered", None, "2000"),
        (" delivered ", "", "2000"),
        ("Failed", "ErrorCode: 5002. ErrorMessage: Message Delivery Timeout", "5002"),
        ("FAILED", "ErrorCode:4004", "4004"),
        ("Failed", "errorcode=4006;", "4006"),
        ("Failed", "(4005)", "4005"),
        ("Failed", "Sender blocked for given recipient.", "4007"),
        ("Failed", "5000: SENDER BLOCKED FOR GIVEN RECIPIENT", "4007"),
        ("Failed", None, "9999"),
        ("Failed", "", "9999"),
        ("Failed", "Something new", "9999"),
        ("Failed", "at 2025-08-12T14:40:00Z", "9999"),
        ("Failed", "trace 3f4004ab", "9999"),
        ("Failed", "trace ab4004", "9999"),
        ("Failed", "40041", "9999"),
        ("Failed", "14004", "9999"),
    ],
)
def test_reports_as_the_service_writes_them_are_read(status: str, details: str | None, code: str) -> None:
    assert parse_outcome(status, details) == DELIVERY_CODES[code]


@pytest.mark.parametrize("code", ["4795", "4999", "5003"])
def test_an_unknown_code_keeps_its_number_and_is_treated_as_9999(code: str) -> None:
    expected = DeliveryCode(code, Outcome.FAILED, Reason.UNKNOWN_FAILURE, retryable=True)
    assert parse_outcome("Failed", f"{code}: tfn-not-verified") == expected


@pytest.mark.parametrize("details", ["4004: no such number", "5002", "9999"])
def test_delivered_wins_over_a_code_that_disagrees(details: str) -> None:
    assert parse_outcome("Delivered", details) == DELIVERY_CODES["2000"]


@pytest.mark.parametrize("details", ["2000: No Error", "No error."])
def test_failed_wins_over_a_text_of_success(details: str) -> None:
    assert parse_outcome("Failed", details) == DELIVERY_CODES["9999"]


@pytest.mark.parametrize("status", ["Failed", "Delivered", "Expired", ""])
@pytest.mark.parametrize("details", ["4007", "5000, then 4007", "Sender blocked for given recipient."])
def test_an_opt_out_is_never_lost(status: str, details: str) -> None:
    assert parse_outcome(status, details) == OPTED_OUT


@pytest.mark.parametrize("status", ["", "Queued", "DeliveredMaybe", "配信済み"])
def test_an_unknown_status_is_an_unknown_outcome_that_is_not_retried(status: str) -> None:
    unclear = DeliveryCode("9999", Outcome.UNKNOWN, Reason.REPORT_UNCLEAR)
    assert parse_outcome(status, None) == unclear
    assert parse_outcome(status, "4004").code == "4004"
    assert parse_outcome(status, "4004").outcome is Outcome.UNKNOWN


def test_only_an_opt_out_suppresses() -> None:
    assert [row.code for row in DELIVERY_CODES.values() if row.suppresses] == ["4007"]


def test_a_possible_delivery_is_never_retried() -> None:
    assert not any(row.retryable for row in DELIVERY_CODES.values() if row.outcome is not Outcome.FAILED)
