"""Settings by country: one value for each country, or for all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

import phonenumbers

EVERYWHERE = "*"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ByCountry(Generic[Value]):
    """A value for some countries (ISO 3166 code) and perhaps, under `*`, for all others."""

    values: Mapping[str, Value]

    def of(self, country: str | None) -> Value | None:
        """Return the country's value, else that of all others; None if there is neither."""
        return self.values.get(country or EVERYWHERE, self.values.get(EVERYWHERE))


@dataclass(frozen=True, slots=True)
class AllowedCountries:
    """The countries that may be texted; empty: all."""

    codes: frozenset[str] = frozenset()

    def allows(self, country: str | None) -> bool:
        """Tell whether a number of this country may be texted. A number of no country is in no list."""
        return not self.codes or country in self.codes


def parse_by_country(text: str, read: Callable[[object], Value]) -> ByCountry[Value]:
    """Return the settings in a JSON object such as `{"*": …, "US": …}`; `read` checks and converts a value.

    Numbers come to `read` as exact decimals.

    Raises:
        ValueError: not such an object, or what `read` raises. The message does not hold the value.
    """
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        raise ValueError('is not JSON, such as {"*": …, "US": …}') from None
    if not isinstance(found, dict):
        raise ValueError('is not a JSON object, such as {"*": …, "US": …}')  # noqa: TRY004  # a setting's value
    return ByCountry({_checked(country): read(value) for country, value in found.items()})


def parse_countries(text: str) -> AllowedCountries:
    """Return the countries in a list such as `US, CA`; an empty list allows all.

    Raises:
        ValueError: with something in the list that is no country.
    """
    codes = frozenset(_checked(code.strip()) for code in text.split(",")) if text.strip() else frozenset()
    return AllowedCountries(frozenset() if EVERYWHERE in codes else codes)


def _checked(country: str) -> str:
    if country != EVERYWHERE and country not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("has a country that is none: write two capital letters by ISO 3166 (GB, not UK), or *")
    return country
