"""How many segments a text takes on the radio path, which is what carriers charge for and limit.

Alphabets by 3GPP TS 23.038 §6.2.1 (GSM-7, default and extension table) and §6.2.3 (UCS-2), concatenation by
3GPP TS 23.040 §9.2.3.24.1: a lone segment has 140 octets, a part of a longer text gives 6 of them to its
header.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

GSM_7_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = "\f^{}\\[~]|€"

_ESCAPE = "\x1b"
_OTHER_THAN_GSM_7 = re.compile(f"[^{re.escape(GSM_7_BASIC + GSM_7_EXTENSION)}]")
_EXTENDED = re.compile(f"[{re.escape(GSM_7_EXTENSION)}]")


class Encoding(StrEnum):
    """The alphabet in which a text travels; one character outside GSM-7 moves the whole text to UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """The size of a text: `units` are septets in GSM-7 and 16-bit units in UCS-2."""

    encoding: Encoding
    units: int
    segments: int


def count_segments(text: str) -> SegmentCount:
    """Return the encoding, units and segments of a text, packed as a phone network packs it.

    Each part is filled as far as it goes, but an escape pair (GSM-7) or surrogate pair (UCS-2) stays in one
    part, so dividing the units by the size of a part can come out too low. An empty text is 0 units and still
    1 segment. A lone surrogate counts as one unit.
    """
    return _count_gsm_7(text) if _OTHER_THAN_GSM_7.search(text) is None else _count_ucs_2(text)


def forcing_characters(text: str) -> tuple[str, ...]:
    """Return the distinct characters that force the text into UCS-2, in order of appearance."""
    return tuple(dict.fromkeys(_OTHER_THAN_GSM_7.findall(text)))


def _count_gsm_7(text: str) -> SegmentCount:
    septets = _EXTENDED.sub(_ESCAPE + "x", text)
    segments = _pack(len(septets), 160, 153, lambda at: septets[at - 1] == _ESCAPE)
    return SegmentCount(Encoding.GSM_7, len(septets), segments)


def _count_ucs_2(text: str) -> SegmentCount:
    high_octets = text.encode("utf-16-be", "surrogatepass")[::2]

    def splits_a_pair(at: int) -> bool:
        return high_octets[at - 1] & 0xFC == 0xD8 and high_octets[at] & 0xFC == 0xDC

    return SegmentCount(Encoding.UCS_2, len(high_octets), _pack(len(high_octets), 70, 67, splits_a_pair))


def _pack(units: int, alone: int, per_part: int, splits_a_pair: Callable[[int], bool]) -> int:
    """Return how many parts the units take. `splits_a_pair(n)`: a cut after n units goes through a pair."""
    if units <= alone:
        return 1
    parts, end = 1, per_part
    while end < units:
        if splits_a_pair(end):
            end -= 1
        parts, end = parts + 1, end + per_part
    return parts
