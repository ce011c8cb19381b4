"""The route constraints of ASP.NET Core, as far as a route can name them.

Source: learn.microsoft.com, "Routing in ASP.NET Core", route constraint reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from local.host.errors import FunctionError

Test = Callable[[str], bool]

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)\s*")
_FLOAT = re.compile(r"\s*[+-]?(?:(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|infinity|nan|∞)\s*", re.IGNORECASE)
_HEX = "[0-9a-f]"
_DASHED = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_GUID = re.compile(rf"\s*(?:{_HEX}{{32}}|{_DASHED}|\{{{_DASHED}\}}|\({_DASHED}\))\s*", re.IGNORECASE)
_DATE_FORMATS = ("%Y-%m-%d %I:%M%p", "%Y-%m-%d %I:%M %p", "%m-%d-%Y")


def _integer_of(bits: int) -> Test:
    limit = 2 ** (bits - 1)
    return lambda value: bool(_INTEGER.fullmatch(value)) and -limit <= int(value) < limit


_long = _integer_of(64)


def _is_datetime(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return any(_has_format(value, form) for form in _DATE_FORMATS)
    return True


def _has_format(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - only whether it can be read is of interest
    except ValueError:
        return False
    return True


_WITHOUT_ARGUMENTS: dict[str, Test] = {
    "int": _integer_of(32),
    "long": _long,
    "bool": lambda value: value.strip().lower() in {"true", "false"},
    "datetime": _is_datetime,
    "decimal": lambda value: bool(_NUMBER.fullmatch(value)),
    "double": lambda value: bool(_FLOAT.fullmatch(value)),
    "float": lambda value: bool(_FLOAT.fullmatch(value)),
    "guid": lambda value: bool(_GUID.fullmatch(value)),
    "alpha": lambda value: bool(re.fullmatch("[A-Za-z]*", value)),
    "required": bool,
}

_WITH_NUMBERS: dict[tuple[str, int], Callable[..., Test]] = {
    ("minlength", 1): lambda least: lambda value: len(value) >= least,
    ("maxlength", 1): lambda most: lambda value: len(value) <= most,
    ("length", 1): lambda exactly: lambda value: len(value) == exactly,
    ("length", 2): lambda least, most: lambda value: least <= len(value) <= most,
    ("min", 1): lambda least: lambda value: _long(value) and int(value) >= least,
    ("max", 1): lambda most: lambda value: _long(value) and int(value) <= most,
    ("range", 2): lambda least, most: lambda value: _long(value) and least <= int(value) <= most,
}


def constraint(text: str) -> Test:
    """Return the test that a constraint such as `int` or `length(2,5)` stands for; else raise `FunctionError`."""
    name, parenthesis, rest = text.partition("(")
    name = name.strip().lower()
    if not parenthesis:
        if name in _WITHOUT_ARGUMENTS:
            return _WITHOUT_ARGUMENTS[name]
        raise _unknown(text)
    argument = rest.removesuffix(")")
    if name == "regex":
        return _regex(argument)
    return _with_numbers(name, argument, text)


def _with_numbers(name: str, argument: str, text: str) -> Test:
    parts = argument.split(",")
    make = _WITH_NUMBERS.get((name, len(parts)))
    if make is None or not all(_long(part) for part in parts):
        raise _unknown(text)
    return make(*(int(part) for part in parts))


def _regex(pattern: str) -> Test:
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise FunctionError(f"The route's regex constraint cannot be read: {error}.") from error
    return lambda value: compiled.search(value) is not None


def _unknown(text: str) -> FunctionError:
    return FunctionError(f"The route uses '{text}', which is not a constraint that the host knows.")
