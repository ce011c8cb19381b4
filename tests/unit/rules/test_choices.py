"""Choices: which words may be chosen, and which texts choose them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.choices import NO_WORDS, Choice, ChoiceWords, Chosen
from shared.rules.errors import InvalidRequest
from shared.rules.keywords import HELP_WORDS, OPT_IN_WORDS, OPT_OUT_WORDS

REMINDER = ChoiceWords.of(["C", "YES", "1"], ["X", "NO", "2"])


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("C", Choice.CONFIRM),
        (" yes! ", Choice.CONFIRM),
        ("１", Choice.CONFIRM),
        ("“Yes”.", Choice.CONFIRM),
        ("no", Choice.CANCEL),
        ("2.", Choice.CANCEL),
        ("yes please", None),
        ("12", None),
        ("", None),
        ("?!", None),
        ("no" * 500, None),
    ],
)
def test_a_text_chooses_when_it_is_a_word_and_nothing_else(text: str, choice: Choice | None) -> None:
    assert REMINDER.choice_of(text) is choice


@pytest.mark.parametrize("word", [*sorted(OPT_OUT_WORDS | OPT_IN_WORDS | HELP_WORDS), "cancel.", "Ｓｔｏｐ"])
@pytest.mark.parametrize("target", ["confirmWords", "cancelWords"])
def test_keywords_of_opt_outs_and_help_are_no_words(word: str, target: str) -> None:
    words = (["Y", word], []) if target == "confirmWords" else (["Y"], ["N", word])
    with pytest.raises(InvalidRequest) as refused:
        ChoiceWords.of(*words)
    assert (refused.value.code, refused.value.target) == ("InvalidChoiceWord", f"{target}[1]")
    assert word not in str(refused.value)


@pytest.mark.parametrize("word", ["", "  ", "?!", "👍"])
def test_a_word_without_letter_or_digit_is_refused(word: str) -> None:
    with pytest.raises(InvalidRequest, match="letter or a digit"):
        ChoiceWords.of([word], [])


def test_a_word_for_both_is_refused_in_whatever_spelling() -> None:
    with pytest.raises(InvalidRequest) as refused:
        ChoiceWords.of(["ok", "1"], ["no", "OK!"])
    assert refused.value.target == "cancelWords[1]"


def test_a_text_that_asks_nothing_is_chosen_nothing_of() -> None:
    assert not NO_WORDS
    assert (NO_WORDS.choice_of("yes"), NO_WORDS.choice_of("")) == (None, None)
    assert ChoiceWords.of([], []) == NO_WORDS
    assert NO_WORDS.to_json() == ""


LETTERS = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8)


@given(st.lists(LETTERS, max_size=4), st.lists(LETTERS, max_size=4), st.text(max_size=20))
def test_words_are_chosen_or_refused_and_stored_as_they_are(confirm: list[str], cancel: list[str], text: str) -> None:
    try:
        words = ChoiceWords.of(confirm, cancel)
    except InvalidRequest:
        return
    assert ChoiceWords.from_json(words.to_json()) == words
    assert {words.choice_of(word) for word in confirm} <= {Choice.CONFIRM}
    assert {words.choice_of(word) for word in cancel} <= {Choice.CANCEL}
    assert words.choice_of(text) in (None, *Choice)


def test_the_later_choice_holds_and_of_two_at_once_always_the_same() -> None:
    first, second = Chosen(Choice.CONFIRM, 1), Chosen(Choice.CANCEL, 2)
    assert max(first, second, key=lambda one: one.order) is second
    at_once = [Chosen(Choice.CONFIRM, 2), second]
    assert max(at_once, key=lambda one: one.order) == max(reversed(at_once), key=lambda one: one.order)
