"""What the texts of a campaign will take: segments by encoding, and which characters make them dear.

One character outside the GSM-7 alphabet moves a text to UCS-2, where a segment holds 70 characters instead of 160.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from shared.rules.segments import Encoding, count_segments, forcing_characters

# What has no decomposition in Unicode that says the same in GSM-7, or a poorer one.
_INSTEAD = {
    **dict.fromkeys("‘’‚‛′ʹʻʼˈ`´＇", "'"),
    **dict.fromkeys("“”„‟″«»＂", '"'),
    **dict.fromkeys("‹", "<"),
    **dict.fromkeys("›", ">"),
    **dict.fromkeys("‐‑‒–—―−•‣⁃·∙●▪◦", "-"),
    **dict.fromkeys("\t\u00a0\u2007\u202f", " "),
    **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    "→": "->", "➔": "->", "➜": "->", "➡": "->", "⇒": "=>", "←": "<-", "⬅": "<-", "↔": "<->",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "×": "x", "÷": "/", "⁄": "/", "½": "1/2", "¼": "1/4", "¾": "3/4",
    "©": "(c)", "®": "(R)", "™": "(TM)", "₤": "£",
    "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
    "ı": "i", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ŋ": "n", "Ŋ": "N", "ẞ": "ß",
}  # fmt: skip  # a table


@dataclass(frozen=True, slots=True)
class Share:
    """The texts that travel in one encoding, and their segments."""

    texts: int
    segments: int


@dataclass(frozen=True, slots=True)
class DearCharacter:
    """A character that forces texts into UCS-2.

    `segments` is what the texts that hold it would save with all their forcing characters written otherwise, so
    the figures of characters that stand together must not be added up. `instead` is what to write: nothing (an
    empty string) for a character that shows nothing, None if there is no equal. Signs without an equal, such as
    emoji, count as left out; a letter without one keeps its text in UCS-2 and costs nothing that could be saved.
    """

    character: str
    in_template: bool
    texts: int
    segments: int
    instead: str | None


@dataclass(frozen=True, slots=True)
class SegmentForecast:
    """The segments of all texts; `avoidable` of them with every dear character written otherwise.

    The dear characters come with the most costly first.
    """

    segments: int
    avoidable: int
    by_encoding: dict[Encoding, Share]
    dear: tuple[DearCharacter, ...]


def forecast_segments(template: str, texts: Iterable[tuple[str, int]]) -> SegmentForecast:
    """Return what the texts take.

    Args:
        template: the text before its placeholders are filled, to tell its characters from the recipients'.
        texts: the rendered texts, each with the number of recipients that get it.
    """
    messages, segments = Counter[Encoding](), Counter[Encoding]()
    held, costs = Counter[str](), Counter[str]()
    avoidable = 0
    for text, times in texts:
        count = count_segments(text)
        messages[count.encoding] += times
        segments[count.encoding] += count.segments * times
        if count.encoding is Encoding.UCS_2:
            saved = (count.segments - count_segments(mend(text)).segments) * times
            avoidable += saved
            for character in forcing_characters(text):
                held[character] += times
                costs[character] += saved
    by_cost = sorted(held, key=lambda character: (-costs[character], -held[character], character))
    return SegmentForecast(
        segments=segments.total(),
        avoidable=avoidable,
        by_encoding={encoding: Share(messages[encoding], segments[encoding]) for encoding in Encoding},
        dear=tuple(
            DearCharacter(character, character in template, held[character], costs[character], instead_of(character))
            for character in by_cost
        ),
    )


def mend(text: str) -> str:
    """Return the text in GSM-7: each forcing character as `instead_of` says, signs without an equal left out.

    A text with a letter that has no equal comes back as it was: UCS-2 is what its language needs.
    """
    table: dict[int, str] = {}
    for character in forcing_characters(text):
        instead = instead_of(character)
        if instead is None and unicodedata.category(character)[0] in "LN":
            return text
        table[ord(character)] = instead or ""
    return text.translate(table)


@lru_cache(maxsize=4096)
def instead_of(character: str) -> str | None:
    """Return what says the same in GSM-7: the base of an accented letter, a plain quote; None if nothing does."""
    if character in _INSTEAD:
        return _INSTEAD[character]
    # Accents, joiners and other marks that stand on no place of their own.
    if unicodedata.category(character) in {"Mn", "Me", "Cf", "Cc"}:
        return ""
    apart = unicodedata.normalize("NFKD", character)
    plain = "".join(_INSTEAD.get(part, part) for part in apart if not unicodedata.combining(part))
    return plain if plain and count_segments(plain).encoding is Encoding.GSM_7 else None
