"""Texts with placeholders."""

from __future__ import annotations

import pytest

from shared.rules.errors import InvalidRequest, MissingPlaceholder
from shared.rules.templates import placeholders, render


def test_placeholders_are_named_once_in_order() -> None:
    assert placeholders("{{b}} {{ a_1 }} {{b}} {{\tprénom\n}}") == ("b", "a_1", "prénom")


def test_every_placeholder_is_filled() -> None:
    assert render("Hi {{ name }}, {{name}}: {{n}}!", {"name": "Ann", "n": "", "more": "x"}) == "Hi Ann, Ann: !"


def test_a_value_is_inserted_as_it_is() -> None:
    values = {"a": r"{{b}} \1 \g<0> {a} $", "b": "B"}
    assert render("{{a}}{{b}}", values) == r"{{b}} \1 \g<0> {a} $" + "B"


@pytest.mark.parametrize(
    "text", ["{name}", "{{}}", "{{ }}", "{{a b}}", "{{a-b}}", "{{a}", "}}{{", "{{" + "a" * 65 + "}}"]
)
def test_other_braces_are_text(text: str) -> None:
    assert placeholders(text) == ()
    assert render(text, {}) == text


def test_braces_around_a_placeholder_are_text() -> None:
    assert render("{{{a}}}", {"a": "1"}) == "{1}"


def test_missing_values_are_all_named() -> None:
    with pytest.raises(MissingPlaceholder, match=r"a value for `b`, `c`\.") as caught:
        render("{{a}} {{b}} {{c}} {{b}}", {"a": "secret", "B": "x"})
    assert isinstance(caught.value, InvalidRequest)
    assert (caught.value.code, caught.value.target) == ("MissingPlaceholder", "b")
    assert "secret" not in str(caught.value)
