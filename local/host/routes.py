"""Route templates: literals, parameters, constraints, defaults and the catch-all, as ASP.NET Core reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from local.host.constraints import Test, constraint
from local.host.errors import FunctionError

_PARAMETER_NAME = re.compile(r"[^\s/{}?*:=]+")
_ENCODED_SLASH = re.compile("(%2F)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `{name}` of a template."""

    name: str
    tests: tuple[Test, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    def accepts(self, value: str) -> bool:
        """Say whether a value satisfies every constraint."""
        return all(test(value) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes: a pattern, and the parameters in it from left to right."""

    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]
    whole: bool

    @property
    def may_be_missing(self) -> bool:
        """Say whether a path may end before this segment."""
        return self.whole and any(one.optional or one.catch_all or one.default is not None for one in self.parameters)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed route, prefix included."""

    text: str
    segments: tuple[Segment, ...]

    def match(self, path: Sequence[str]) -> Mapping[str, str] | None:
        """Return the route parameters if the path fits, else None. Parameters left out are missing."""
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            if segment.whole and segment.parameters[0].catch_all:
                return _take_rest(segment.parameters[0], path[position:], values)
            found = _take(segment, path[position] if position < len(path) else None)
            if found is None:
                return None
            values.update(found)
        return values if len(path) <= len(self.segments) else None


def _take(segment: Segment, text: str | None) -> Mapping[str, str] | None:
    if text is None:
        if not segment.may_be_missing:
            return None
        return {one.name: one.default for one in segment.parameters if one.default is not None}
    match = segment.pattern.fullmatch(text)
    if match is None:
        return None
    values = dict(zip((one.name for one in segment.parameters), match.groups(), strict=True))
    return values if all(one.accepts(values[one.name]) for one in segment.parameters) else None


def _take_rest(parameter: Parameter, rest: Sequence[str], values: dict[str, str]) -> Mapping[str, str] | None:
    value = "/".join(rest)
    if not value:
        return {**values, parameter.name: parameter.default} if parameter.default is not None else values
    return {**values, parameter.name: value} if parameter.accepts(value) else None


def split_path(raw_path: str) -> tuple[str, ...]:
    """Split the path of a request target into decoded segments. `%2F` stays; one slash at the end is ignored."""
    path = raw_path.removeprefix("/").removesuffix("/")
    return tuple(_decode(segment) for segment in path.split("/")) if path else ()


def _decode(segment: str) -> str:
    return "".join(part if index % 2 else unquote(part) for index, part in enumerate(_ENCODED_SLASH.split(segment)))


def parse_template(text: str) -> Template:
    """Parse a route. A template that ASP.NET Core refuses is a `FunctionError`."""
    segments = tuple(_segment(part) for part in _split(text.strip("/"), "/") if part)
    names = [one.name.lower() for segment in segments for one in segment.parameters]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise FunctionError(f"The route parameter '{repeated}' appears more than once.")
    if any(one.catch_all for segment in segments[:-1] for one in segment.parameters):
        raise FunctionError("A catch-all parameter can only be the last segment of a route.")
    return Template(text, segments)


def _split(text: str, separator: str) -> Iterator[str]:
    """Split at separators outside braces and parentheses, so that a regex may hold them."""
    depth = start = 0
    for position, character in enumerate(text):
        depth += (character in "{(") - (character in "})")
        if character == separator and depth == 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _segment(text: str) -> Segment:
    pattern, parameters, position = "", [], 0
    for start, end in _braces(text):
        pattern += re.escape(text[position:start])
        parameters.append(_parameter(text[start + 1 : end - 1]))
        pattern += "(.+)"
        position = end
    pattern += re.escape(text[position:])
    whole = len(parameters) == 1 and pattern == "(.+)"
    if not whole and any(one.optional or one.catch_all or one.default is not None for one in parameters):
        raise FunctionError(f"This host takes an optional or catch-all parameter only as a whole segment: '{text}'.")
    return Segment(re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(parameters), whole)


def _braces(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each `{…}` begins and ends; doubled braces inside a regex count as one each."""
    depth = start = 0
    for position, character in enumerate(text):
        if character == "{":
            start = position if depth == 0 else start
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                yield start, position + 1
    if depth != 0:
        raise FunctionError(f"The braces of the route segment '{text}' do not match.")


def _parameter(text: str) -> Parameter:
    name_and_tests, equals, default = _cut_default(text)
    name, *tests = _split(name_and_tests, ":")
    stars = len(name) - len(name.lstrip("*"))
    last = tests[-1] if tests else name
    optional = last.endswith("?") and not equals
    if optional and tests:
        tests[-1] = last[:-1]
    name = name.lstrip("*").removesuffix("?" if optional and not tests else "")
    if stars > 2 or not _PARAMETER_NAME.fullmatch(name):
        raise FunctionError(f"'{{{text}}}' is not a route parameter.")
    unescaped = (test.replace("{{", "{").replace("}}", "}") for test in tests)
    return Parameter(
        name, tuple(constraint(test) for test in unescaped), default if equals else None, optional, stars > 0
    )


def _cut_default(text: str) -> tuple[str, str, str]:
    parts = list(_split(text, "="))
    return (parts[0], "=", "=".join(parts[1:])) if len(parts) > 1 else (text, "", "")
