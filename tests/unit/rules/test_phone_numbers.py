from __future__ import annotations

import pytest

from shared.rules.errors import InvalidPhoneNumber, InvalidRequest
from shared.rules.phone_numbers import (
    NumberProblem,
    SenderType,
    country_of,
    guess_sender_type,
    is_alphanumeric_sender,
    is_e164,
    is_short_code,
    normalize,
    normalize_from_event,
)


def _problem(raw: str, region: str | None = None) -> str:
    with pytest.raises(InvalidPhoneNumber) as caught:
        normalize(raw, region)
    return caught.value.code


@pytest.mark.parametrize(
    "written",
    [
        "+14255550123",
        "+1 (425) 555-0123",
        " +1 425.555.0123\n",
        "tel:+1-425-555-0123",
        "SMS:+14255550123",
        "＋１４２５５５５０１２３",
        "+1 ４２５ 555 ٠١٢٣",
        "\u202a+1 425 555 0123\u202c",
        "+1\u200b425\u200e5550123",
        "(+1) 425 555–0123",
    ],
)
def test_a_number_has_one_form_however_it_is_written(written: str) -> None:
    assert normalize(written) == "+14255550123"


@pytest.mark.parametrize("last_two", range(100))
def test_every_fictional_number_is_accepted(last_two: int) -> None:
    number = f"+142555501{last_two:02}"
    assert normalize(number) == number


@pytest.mark.parametrize("number", [f"+4477009009{n:02}" for n in (0, 38, 70, 99)])
def test_numbers_set_aside_for_drama_in_britain_are_accepted(number: str) -> None:
    assert normalize(number) == number


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("(425) 555-0123", "US", "+14255550123"),
        ("1 425 555 0123", "us", "+14255550123"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("00 44 20 7946 0958", "GB", "+442079460958"),
        ("442079460958", "GB", "+442079460958"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("391 234 5678", "IT", "+393912345678"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
        ("+1 425 555 0123", "GB", "+14255550123"),
    ],
)
def test_the_national_form_is_read_as_dialed_in_the_region(written: str, region: str, expected: str) -> None:
    assert normalize(written, region) == expected


@pytest.mark.parametrize(
    ("written", "region", "problem"),
    [
        ("", None, NumberProblem.NOT_A_NUMBER),
        ("+", None, NumberProblem.NOT_A_NUMBER),
        ("CONTOSO", None, NumberProblem.NOT_A_NUMBER),
        ("+1 800 FLOWERS", None, NumberProblem.NOT_A_NUMBER),
        ("call +14255550123", None, NumberProblem.NOT_A_NUMBER),
        ("+14255550123@example.org", None, NumberProblem.NOT_A_NUMBER),
        ("+14255550123²", None, NumberProblem.NOT_A_NUMBER),
        ("+1 425 555 0123, +1 425 555 0124", None, NumberProblem.NOT_A_NUMBER),
        ("tel:5550123;phone-context=+1425", None, NumberProblem.NOT_A_NUMBER),
        ("+1" + " " * 100 + "4255550123", None, NumberProblem.NOT_A_NUMBER),
        ("1" * 100_000, None, NumberProblem.NOT_A_NUMBER),
        ("4255550123", None, NumberProblem.MISSING_COUNTRY_CODE),
        ("14255550123", None, NumberProblem.MISSING_COUNTRY_CODE),
        ("0044 20 7946 0958", None, NumberProblem.MISSING_COUNTRY_CODE),
        ("+999123456789", None, NumberProblem.UNKNOWN_COUNTRY_CODE),
        ("+1425555012", None, NumberProblem.TOO_SHORT),
        ("555-0123", "US", NumberProblem.TOO_SHORT),
        ("+4", None, NumberProblem.NOT_A_NUMBER),
        ("+44", None, NumberProblem.NOT_A_NUMBER),
        ("+441", None, NumberProblem.TOO_SHORT),
        ("+142555501234", None, NumberProblem.TOO_LONG),
        ("+6210000000000000", None, NumberProblem.TOO_LONG),
        ("+14255550123456789012", None, NumberProblem.TOO_LONG),
        ("+1 425 555 0123/4", None, NumberProblem.TOO_LONG),
        ("+1 555 0123", None, NumberProblem.TOO_SHORT),
        ("+7 912 345 67 89 01", None, NumberProblem.NOT_POSSIBLE),
        ("+112345678901", None, NumberProblem.EXTRA_DIGITS),
        ("112345678901", "US", NumberProblem.EXTRA_DIGITS),
        ("+44 (0)20 7946 0958", None, NumberProblem.EXTRA_DIGITS),
        ("011 15 2345-6789", "AR", NumberProblem.EXTRA_DIGITS),
        ("00 247 40000", "HK", NumberProblem.EXTRA_DIGITS),
        ("62812345000", "ID", NumberProblem.MISSING_COUNTRY_CODE),
        ("0011 44 20 7946 0958", "AU", NumberProblem.EXTRA_DIGITS),
        ("+14255550123 ext 5", None, NumberProblem.HAS_EXTENSION),
        ("+14255550123x5", None, NumberProblem.HAS_EXTENSION),
        ("tel:+1-425-555-0123;ext=5", None, NumberProblem.HAS_EXTENSION),
        ("(425) 555-0123 #55", "US", NumberProblem.HAS_EXTENSION),
        ("911", None, NumberProblem.SHORT_NUMBER),
        ("911", "US", NumberProblem.SHORT_NUMBER),
        ("112", "GB", NumberProblem.SHORT_NUMBER),
        ("999", "GB", NumberProblem.SHORT_NUMBER),
        ("+1 911", None, NumberProblem.SHORT_NUMBER),
        ("12345", None, NumberProblem.SHORT_NUMBER),
        ("123456", None, NumberProblem.SHORT_NUMBER),
    ],
)
def test_what_cannot_be_texted_is_refused_with_its_reason(
    written: str, region: str | None, problem: NumberProblem
) -> None:
    assert _problem(written, region) == problem


def test_a_refusal_is_an_invalid_request_that_says_what_to_do() -> None:
    with pytest.raises(InvalidPhoneNumber) as caught:
        normalize("4255550123")
    assert isinstance(caught.value, InvalidRequest)
    assert caught.value.message == "The country code is missing: begin with + and the country code."
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("15555555555", "+15555555555"),
        ("+15555555555", "+15555555555"),
        (" 15555555555 ", "+15555555555"),
        ("1 (555) 555-5555", "+15555555555"),
        ("112345678901", "+112345678901"),
        ("+491234", "+491234"),
        ("12345", "12345"),
        (" 123456\n", "123456"),
        ("CONTOSO", "CONTOSO"),
        (" Contoso 24 ", "Contoso 24"),
        ("1234", "1234"),
        ("0123456789", "0123456789"),
        ("1" * 16, "1" * 16),
        ("", ""),
        ("+", "+"),
        ("anonymous", "anonymous"),
    ],
)
def test_a_number_from_an_event_gets_the_one_form_and_odd_input_stays(raw: str, expected: str) -> None:
    assert normalize_from_event(raw) == expected


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+14255550123", "US"),
        ("+15555555555", "US"),
        ("+18005550100", "US"),
        ("+16135550123", "CA"),
        ("+18765550123", "JM"),
        ("+447700900123", "GB"),
        ("+390612345678", "IT"),
        ("+80012345678", None),
        ("+881612345678", None),
        ("+999123456789", None),
        ("12345", None),
        ("CONTOSO", None),
        ("call +14255550123", None),
    ],
)
def test_the_country_of_a_number(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12345", True),
        ("123456", True),
        ("1234", False),
        ("1234567", False),
        ("+12345", False),
        ("12345\n", False),
        ("１２３４５", False),
        ("", False),
    ],
)
def test_a_short_code_is_five_or_six_digits(value: str, expected: bool) -> None:
    assert is_short_code(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("CONTOSO", True),
        ("Contoso 24", True),
        ("a+b-c_d&e f", True),
        ("12345678901", False),
        ("1234567890a", True),
        ("12345678901a", False),
        ("", False),
        ("Bücher", False),
        ("A\n", False),
    ],
)
def test_an_alphanumeric_sender_has_a_letter_and_at_most_eleven_characters(value: str, expected: bool) -> None:
    assert is_alphanumeric_sender(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+14255550123", True),
        ("+" + "1" * 15, True),
        ("+" + "1" * 16, False),
        ("+04255550123", False),
        ("14255550123", False),
        ("+1 4255550123", False),
        ("+1425555012３", False),
        ("+1\n", False),
    ],
)
def test_e164_is_a_plus_and_up_to_fifteen_digits(value: str, expected: bool) -> None:
    assert is_e164(value) is expected


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("+18005550100", SenderType.TOLL_FREE),
        ("+18015550100", SenderType.TEN_DLC),
        ("+14255550123", SenderType.TEN_DLC),
        ("+447700900123", SenderType.MOBILE),
        ("+448005550100", SenderType.MOBILE),
        ("12345", SenderType.SHORT_CODE),
        ("CONTOSO", SenderType.ALPHANUMERIC),
    ],
)
def test_a_sender_type_is_guessed_by_its_looks(sender: str, expected: SenderType) -> None:
    assert guess_sender_type(sender) is expected


@pytest.mark.parametrize("code", [800, 833, 844, 855, 866, 877, 888])
def test_each_toll_free_area_code_is_known(code: int) -> None:
    assert guess_sender_type(f"+1{code}5550100") is SenderType.TOLL_FREE


@pytest.mark.parametrize("sender", ["", "14255550123", "a name too long", "Bücher"])
def test_what_no_sender_looks_like_is_refused(sender: str) -> None:
    with pytest.raises(InvalidPhoneNumber) as caught:
        guess_sender_type(sender)
    assert caught.value.code == NumberProblem.INVALID_SENDER
