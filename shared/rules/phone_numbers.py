"""Phone numbers and senders: one spelling for each, E.164 for numbers.

`normalize` is strict, for what people and programs ask us to text. `normalize_from_event` never refuses, for
what ACS reports. Number plans come from Google's libphonenumber (package `phonenumbers`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, ValidationResult

from shared.rules.errors import InvalidPhoneNumber

# Longer than any way to write a number; keeps the work small whatever comes in.
_MAX_WRITTEN = 64
# Short codes and emergency numbers are no longer than this.
_MAX_SHORT_NUMBER = 6

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_SHORT_CODE = re.compile(r"[0-9]{5,6}")
_ALPHANUMERIC = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")
_URI_SCHEME = re.compile(r"\s*(?:tel|sms):", re.IGNORECASE)
_EVENT_NUMBER = re.compile(r"\+?[\d\s().-]+")
# North American Numbering Plan: toll-free area codes (nationalnanpa.com).
_TOLL_FREE = re.compile(r"\+1(?:800|833|844|855|866|877|888)[0-9]{7}")
_PUNCTUATION = frozenset("+＋./．／~～")


class SenderType(StrEnum):
    """The kinds of sender that ACS knows; limits and opt-out handling depend on it."""

    TOLL_FREE = "tollFree"
    SHORT_CODE = "shortCode"
    ALPHANUMERIC = "alphanumeric"
    TEN_DLC = "10dlc"
    MOBILE = "mobile"


class NumberProblem(StrEnum):
    """Why a number was refused: the `code` of InvalidPhoneNumber, a contract with callers."""

    NOT_A_NUMBER = "NotAPhoneNumber"
    MISSING_COUNTRY_CODE = "MissingCountryCode"
    UNKNOWN_COUNTRY_CODE = "UnknownCountryCode"
    TOO_SHORT = "PhoneNumberTooShort"
    TOO_LONG = "PhoneNumberTooLong"
    NOT_POSSIBLE = "PhoneNumberNotPossible"
    EXTRA_DIGITS = "PhoneNumberExtraDigits"
    HAS_EXTENSION = "PhoneNumberHasExtension"
    SHORT_NUMBER = "ShortNumberNotAllowed"
    INVALID_SENDER = "InvalidSender"


# No digits in these: a message must never seem to hold a part of the number.
_MESSAGES: Mapping[NumberProblem, str] = {
    NumberProblem.NOT_A_NUMBER: "This is not a phone number: write +, the country code and the digits.",
    NumberProblem.MISSING_COUNTRY_CODE: "The country code is missing: begin with + and the country code.",
    NumberProblem.UNKNOWN_COUNTRY_CODE: "No country has this code: check the digits after the +.",
    NumberProblem.TOO_SHORT: "The number is too short for its country: check that no digit is missing.",
    NumberProblem.TOO_LONG: "The number is too long for its country: check that no digit is doubled.",
    NumberProblem.NOT_POSSIBLE: "Numbers of this country do not have this many digits: check the number.",
    NumberProblem.EXTRA_DIGITS: "The number has digits that do not belong to it: leave out a trunk "
    "prefix, such as a zero in brackets, and check that no digit is doubled.",
    NumberProblem.HAS_EXTENSION: "An extension cannot be texted: leave it out.",
    NumberProblem.SHORT_NUMBER: "Emergency and short numbers cannot be texted: use a full phone number.",
    NumberProblem.INVALID_SENDER: "A sender is a phone number with + and country code, a short code "
    "of five or six digits, or a name of up to eleven letters, digits, spaces and + - _ &.",
}

_LENGTH_PROBLEMS: Mapping[int, NumberProblem] = {
    ValidationResult.TOO_SHORT: NumberProblem.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: NumberProblem.TOO_SHORT,
    ValidationResult.TOO_LONG: NumberProblem.TOO_LONG,
    ValidationResult.INVALID_LENGTH: NumberProblem.NOT_POSSIBLE,
    ValidationResult.INVALID_COUNTRY_CODE: NumberProblem.UNKNOWN_COUNTRY_CODE,
}

_PARSE_PROBLEMS: Mapping[int, NumberProblem] = {
    NumberParseException.INVALID_COUNTRY_CODE: NumberProblem.UNKNOWN_COUNTRY_CODE,
    NumberParseException.TOO_SHORT_AFTER_IDD: NumberProblem.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: NumberProblem.TOO_SHORT,
    NumberParseException.TOO_LONG: NumberProblem.TOO_LONG,
}


def normalize(raw: str, region: str | None = None) -> str:
    """Return the E.164 form of a number as a person or program wrote it.

    Spaces, brackets, dashes, a `tel:` in front, digits of any script and invisible marks are fine. The
    national form is taken only with `region`, an ISO 3166 code. What is possible is accepted, assigned or
    not, so the fictional +1 425 555 01xx numbers pass. Every digit must count: libphonenumber itself would
    drop some, ACS would not.

    Raises:
        InvalidPhoneNumber: with a NumberProblem as its code and a message without the number.
    """
    written = _without_marks(raw)
    if len(written) > _MAX_WRITTEN:
        raise _refusal(NumberProblem.NOT_A_NUMBER)
    if _is_international(written):
        return _checked(written, _parse(written, None))
    if region is None:
        raise _refusal(_problem_without_country(written))
    international = _from_national(written, region.upper())
    return _checked(international, _parse(international, None))


def normalize_from_event(raw: str) -> str:
    """Return a number or sender from an ACS event in the spelling used everywhere else.

    Seven to fifteen digits get the + that events may lack; five or six are a short code; anything else, such
    as an alphanumeric sender, is only trimmed. Never raises, and leaves what `normalize` returns as it is.
    """
    trimmed = raw.strip()
    bare = _without_marks(trimmed)
    if not _EVENT_NUMBER.fullmatch(bare):
        return trimmed
    digits = _digits(bare)
    if not bare.startswith("+") and len(digits) <= _MAX_SHORT_NUMBER:
        return digits if is_short_code(digits) else trimmed
    return f"+{digits}" if is_e164(f"+{digits}") else trimmed


# A message is counted several times on its way, and its country is a third of a millisecond's work.
@lru_cache(maxsize=8192)
def country_of(e164: str) -> str | None:
    """Return the ISO 3166 code of a number's country, None if it has none (such as +800) or is not a number.

    Several countries may share a code: a number of no known range counts for the main one, so a new area code
    of the USA is not taken for a foreign one.
    """
    if not is_e164(e164):
        return None
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region.isalpha() and region != phonenumbers.UNKNOWN_REGION else None


def is_e164(value: str) -> bool:
    """Return whether the value has the shape of E.164 (ITU-T E.164 §6.2): +, then up to fifteen digits."""
    return _E164.fullmatch(value) is not None


def is_short_code(value: str) -> bool:
    """Return whether the value has the shape of a short code: five or six digits."""
    return _SHORT_CODE.fullmatch(value) is not None


def is_alphanumeric_sender(value: str) -> bool:
    """Return whether the value can name a sender: up to eleven of A-Z a-z 0-9 space + - _ &, one a letter."""
    return _ALPHANUMERIC.fullmatch(value) is not None


def guess_sender_type(sender: str) -> SenderType:
    """Return what kind of sender this is, by its looks.

    A +1 number that is not toll-free is taken for a 10DLC, a number of another country for a mobile number.

    Raises:
        InvalidPhoneNumber: code InvalidSender, when no sender looks like this.
    """
    if is_short_code(sender):
        return SenderType.SHORT_CODE
    if is_e164(sender):
        if _TOLL_FREE.fullmatch(sender):
            return SenderType.TOLL_FREE
        return SenderType.TEN_DLC if sender.startswith("+1") else SenderType.MOBILE
    if is_alphanumeric_sender(sender):
        return SenderType.ALPHANUMERIC
    raise _refusal(NumberProblem.INVALID_SENDER)


def _refusal(problem: NumberProblem) -> InvalidPhoneNumber:
    return InvalidPhoneNumber(_MESSAGES[problem], code=problem.value)


def _without_marks(raw: str) -> str:
    """Drop a URI scheme and invisible format characters, which address books leave around numbers."""
    visible = "".join(ch for ch in raw if unicodedata.category(ch) != "Cf")
    return _URI_SCHEME.sub("", visible, count=1).strip()


def _digits(written: str) -> str:
    return "".join(str(unicodedata.decimal(ch)) for ch in written if ch.isdecimal())


def _is_international(written: str) -> bool:
    return written.lstrip("([ ").startswith(("+", "＋"))


def _problem_without_country(written: str) -> NumberProblem:
    digits = _digits(written)
    if not digits or not all(map(_may_stand_in_number, written)):
        return NumberProblem.NOT_A_NUMBER
    return NumberProblem.SHORT_NUMBER if len(digits) <= _MAX_SHORT_NUMBER else NumberProblem.MISSING_COUNTRY_CODE


def _parse(written: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(written, region)
    except NumberParseException as error:
        raise _refusal(_PARSE_PROBLEMS.get(error.error_type, NumberProblem.NOT_A_NUMBER)) from None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _from_national(written: str, region: str) -> str:
    """Return the international form of a number in the form that is dialed in the region, unchecked."""
    number, digits = _parse(written, region), _digits(written)
    _refuse_other_than_number(written, number)
    if not _is_written_form_of(number, digits, region):
        raise _refusal(NumberProblem.EXTRA_DIGITS)
    if _may_lack_only_its_plus(number, digits):
        raise _refusal(NumberProblem.MISSING_COUNTRY_CODE)
    return _e164(number)


def _may_lack_only_its_plus(number: PhoneNumber, digits: str) -> bool:
    """Return whether a number without prefixes begins with its own country code: two readings, two people."""
    if digits != phonenumbers.national_significant_number(number):
        return False
    country_code = str(number.country_code)
    return digits.startswith(country_code) and phonenumbers.is_valid_number(_parse(f"+{digits}", None))


def _checked(written: str, number: PhoneNumber) -> str:
    """Return the E.164 form of a number in international form, or refuse it."""
    _refuse_other_than_number(written, number)
    if _is_short_number(number):
        raise _refusal(NumberProblem.SHORT_NUMBER)
    problem = _LENGTH_PROBLEMS.get(phonenumbers.is_possible_number_with_reason(number))
    if problem is not None:
        raise _refusal(problem)
    e164 = _e164(number)
    if e164 != f"+{_digits(written)}":
        raise _refusal(NumberProblem.EXTRA_DIGITS)
    if not is_e164(e164):
        # libphonenumber holds some countries' numbers possible with more digits than ITU-T E.164 has room for.
        raise _refusal(NumberProblem.TOO_LONG)
    return e164


def _refuse_other_than_number(written: str, number: PhoneNumber) -> None:
    if number.extension:
        raise _refusal(NumberProblem.HAS_EXTENSION)
    if not all(map(_may_stand_in_number, written)):
        raise _refusal(NumberProblem.NOT_A_NUMBER)


def _may_stand_in_number(ch: str) -> bool:
    return ch.isdecimal() or ch.isspace() or ch in _PUNCTUATION or unicodedata.category(ch) in {"Pd", "Ps", "Pe"}


def _is_short_number(number: PhoneNumber) -> bool:
    if len(phonenumbers.national_significant_number(number)) > _MAX_SHORT_NUMBER:
        return False
    return phonenumbers.is_valid_short_number(number) and not phonenumbers.is_valid_number(number)


def _is_written_form_of(number: PhoneNumber, digits: str, region: str) -> bool:
    """Return whether the digits are the number, with no more in front than the region dials there."""
    metadata = PhoneMetadata.metadata_for_region(region)
    trunk = (metadata and metadata.national_prefix) or ""
    exit_code = (metadata and metadata.international_prefix) or ""
    significant = phonenumbers.national_significant_number(number)
    international = f"{number.country_code}{significant}"
    forms = {significant, f"{trunk}{significant}", international}
    # Where an exit code may have a carrier's digits in it, the same digits can be read as two numbers.
    if exit_code.isdecimal():
        forms.add(f"{exit_code}{international}")
    return digits in forms
