from __future__ import annotations

import pytest

from shared.rules.segments import (
    GSM_7_BASIC,
    GSM_7_EXTENSION,
    Encoding,
    SegmentCount,
    count_segments,
    forcing_characters,
)

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        pytest.param("a" * 160, GSM, 160, 1, id="one full segment"),
        pytest.param("a" * 161, GSM, 161, 2, id="one more"),
        pytest.param("a" * 306, GSM, 306, 2, id="two full parts"),
        pytest.param("a" * 307, GSM, 307, 3, id="two full parts and one more"),
        pytest.param("€" * 80, GSM, 160, 1, id="extension characters take two septets"),
        pytest.param("€" * 81, GSM, 162, 2, id="one escape pair more"),
        pytest.param("a" * 152 + "€" + "a" * 152, GSM, 306, 3, id="escape pair at the seam"),
        pytest.param("a" * 151 + "€" + "a" * 153, GSM, 306, 2, id="escape pair before the seam"),
        pytest.param("a" * 153 + "€" + "a" * 151, GSM, 306, 2, id="escape pair after the seam"),
        pytest.param("你" * 70, UCS, 70, 1, id="UCS-2, one full segment"),
        pytest.param("你" * 71, UCS, 71, 2, id="UCS-2, one more"),
        pytest.param("你" * 134, UCS, 134, 2, id="UCS-2, two full parts"),
        pytest.param("你" * 135, UCS, 135, 3, id="UCS-2, two full parts and one more"),
        pytest.param("😀" * 35, UCS, 70, 1, id="35 emoji"),
        pytest.param("😀" * 36, UCS, 72, 2, id="36 emoji"),
        pytest.param("😀" * 67, UCS, 134, 3, id="67 emoji, none split"),
        pytest.param("你" * 66 + "😀" + "你" * 66, UCS, 134, 3, id="surrogate pair at the seam"),
        pytest.param("a" * 2048, GSM, 2048, 14, id="the longest text"),
        pytest.param("你" * 2048, UCS, 2048, 31, id="the longest text in UCS-2"),
        pytest.param("Don’t", UCS, 5, 1, id="a curly apostrophe"),
        pytest.param("Ç" * 10, GSM, 10, 1, id="capital c cedilla is GSM-7"),
        pytest.param("ç" * 10, UCS, 10, 1, id="small c cedilla is not"),
        pytest.param("", GSM, 0, 1, id="an empty text is still sent as one segment"),
    ],
)
def test_a_text_has_its_encoding_units_and_segments(text: str, encoding: Encoding, units: int, segments: int) -> None:
    assert count_segments(text) == SegmentCount(encoding, units, segments)


def test_the_basic_table_has_127_characters_of_one_septet() -> None:
    assert len(set(GSM_7_BASIC)) == len(GSM_7_BASIC) == 127
    assert {count_segments(ch) for ch in GSM_7_BASIC} == {SegmentCount(GSM, 1, 1)}


def test_the_extension_table_has_10_characters_of_two_septets() -> None:
    assert len(set(GSM_7_EXTENSION)) == len(GSM_7_EXTENSION) == 10
    assert {count_segments(ch) for ch in GSM_7_EXTENSION} == {SegmentCount(GSM, 2, 1)}


@pytest.mark.parametrize("ch", ["`", "\t", "“", "–", "ç", "\x1b", "\u00a0", "á", "а", "Α"])
def test_a_character_outside_the_tables_moves_the_text_to_ucs_2(ch: str) -> None:
    assert count_segments(f"plain {ch} text").encoding is UCS
    assert forcing_characters(f"plain {ch} text") == (ch,)


def test_a_lone_surrogate_counts_as_one_unit() -> None:
    for text in ("\ud83d", "\ude00", "\ude00\ud83d", "a\ud800b"):
        assert count_segments(text) == SegmentCount(UCS, len(text), 1)


def test_lone_surrogates_at_the_seam_may_be_parted() -> None:
    assert count_segments("\ud83d" * 134) == SegmentCount(UCS, 134, 2)
    assert count_segments("\ude00" * 134) == SegmentCount(UCS, 134, 2)


def test_the_forcing_characters_come_once_each_in_order() -> None:
    assert forcing_characters("Don’t – “wait”, don’t 😀") == ("’", "–", "“", "”", "😀")


def test_a_gsm_7_text_has_no_forcing_characters() -> None:
    assert forcing_characters("Your code: 1234 {[~]} €") == ()
