"""Reading the Bicep files: their resources as blocks of text, and what is assigned in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devtools.paths import ROOT

Files = Mapping[str, str]

_RESOURCE = re.compile(r"^\s*resource (\w+) '([\w./]+)(?:@[\w-]+)?' (existing )?= ", re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)
_PAIRS = {"{": "}", "[": "]", "(": ")"}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: its symbol, its type in small letters, its text, and whether it is only referred to."""

    file: str
    symbol: str
    type: str
    text: str
    existing: bool


def bicep_files() -> dict[str, str]:
    """Return the texts of all Bicep files, without comments, by path below infra/."""
    folder = ROOT / "infra"
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.bicep")}
    return {name: _COMMENT.sub("", path.read_text("utf-8")) for name, path in paths.items()}


def resources(files: Files) -> Iterator[Resource]:
    """Yield the resources of all files, nested ones too."""
    for name, text in files.items():
        for match in _RESOURCE.finditer(text):
            body = block(text, text.index(_first_bracket(text, match.end()), match.end()))
            yield Resource(name, match[1], match[2].lower(), body, match[3] is not None)


def block(text: str, start: int) -> str:
    """Return the text from an opening bracket to the one that closes it."""
    opening = text[start]
    depth, quoted = 0, False
    for place in range(start, len(text)):
        char = text[place]
        quoted ^= char == "'"
        depth += not quoted and (char == opening) - (char == _PAIRS[opening])
        if depth == 0:
            return text[start : place + 1]
    raise ValueError("a bracket is not closed")


def object_keys(body: str) -> dict[str, str]:
    """Return what is assigned in an object, a line each: names and values."""
    return dict(re.findall(r"^\s+'?([\w-]+)'?: (.+)$", body, re.MULTILINE))


def _first_bracket(text: str, start: int) -> str:
    return next(char for char in text[start:] if char in "[{")
