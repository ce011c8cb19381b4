"""Forecasts and templates over any text."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules.forecasting import forecast_segments, instead_of, mend
from shared.rules.segments import Encoding, count_segments, forcing_characters
from shared.rules.templates import placeholders, render

texts = st.text(
    st.one_of(st.sampled_from("a{}’…çő\u00a0😀ж你\u0301€ \x1b\t"), st.characters(exclude_categories=["Cs"])),
    max_size=200,
)


def test_every_character_is_written_in_gsm_7_or_not_at_all() -> None:
    answered = 0
    for point in range(sys.maxunicode + 1):
        instead = instead_of.__wrapped__(chr(point))
        if instead is not None:
            answered += 1
            assert count_segments(instead).encoding is Encoding.GSM_7, hex(point)
    assert answered > 3_000


def test_every_latin_letter_of_european_languages_has_an_equal() -> None:
    letters = [chr(point) for point in range(0xC0, 0x180) if unicodedata.category(chr(point))[0] == "L"]
    forcing = [letter for letter in letters if forcing_characters(letter)]
    assert {letter for letter in forcing if instead_of(letter) is None} <= set("ĸſŉ")


@given(text=texts)
@settings(max_examples=150, deadline=None)
def test_a_mended_text_is_gsm_7_or_untouched(text: str) -> None:
    mended = mend(text)
    assert mended == text or count_segments(mended).encoding is Encoding.GSM_7


@given(counted=st.lists(st.tuples(texts, st.integers(1, 50)), max_size=8))
@settings(max_examples=100, deadline=None)
def test_totals_are_the_sums_over_the_texts(counted: list[tuple[str, int]]) -> None:
    found = forecast_segments("", counted)
    assert found.segments == sum(count_segments(text).segments * times for text, times in counted)
    assert found.segments == sum(share.segments for share in found.by_encoding.values())
    assert sum(share.texts for share in found.by_encoding.values()) == sum(times for _, times in counted)
    assert {dear.character for dear in found.dear} == {ch for text, _ in counted for ch in forcing_characters(text)}
    mended = sum(count_segments(mend(text)).segments * times for text, times in counted)
    assert found.avoidable == found.segments - mended
    assert all(dear.segments <= found.avoidable for dear in found.dear)


@given(
    pieces=st.lists(st.one_of(texts.map(lambda text: text.replace("{", "(")), st.sampled_from(["{{a}}", "{{ b }}"])))
)
@settings(max_examples=100, deadline=None)
def test_rendering_is_filling_piece_by_piece(pieces: list[str]) -> None:
    values = {"a": "{{b}}", "b": "\\1"}
    expected = "".join({"{{a}}": values["a"], "{{ b }}": values["b"]}.get(piece, piece) for piece in pieces)
    assert render("".join(pieces), values) == expected


@given(text=texts)
@settings(max_examples=100, deadline=None)
def test_a_text_without_placeholders_stays_as_it_is(text: str) -> None:
    if not placeholders(text):
        assert render(text, {}) == text
