"""Texts with placeholders: `Hello {{name}}` becomes each recipient's own text.

A name is letters, digits and _, up to 64 of them, and spaces around it do not count. Braces around anything else
are text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.rules.errors import MissingPlaceholder

_PLACEHOLDER = re.compile(r"\{\{\s*(\w{1,64})\s*\}\}")


def placeholders(text: str) -> tuple[str, ...]:
    """Return the distinct names in the text, in order of appearance."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def render(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the values in place of their names, as they are: braces in a value are text.

    Raises:
        MissingPlaceholder: naming those that have no value. An empty value is one.
    """
    missing = [name for name in placeholders(text) if name not in values]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise MissingPlaceholder(f"The text needs a value for {names}.", target=missing[0])
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)
