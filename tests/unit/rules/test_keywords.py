from __future__ import annotations

import unicodedata

import pytest

from shared.rules.keywords import (
    HELP_WORDS,
    OPT_IN_ANSWER_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    Keyword,
    KeywordKind,
    classify,
)


def test_the_words_are_those_of_the_contract() -> None:
    one_word = "ARRET CANCEL END QUIT REVOKE STOP STOPALL UNSUBSCRIBE"
    assert " ".join(sorted(OPT_OUT_WORDS - {"OPT OUT"})) == one_word
    assert "OPT OUT" in OPT_OUT_WORDS
    assert sorted(OPT_IN_WORDS) == ["START", "UNSTOP"]
    assert sorted(OPT_IN_ANSWER_WORDS) == ["YES"]
    assert sorted(HELP_WORDS) == ["HELP", "INFO"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (OPT_OUT_WORDS, KeywordKind.OPT_OUT),
        (OPT_IN_WORDS, KeywordKind.OPT_IN),
        (OPT_IN_ANSWER_WORDS, KeywordKind.OPT_IN_ANSWER),
        (HELP_WORDS, KeywordKind.HELP),
    ],
)
def test_each_word_alone_is_its_kind(words: frozenset[str], kind: KeywordKind) -> None:
    assert {classify(word) for word in words} == {Keyword(kind, word) for word in words}


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "Stop",
        "STOP.",
        " stop\n",
        "«Stop!»",
        '"STOP"',
        "(stop)",
        "stop…",
        "¡Stop!",
        "*STOP*",
        "~stop~",
        "´stop´",
        "STOP 😡",
        "🛑 stop ❤️",
        "s\u200bto\u200dp",
        "\u202eSTOP\u202c",
        "\ufeffstop\x00",
        "st\u00adop",
    ],
)
def test_case_and_what_stands_around_stop_make_no_difference(text: str) -> None:
    assert classify(text) == Keyword(KeywordKind.OPT_OUT, "STOP")


@pytest.mark.parametrize("text", ["ＳＴＯＰ", "ｓｔｏｐ", "\u3000ＳＴＯＰ！"])
def test_stop_in_full_width_letters_is_an_opt_out(text: str) -> None:
    assert classify(text) == Keyword(KeywordKind.OPT_OUT, "STOP")


@pytest.mark.parametrize(
    "text",
    [
        "opt out",
        "OPT  OUT",
        "optout",
        "OptOut.",
        "opt-out",
        "Opt - Out",
        "opt\u2011out",
        "opt\u00a0out",
        "opt\nout",
        "ｏｐｔ\u3000ｏｕｔ",
    ],
)
def test_opt_out_is_one_keyword_in_all_its_spellings(text: str) -> None:
    assert classify(text) == Keyword(KeywordKind.OPT_OUT, "OPT OUT")


@pytest.mark.parametrize("text", ["arret", "ARRÊT", "arrêt!", unicodedata.normalize("NFD", "Arrêt")])
def test_arret_counts_with_and_without_its_accent(text: str) -> None:
    assert classify(text) == Keyword(KeywordKind.OPT_OUT, "ARRET")


@pytest.mark.parametrize(
    "text",
    [
        "don't stop",
        "bus stop?",
        "stop it",
        "stop stop",
        "nonstop",
        "stops",
        "s t o p",
        "s.t.o.p",
        "stop1",
        "please cancel",
        "the end",
        "un-stop",
        "re-start",
        "yes please",
        "no",
        "help me",
        "opt",
        "out",
        "opt.out",
        "o-p-t-out",
        "stóp",
        "STO\u0301P",
        "stop\u0301",
        "™stop",
        "⑴ stop",
        "停止 stop",
        "",
        " ",
        "?!",
        "😀",
        "\u200b",
        "\ud800",
        "\x00",
    ],
)
def test_any_other_text_is_no_keyword(text: str) -> None:
    assert classify(text) == Keyword(KeywordKind.NONE, None)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        " " * 10_000,
        "\u0301\u0327" * 5_000,
        "stop" + "\u0301\u0327" * 5_000,
        "\ufdfa" * 10_000,
        "opt" + " " * 10_000 + "stop",
        "!" * 5_000 + "x" + "!" * 5_000,
    ],
)
def test_a_long_hostile_text_is_no_keyword(text: str) -> None:
    assert classify(text).kind is KeywordKind.NONE


def test_a_keyword_is_found_in_any_amount_of_surroundings() -> None:
    assert classify("\u200b!" * 5_000 + "stop" + " \n" * 5_000).word == "STOP"
