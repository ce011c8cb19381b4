"""Which text gets which automatic answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from shared.rules.auto_replies import AutoReplies, AutoReplyRule, OfficeHours, fits, is_time_zone

OURS, OTHER = "+18005550100", "12345"
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = OfficeHours(WEEK, "09:00-17:00", "America/New_York")
# A Thursday; New York is at UTC-5 then.
OPEN, BEFORE, AFTER = (
    datetime(2026, 11, 26, hour, minute, tzinfo=UTC) for hour, minute in ((14, 0), (13, 59), (22, 0))
)
SATURDAY = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)


def answer(rule: AutoReplyRule, text: str, sender: str = OURS) -> str:
    """Return the answer of one rule."""
    return AutoReplies((rule,)).answer_to(text, sender, OPEN)


@pytest.mark.parametrize("text", ["HOURS", "hours", " Hours! ", "ＨＯＵＲＳ", "«hours»"])
def test_a_keyword_is_the_whole_text_in_any_spelling(text: str) -> None:
    assert answer(AutoReplyRule("9 to 5", keyword="Hours"), text) == "9 to 5"


@pytest.mark.parametrize("text", ["", "hour", "your hours", "hours?please", "hours " * 100])
def test_a_keyword_is_not_a_part_of_a_text(text: str) -> None:
    assert answer(AutoReplyRule("9 to 5", keyword="hours"), text) == ""


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*", ""),
        ("*", "anything\nat all"),
        ("*price*", "What is the PRICE of it?"),
        ("where*", "Where are you?"),
        ("*you?", "where are you?"),
        ("a*a", "aa"),
        ("a*b*c", "a b b c"),
        ("order  *", "order \n 12"),
        ("**x**", "x"),
        ("[a-z].", "[A-Z]."),
    ],
)
def test_a_pattern_fits(pattern: str, text: str) -> None:
    assert fits(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("price", "the price"),
        ("where*", "so where"),
        ("*you?", "you? yes"),
        ("a*a", "a"),
        ("ab*ba", "aba"),
        ("a*b*b*c", "a b c"),
        ("a*c*b", "a b c b c"),
        ("[a-z].", "x."),
        (".*", "x"),
    ],
)
def test_a_pattern_does_not_fit(pattern: str, text: str) -> None:
    assert not fits(pattern, text)


def test_a_pattern_that_would_hang_a_regular_expression_takes_no_time() -> None:
    pattern, text = "*a" * 31 + "*b", "a" * 200_000
    began = time.process_time()
    assert not fits(pattern, text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("text", ["STOP", "start", "Help", "INFO", "unsubscribe", "opt-out"])
def test_no_rule_answers_a_word_of_the_networks(text: str) -> None:
    assert answer(AutoReplyRule("all", pattern="*"), text) == ""
    closed = AutoReplies((), OFFICE, "closed")
    assert closed.answer_to(text, OURS, SATURDAY) == ""


def test_the_first_rule_for_a_text_answers_it() -> None:
    rules = AutoReplies((AutoReplyRule("one", keyword="a"), AutoReplyRule("two", pattern="*")))
    assert [rules.answer_to(text, OURS, OPEN) for text in ("a", "b")] == ["one", "two"]


def test_a_rule_of_a_sender_is_for_texts_to_it_alone() -> None:
    rule = AutoReplyRule("hello", pattern="*", sender=OURS)
    assert [answer(rule, "x", sender) for sender in (OURS, OURS[1:], OTHER)] == ["hello", "hello", ""]


@pytest.mark.parametrize(("at", "is_open"), [(OPEN, True), (BEFORE, False), (AFTER, False), (SATURDAY, False)])
def test_office_hours_are_by_the_clocks_of_the_office(at: datetime, is_open: bool) -> None:
    assert OFFICE.hold(at) is is_open
    always = AutoReplyRule("always", keyword="a")
    in_hours = AutoReplyRule("in hours", keyword="b", office_hours_only=True)
    rules = AutoReplies((always, in_hours), OFFICE, "closed")
    told = [rules.answer_to(text, OURS, at) for text in ("a", "b", "c")]
    assert told == (["always", "in hours", ""] if is_open else ["always", "closed", "closed"])


def test_the_office_opens_an_hour_earlier_in_utc_in_summer() -> None:
    assert OFFICE.hold(datetime(2026, 7, 2, 13, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Europe/Berlin", True),
        ("UTC", True),
        ("America", False),
        ("../UTC", False),
        ("Mars/Base", False),
        ("a\0", False),
    ],
)
def test_time_zones_are_those_of_iana(name: str, known: bool) -> None:
    assert is_time_zone(name) is known
