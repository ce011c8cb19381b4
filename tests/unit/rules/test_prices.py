"""What texts cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.rules.prices import Cost, cost, parse_prices


def test_segments_cost_the_price_of_their_country_exactly() -> None:
    prices = parse_prices('{"*": "0.05", "US": "0.0079", "CA": 0.016}')
    assert cost(prices, {"US": 100_000, "CA": 3, "GB": 2, None: 1}) == Cost(Decimal("790.198"), 0)


def test_segments_without_a_price_are_counted_apart() -> None:
    assert cost(parse_prices('{"US": "0.01"}'), {"US": 10, "GB": 2, None: 1}) == Cost(Decimal("0.10"), 3)
    assert cost(parse_prices("{}"), {"US": 10}) == Cost(Decimal(0), 10)


@pytest.mark.parametrize(
    "price", ['"-0.01"', '"free"', "true", "null", "NaN", "Infinity", '"101"', "[]", '"1e999999999"']
)
def test_a_price_that_is_none_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match="a price that is none"):
        parse_prices(f'{{"US": {price}}}')
