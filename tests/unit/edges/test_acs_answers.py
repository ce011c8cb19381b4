"""Answers that no server gives on demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from azure.core.exceptions import ServiceRequestTimeoutError, ServiceResponseTimeoutError

from shared.edges.acs_answers import meaning, results
from shared.ports.carrier import Addressee, SendRequest
from shared.rules.errors import CarrierSilent, CarrierUnavailable

NOW = datetime(2026, 3, 14, tzinfo=UTC)
ADA = "+14255550101"
BEN = "+14255550102"


@dataclass(slots=True)
class Item:
    """One item of an answer."""

    to: str
    message_id: str | None
    http_status_code: int = 202
    successful: bool = True


def _request(*recipients: str) -> SendRequest:
    addressees = tuple(Addressee(to, f"id-{place}") for place, to in enumerate(recipients))
    return SendRequest("12345", "Hi", addressees, NOW, "tag")


def test_a_recipient_that_is_named_twice_is_matched_by_place() -> None:
    found = results(_request(ADA, BEN, ADA), [Item(ADA, "1"), Item(BEN, "2"), Item(ADA, "3")])

    assert found is not None
    assert [result.message_id for result in found] == ["1", "2", "3"]


def test_a_recipient_that_is_named_twice_cannot_be_matched_in_another_order() -> None:
    assert results(_request(ADA, BEN, ADA), [Item(ADA, "1"), Item(ADA, "2"), Item(BEN, "3")]) is None


def test_an_accepted_text_may_have_no_message_id() -> None:
    found = results(_request(ADA), [Item(ADA, "")])

    assert found is not None
    assert (found[0].accepted, found[0].message_id) == (True, None)


def test_a_connection_that_takes_too_long_has_sent_nothing() -> None:
    assert isinstance(meaning(ServiceRequestTimeoutError("…"), NOW), CarrierUnavailable)


def test_an_answer_that_takes_too_long_may_have_sent() -> None:
    assert isinstance(meaning(ServiceResponseTimeoutError("…"), NOW), CarrierSilent)
