from __future__ import annotations

import unicodedata

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shared.rules.keywords import (
    HELP_WORDS,
    OPT_IN_ANSWER_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    KeywordKind,
    classify,
)

WORDS = sorted(OPT_OUT_WORDS | OPT_IN_WORDS | OPT_IN_ANSWER_WORDS | HELP_WORDS)
FULL_WIDTH = {ord(" "): "\u3000"} | {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
OTHER_WORDS = ["don't", "bus", "it", "please", "now", "me", "all", "1", "停止", "é", "ok", "the"]

words = st.sampled_from(WORDS)
surroundings = st.text(
    st.one_of(
        st.characters(categories=["Po", "Pd", "Ps", "Pe", "Pi", "Pf", "Pc", "Zs", "Cc"]),
        st.sampled_from(" \t\r\n.!?\u200b\u200d\u202e\u2066\ufeff😡❤️👍🏽"),
    ),
    max_size=12,
)
invisible = st.text("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u202a\u202e\u2066\u2069\u00ad", max_size=2)


@given(word=words, data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_keyword_is_the_same_in_any_case_width_and_surroundings(word: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from([str.upper, str.lower]))(ch) + data.draw(invisible) for ch in word]
    spelled = "".join(letters)
    if data.draw(st.booleans()):
        spelled = spelled.translate(FULL_WIDTH)
    found = classify(data.draw(surroundings) + spelled + data.draw(surroundings))
    assert found == classify(word)
    assert found.word == word


@given(gap=st.text(" \t\n\u00a0\u3000-\u2010\u2011\u2013", max_size=5))
@settings(max_examples=100, deadline=None)
def test_opt_out_may_be_written_with_any_small_gap(gap: str) -> None:
    assert classify(f"opt{gap}out").word == "OPT OUT"


@given(
    word=words,
    other=st.one_of(st.sampled_from(OTHER_WORDS), st.sampled_from(WORDS), st.text("abcxyzäß019", min_size=1)),
    gap=st.sampled_from([" ", "  ", ", ", ". ", "\n", "! "]),
    other_first=st.booleans(),
)
@settings(max_examples=300, deadline=None)
@example(word="STOP", other="don't", gap=" ", other_first=True)
@example(word="STOP", other="it", gap=" ", other_first=False)
def test_a_text_with_another_word_is_no_keyword(word: str, other: str, gap: str, other_first: bool) -> None:
    text = f"{other}{gap}{word}" if other_first else f"{word}{gap}{other}"
    assert classify(text).kind is KeywordKind.NONE


@given(word=words, letter=st.characters(categories=["L", "Nd"]), at=st.integers(0, 12))
@settings(max_examples=300, deadline=None)
def test_a_word_with_one_more_letter_is_no_keyword(word: str, letter: str, at: int) -> None:
    text = word[:at] + letter + word[at:]
    folded = unicodedata.normalize("NFKC", text).casefold().upper()
    assume(folded not in WORDS)
    assert classify(text).kind is KeywordKind.NONE


@given(text=st.text(st.characters(codec=None), max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_classified_and_a_keyword_has_its_word(text: str) -> None:
    found = classify(text)
    assert (found.word is None) is (found.kind is KeywordKind.NONE)
    assert found.word is None or found.word in WORDS
