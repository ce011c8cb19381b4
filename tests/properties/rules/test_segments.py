"""Segment counts against two foreign implementations and against the definition of packing itself."""

from __future__ import annotations

from typing import Any

import gsm0338
import smsutil
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shared.rules.segments import (
    GSM_7_BASIC,
    GSM_7_EXTENSION,
    Encoding,
    count_segments,
    forcing_characters,
)

gsm_codec: Any = gsm0338.Codec()  # type: ignore[no-untyped-call]  # the package has no types
gsm_texts = st.builds(
    "".join,
    st.lists(
        st.one_of(
            st.sampled_from(GSM_7_EXTENSION),
            st.builds(lambda ch, times: ch * times, st.sampled_from(GSM_7_BASIC), st.sampled_from([1, 7, 76, 152])),
        ),
        max_size=30,
    ),
)
wide_texts = st.builds(
    "".join,
    st.lists(
        st.one_of(
            st.sampled_from("😀𝒜"),
            st.builds(lambda ch, times: ch * times, st.sampled_from("你’a"), st.sampled_from([1, 5, 33, 66])),
        ),
        max_size=30,
    ),
)
# An escape alone is no character of a text, though both foreign implementations take it for one.
any_texts = st.one_of(gsm_texts, wide_texts, st.text(max_size=400)).map(lambda text: text.replace("\x1b", ""))
with_surrogates = st.text(st.characters(codec=None), max_size=200)


def _widths(text: str, encoding: Encoding) -> list[int]:
    """Return the size of each inseparable piece of the text, as it is on the wire."""
    if encoding is Encoding.GSM_7:
        return [2 if ch in GSM_7_EXTENSION else 1 for ch in text]
    paired = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    return [2 if ord(ch) > 0xFFFF else 1 for ch in paired]


def _fewest_parts(widths: list[int], alone: int, per_part: int) -> int:
    """Return the least number of parts over all ways to cut between pieces."""
    if sum(widths) <= alone:
        return 1
    fewest = [0]
    for end in range(1, len(widths) + 1):
        size, start, best = 0, end, end
        while start > 0 and size + widths[start - 1] <= per_part:
            start -= 1
            size += widths[start]
            best = min(best, fewest[start] + 1)
        fewest.append(best)
    return fewest[-1]


@given(text=gsm_texts)
@settings(max_examples=100, deadline=None)
def test_gsm_7_units_are_the_septets_of_the_gsm0338_codec(text: str) -> None:
    count = count_segments(text)
    assert count.encoding is Encoding.GSM_7
    assert count.units == len(gsm_codec.encode(text)[0])


@given(ch=st.characters(exclude_characters="\x1b"))
@settings(max_examples=400, deadline=None)
@example(ch="ç")
@example(ch="€")
@example(ch="`")
def test_a_character_is_gsm_7_exactly_when_the_gsm0338_codec_can_write_it(ch: str) -> None:
    try:
        septets = len(gsm_codec.encode(ch)[0])
    except UnicodeError:
        septets = 0
    count = count_segments(ch)
    assert (count.encoding is Encoding.GSM_7) is (septets > 0)
    assert septets in (0, count.units)


@given(text=any_texts)
@settings(max_examples=150, deadline=None)
@example(text="a" * 152 + "€" + "a" * 152)
@example(text="😀" * 67)
def test_encoding_units_and_segments_are_those_of_smsutil(text: str) -> None:
    assume(text)  # they call an empty text UCS-2
    theirs = smsutil.split(text)  # type: ignore[no-untyped-call]  # the package has no types
    count = count_segments(text)
    octets_per_unit = 1 if count.encoding is Encoding.GSM_7 else 2
    assert (theirs.encoding == "gsm0338") is (count.encoding is Encoding.GSM_7)
    assert count.units * octets_per_unit == theirs.total_bytes
    assert count.segments == len(theirs.parts)


@given(text=st.one_of(any_texts, with_surrogates))
@settings(max_examples=80, deadline=None)
@example(text="你" * 66 + "😀" + "你" * 66)
@example(text="你" * 66 + "\ud83d" + "\ude00" + "你" * 66)
def test_segments_are_the_fewest_that_keep_every_pair_whole(text: str) -> None:
    count = count_segments(text)
    widths = _widths(text, count.encoding)
    alone, per_part = (160, 153) if count.encoding is Encoding.GSM_7 else (70, 67)
    assert count.units == sum(widths)
    assert count.segments == _fewest_parts(widths, alone, per_part)


@given(text=any_texts, more=any_texts)
@settings(max_examples=100, deadline=None)
def test_a_longer_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert count_segments(text + more).segments >= count_segments(text).segments


@given(text=st.one_of(any_texts, with_surrogates))
@settings(max_examples=150, deadline=None)
def test_without_its_forcing_characters_a_text_is_gsm_7(text: str) -> None:
    forcing = forcing_characters(text)
    assert bool(forcing) is (count_segments(text).encoding is Encoding.UCS_2)
    assert len(set(forcing)) == len(forcing)
    assert sorted(forcing, key=text.index) == list(forcing)
    rest = "".join(ch for ch in text if ch not in forcing)
    assert count_segments(rest).encoding is Encoding.GSM_7
