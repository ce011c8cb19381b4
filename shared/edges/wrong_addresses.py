"""What is said of an address that there is none of, or of a method that it does not take.

The Functions host knows no 405 and answers both with a bare 404. So a function of its own takes what no other does.
And the host does not prefer literals: GET campaigns/forecast reaches GET campaigns/{id}. Here, as in OpenAPI, the
more literal route is meant.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.rules.errors import MethodNotAllowed, NotFound, SmsError

Addresses = Sequence[tuple[str, str]]


def refusal(addresses: Addresses, method: str, path: str) -> SmsError:
    """Return the error for a request that no endpoint takes.

    Args:
        addresses: the method and route of each endpoint.
        method: of the request.
        path: what it asked for, decoded by the host, without `api/`.
    """
    meant = meant_route(addresses, path.strip("/"))
    if meant is None:
        return NotFound(
            "There is nothing at this address. GET /api/openapi.json has all that there are.", code="AddressNotFound"
        )
    allowed = sorted(known for known, route in addresses if route == meant)
    verb = method if method.isascii() and method.isalpha() else "This method"
    return MethodNotAllowed(f"{verb} is not for this address. It takes {' and '.join(allowed)}.", allowed)


def meant_route(addresses: Addresses, path: str) -> str | None:
    """Return the most literal route that a path fits, which has no slash at its ends; None if it fits none."""
    asked = _segments(path)
    fitting = {route for _, route in addresses if _fits(_segments(route), asked)}
    return min(fitting, key=lambda route: [_is_parameter(one) for one in _segments(route)], default=None)


def _segments(path: str) -> list[str]:
    return [segment.lower() for segment in path.split("/")]


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _fits(route: list[str], asked: list[str]) -> bool:
    pairs = zip(route, asked, strict=False)
    return len(route) == len(asked) and all(known == said or (_is_parameter(known) and said) for known, said in pairs)
