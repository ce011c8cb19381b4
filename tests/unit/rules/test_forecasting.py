"""What the texts of a campaign will take."""

from __future__ import annotations

import pytest

from shared.rules.forecasting import DearCharacter, Share, forecast_segments, instead_of, mend
from shared.rules.segments import Encoding


def test_segments_are_counted_for_every_recipient_and_by_encoding() -> None:
    found = forecast_segments("{{t}}", [("a" * 161, 3), ("你" * 71, 2), ("a", 5)])
    assert found.segments == 3 * 2 + 2 * 2 + 5
    assert found.by_encoding == {Encoding.GSM_7: Share(8, 11), Encoding.UCS_2: Share(2, 4)}


def test_no_texts_take_no_segments() -> None:
    found = forecast_segments("", [])
    assert (found.segments, found.avoidable, found.dear) == (0, 0, ())
    assert found.by_encoding == {Encoding.GSM_7: Share(0, 0), Encoding.UCS_2: Share(0, 0)}


def test_a_typographic_quote_costs_what_a_plain_one_would_save() -> None:
    text = "Don’t " + "a" * 100
    found = forecast_segments(text, [(text, 1_000)])
    assert (found.segments, found.avoidable) == (2_000, 1_000)
    assert found.dear == (DearCharacter("’", True, 1_000, 1_000, "'"),)


def test_a_character_of_one_recipient_is_not_in_the_template() -> None:
    template = "Hello {{name}}, " + "a" * 60
    texts = [(template.replace("{{name}}", name), 1) for name in ("Ann", "Łukasz", "Ágnes")]
    found = forecast_segments(template, texts)
    assert found.dear == (DearCharacter("Á", False, 1, 1, "A"), DearCharacter("Ł", False, 1, 1, "L"))


def test_an_emoji_costs_what_leaving_it_out_would_save() -> None:
    text = "a" * 150 + "🎉"
    (party,) = forecast_segments(text, [(text, 10)]).dear
    assert party == DearCharacter("🎉", True, 10, 20, None)


def test_a_text_in_another_script_has_nothing_to_avoid() -> None:
    text = "Привет “" + "а" * 100
    found = forecast_segments(text, [(text, 1)])
    assert found.avoidable == 0
    assert mend(text) == text
    assert {dear.segments for dear in found.dear} == {0}


def test_the_most_costly_characters_come_first() -> None:
    texts = [("é–" + "a" * 100, 1), ("…" + "a" * 100, 5), ("“", 9)]
    assert [dear.character for dear in forecast_segments("", texts).dear] == ["…", "–", "“"]


@pytest.mark.parametrize(
    ("character", "instead"),
    [
        ("’", "'"), ("„", '"'), ("—", "-"), ("…", "..."), ("\u00a0", " "), ("\u2009", " "), ("\u200b", ""), ("•", "-"),
        ("→", "->"), ("ç", "c"), ("ő", "o"), ("ß", "ß"), ("ẞ", "ß"), ("ﬁ", "fi"), ("Ａ", "A"), ("²", "2"), ("½", "1/2"),
        ("™", "(TM)"), ("\u0301", ""), ("`", "'"), ("\t", " "), ("😀", None), ("你", None), ("ж", None), ("₹", None),
    ],
)  # fmt: skip  # a table
def test_what_to_write_instead(character: str, instead: str | None) -> None:
    assert instead_of(character) == instead
