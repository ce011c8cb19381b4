from __future__ import annotations

import re
from typing import Any

import phonenumbers
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shared.rules.errors import InvalidPhoneNumber
from shared.rules.phone_numbers import (
    NumberProblem,
    country_of,
    guess_sender_type,
    is_alphanumeric_sender,
    is_e164,
    is_short_code,
    normalize,
    normalize_from_event,
)

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
FULL_WIDTH = str.maketrans("+0123456789-()", "＋０１２３４５６７８９－（）")

digits = st.text("0123456789", min_size=1, max_size=18)
separators = st.sampled_from(["", " ", "-", ".", "\u00a0", " - ", "\u200b", "\u2011", "/"])
# Whatever a caller may put into the field: numbers of all lengths, decorated, and plain noise.
written = st.one_of(
    digits.map(lambda d: f"+{d}"),
    digits,
    st.from_regex(r"\A(tel:)?\+?[0-9() .x#;=ext/-]{1,30}\Z"),
    st.text(max_size=80),
    st.text(st.characters(categories=["Nd", "Pd", "Ps", "Pe", "Zs", "Cf"], include_characters="+"), max_size=40),
)
regions = st.one_of(st.none(), st.sampled_from(REGIONS))


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Draw a well-formed number of any country: its example number with other last digits."""
    kind = draw(st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]))
    found = phonenumbers.example_number_for_type(draw(st.sampled_from(REGIONS)), kind)
    assume(found)
    assert found is not None
    e164 = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    return e164[:-3] + draw(st.text("0123456789", min_size=3, max_size=3))


def _accepted(raw: str, region: str | None = None) -> str | None:
    try:
        return normalize(raw, region)
    except InvalidPhoneNumber:
        return None


@given(raw=written, region=regions)
@settings(max_examples=400, deadline=None)
@example(raw="+112345678901", region=None)
@example(raw="911", region="US")
@example(raw="+1425555012x", region=None)
def test_a_number_is_normalized_or_refused_with_a_reason_that_does_not_tell_it(raw: str, region: str | None) -> None:
    refusal: InvalidPhoneNumber | None = None
    try:
        assert is_e164(normalize(raw, region))
    except InvalidPhoneNumber as caught:
        refusal = caught
    if refusal is not None:
        assert refusal.code in set(NumberProblem)
        assert not re.search(r"\d", str(refusal))
        assert refusal.__cause__ is None


@given(raw=st.one_of(written, numbers(), numbers().map(lambda number: number[2:])), region=regions)
@settings(max_examples=400, deadline=None)
def test_normalizing_twice_changes_nothing(raw: str, region: str | None) -> None:
    number = _accepted(raw, region)
    if number is not None:
        assert normalize(number) == number
        assert normalize(number, region) == number
        assert normalize_from_event(number) == number


@given(number=numbers())
@settings(max_examples=300, deadline=None)
def test_numbers_of_every_country_stay_as_they_are(number: str) -> None:
    accepted = _accepted(number)
    assert accepted in (number, None)
    assert accepted == number or not phonenumbers.is_valid_number(phonenumbers.parse(number))


@given(raw=st.one_of(written, numbers()))
@settings(max_examples=300, deadline=None)
def test_no_digit_of_an_international_number_is_dropped_or_added(raw: str) -> None:
    number = _accepted(raw)
    assert number is None or number == "+" + "".join(str(int(ch)) for ch in raw if ch.isdecimal())


@given(number=numbers(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_separators_full_width_and_a_uri_scheme_make_no_difference(number: str, data: st.DataObject) -> None:
    parts = [ch + data.draw(separators) for ch in number[:-1]] + [number[-1]]
    decorated = data.draw(st.sampled_from(["", "tel:", " ", "\u202a"])) + "".join(parts)
    if data.draw(st.booleans()):
        decorated = decorated.translate(FULL_WIDTH)
    assume(len(decorated) <= 64)
    assert _accepted(decorated) == _accepted(number)


@given(region=st.sampled_from(REGIONS), number=numbers())
@settings(max_examples=200, deadline=None)
@example(region="HK", number="+24740000")
@example(region="ID", number="+62812345000")
def test_the_national_form_means_the_same_number_or_is_refused(region: str, number: str) -> None:
    parsed: Any = phonenumbers.parse(number)
    home = phonenumbers.region_code_for_number(parsed)
    assume(home is not None)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert _accepted(national, home) in (number, None)
    assert _accepted(number[1:], home) in (number, None)
    abroad = phonenumbers.format_out_of_country_calling_number(parsed, region)
    assert _accepted(abroad, region) in (number, None)


@given(raw=st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_an_event_holds_is_taken_and_settles_at_once(raw: str) -> None:
    once = normalize_from_event(raw)
    assert normalize_from_event(once) == once


@given(number=numbers())
@settings(max_examples=200, deadline=None)
def test_an_event_number_without_its_plus_is_the_same_number(number: str) -> None:
    assert normalize_from_event(number[1:]) == number
    assert normalize_from_event(f" {number} ") == number


@given(name=st.from_regex(r"[A-Za-z0-9+_&-]{0,5}[A-Za-z][A-Za-z0-9+_&-]{0,5}", fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_an_alphanumeric_sender_in_an_event_stays_as_it_is(name: str) -> None:
    assert is_alphanumeric_sender(name)
    assert normalize_from_event(name) == name


@given(value=st.one_of(written, numbers(), st.text("0123456789", min_size=5, max_size=6)))
@settings(max_examples=200, deadline=None)
def test_a_sender_has_a_type_exactly_when_it_has_a_senders_form(value: str) -> None:
    has_form = is_e164(value) or is_short_code(value) or is_alphanumeric_sender(value)
    try:
        guess_sender_type(value)
    except InvalidPhoneNumber:
        assert not has_form
    else:
        assert has_form


@given(value=st.one_of(written, numbers()))
@settings(max_examples=200, deadline=None)
def test_a_country_is_two_letters_or_none(value: str) -> None:
    country = country_of(value)
    assert country is None or re.fullmatch(r"[A-Z]{2}", country)


@given(number=numbers())
@settings(max_examples=200, deadline=None)
def test_the_country_belongs_to_the_country_code(number: str) -> None:
    country = country_of(number)
    assert country is not None
    assert number.startswith(f"+{phonenumbers.country_code_for_region(country)}")
