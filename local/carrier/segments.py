"""How many segments a text takes (3GPP TS 23.038 §6.2.1). The carrier counts by itself, apart from the app."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


class Encoding(StrEnum):
    """The alphabet in which a text goes over the air."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


_SINGLE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
# A concatenated part loses 6 bytes to its header (3GPP TS 23.040 §9.2.3.24.1).
_PART = {Encoding.GSM7: 153, Encoding.UCS2: 67}


@dataclass(frozen=True, slots=True)
class Size:
    """The alphabet of a text and its number of segments."""

    encoding: Encoding
    segments: int


def measure(text: str) -> Size:
    """Return alphabet and segment count; a character of two units never straddles two segments."""
    if all(character in _BASIC or character in _EXTENSION for character in text):
        return _size(Encoding.GSM7, [2 if character in _EXTENSION else 1 for character in text])
    return _size(Encoding.UCS2, [2 if ord(character) > 0xFFFF else 1 for character in text])


def _size(encoding: Encoding, widths: list[int]) -> Size:
    if sum(widths) <= _SINGLE[encoding]:
        return Size(encoding, 1)
    return Size(encoding, _packed(widths, _PART[encoding]))


def _packed(widths: Iterable[int], room: int) -> int:
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return segments
