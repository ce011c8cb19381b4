"""Settings by country."""

from __future__ import annotations

import pytest

from shared.rules.countries import AllowedCountries, parse_by_country, parse_countries


def test_a_country_has_its_own_value_and_all_others_that_of_the_star() -> None:
    found = parse_by_country('{"*": "a", "US": "b"}', str)
    assert (found.of("US"), found.of("GB"), found.of(None)) == ("b", "a", "a")


def test_without_a_star_other_countries_have_no_value() -> None:
    found = parse_by_country('{"US": "b"}', str)
    assert (found.of("US"), found.of("GB"), found.of(None)) == ("b", None, None)


@pytest.mark.parametrize("text", ["", "secret", "[]", '"US"', '{"UK": "secret"}', '{"us": "secret"}', '{"": "secret"}'])
def test_what_is_no_object_of_countries_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not JSON|is not a JSON object|GB, not UK") as caught:
        parse_by_country(text, str)
    assert "secret" not in str(caught.value)


def test_a_list_of_countries_allows_only_these() -> None:
    allowed = parse_countries(" US, CA ")
    assert [allowed.allows(country) for country in ("US", "CA", "GB", None)] == [True, True, False, False]


@pytest.mark.parametrize("text", ["", "  ", "*", "US,*"])
def test_an_empty_list_and_a_star_allow_all_countries(text: str) -> None:
    assert parse_countries(text) == AllowedCountries()
    assert AllowedCountries().allows("GB")
    assert AllowedCountries().allows(None)


@pytest.mark.parametrize("text", ["UK", "US,,CA", "us", "US;CA"])
def test_a_list_with_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="GB, not UK"):
        parse_countries(text)
