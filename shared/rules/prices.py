"""What texts cost, by the prices in the settings: ACS charges per segment, by the recipient's country."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from shared.rules.countries import ByCountry, parse_by_country

# Above any price of a text, and so a slip of the pen.
_MOST_PER_SEGMENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class Cost:
    """The amount in the currency of the settings, and the segments that have no price and are not in it."""

    amount: Decimal
    unpriced_segments: int


def parse_prices(text: str) -> ByCountry[Decimal]:
    """Return the prices of a segment in a JSON object such as `{"*": "0.0100", "US": "0.0079"}`.

    Raises:
        ValueError: not such an object, an unknown country, or a price that is none.
    """
    return parse_by_country(text, _price)


def cost(prices: ByCountry[Decimal], segments: Mapping[str | None, int]) -> Cost:
    """Return what so many segments to each country cost; None is for numbers of no country."""
    amount, unpriced = Decimal(0), 0
    for country, count in segments.items():
        price = prices.of(country)
        if price is None:
            unpriced += count
        else:
            amount += price * count
    return Cost(amount, unpriced)


def _price(value: object) -> Decimal:
    if isinstance(value, str | Decimal):
        try:
            price = Decimal(value)
        except InvalidOperation:
            price = Decimal("NaN")
        if price.is_finite() and 0 <= price <= _MOST_PER_SEGMENT:
            return price
    raise ValueError('has a price that is none: write what a segment costs, such as "0.0079"')
