"""Which function answers a request: the first one by name whose method and route fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from local.host.indexing import Function
from local.host.routes import Template, parse_template, split_path


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP-triggered function and where it answers; no methods means all of them."""

    function: Function
    template: Template
    methods: frozenset[str]

    def allows(self, method: str) -> bool:
        """Say whether the function takes a method."""
        return not self.methods or method.upper() in self.methods


@dataclass(frozen=True, slots=True)
class Match:
    """The function that answers a request, and the values of its route parameters."""

    function: Function
    parameters: Mapping[str, str]


class Router:
    """The routes in the order in which the host tries them.

    The host sorts functions by name and takes the first fit: a literal does not beat a parameter, and a wrong
    method is no fit, so it ends as 404 and never as 405 (azure-functions-host issues #3153 and #9876).
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(sorted(routes, key=lambda route: route.function.name.upper()))

    def match(self, method: str, raw_path: str) -> Match | None:
        """Return the function for a request target's path (without query), or None for a 404."""
        path = split_path(raw_path)
        for route in self.routes:
            parameters = route.template.match(path) if route.allows(method) else None
            if parameters is not None:
                return Match(route.function, parameters)
        return None


def route_text(function: Function) -> str:
    """Return the route of a function without the prefix: its own, or else its name."""
    text = function.trigger.text("route")
    return text.strip("/") if text.strip() else function.name


def methods_of(function: Function) -> frozenset[str]:
    """Return the methods that a function declares; empty means every one."""
    return frozenset(str(method).upper() for method in function.trigger.properties.get("methods") or ())


def make_route(function: Function, prefix: str) -> Route:
    """Parse a function's route. One that cannot be parsed is a `FunctionError`."""
    parts: Iterable[str] = (part for part in (prefix, route_text(function)) if part)
    return Route(function, parse_template("/".join(parts)), methods_of(function))
