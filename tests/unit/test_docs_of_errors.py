"""The table of error codes, held to the tree of exceptions and to every place that names a code."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeGuard

import pytest

import shared
from devtools.paths import ROOT
from docs.error_codes import NOT_OVER_HTTP, error_codes
from shared.rules.errors import InternalError, SmsError
from shared.rules.phone_numbers import NumberProblem
from tests.support.pages import DOCS, sections

# Classes that are never raised with their own code, since each place that raises them gives a narrower one.
_ALWAYS_NARROWER = {"InvalidPhoneNumber", "NotFound", "Conflict"}
_HEADER = ("Code", "Status", "Repeat", "What it says", "What to do")


def test_every_exception_of_the_tree_is_in_the_table_or_excused_by_name() -> None:
    told = set(_table())
    untold = {kind.code for kind in _tree() if kind.code not in told}
    assert untold == (_ALWAYS_NARROWER | NOT_OVER_HTTP) & {kind.code for kind in _tree()}


def test_statuses_and_repeats_are_those_of_the_classes() -> None:
    table = _table()
    for kind in _tree():
        if kind.code in table:
            _, status, repeat, _, _ = table[kind.code]
            assert (status, repeat) == (str(kind.http_status), "" if kind.permanent else "yes"), kind.code


def test_every_code_that_the_code_names_is_in_the_table() -> None:
    named = {code for tree in _modules() for code in _named(tree)} | set(NumberProblem)
    missing = named - set(_table()) - NOT_OVER_HTTP - {NumberProblem.INVALID_SENDER}
    assert missing == set()


def test_nothing_is_in_the_table_that_the_code_does_not_name() -> None:
    literals = {
        node.value
        for tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(_table()) - literals == set()


@pytest.mark.parametrize("code", [one.code for one in error_codes()])
def test_every_code_says_what_it_means_and_what_to_do(code: str) -> None:
    _, _, _, meaning, advice = _table()[code]
    assert re.fullmatch(r"\S.{8,}\.", meaning)
    assert re.fullmatch(r"[A-Z`].{6,}\.", advice)


def test_an_error_without_a_code_of_its_own_has_that_of_its_class() -> None:
    assert {kind("It went wrong.").code for kind in _tree()} == {kind.code for kind in _tree()}
    assert InternalError("It went wrong.").code in _table()


@cache
def _tree() -> tuple[type[SmsError], ...]:
    """Return every class of the tree, wherever in `shared` it is."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        if module.name != "shared.app":  # reads the environment
            importlib.import_module(module.name)
    return tuple(_below(SmsError))


def _below(kind: type[SmsError]) -> Iterator[type[SmsError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("shared."):
            yield child
            yield from _below(child)


def _table() -> Mapping[str, list[str]]:
    lines = [line for line in sections(DOCS / "error-codes.md")["Error codes"].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert tuple(cells[0]) == _HEADER
    return {row[0].strip("`"): row for row in cells[2:]}


@cache
def _modules() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(file.read_text("utf-8")) for file in sorted((ROOT / "shared").rglob("*.py")))


def _named(tree: ast.Module) -> Iterator[str]:
    """Yield the codes that calls give to errors, details and rows, and the fields that classes set."""
    kinds = {kind.__name__ for kind in _tree()}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in kinds:
            given = [word.value for word in node.keywords if word.arg == "code"]
        elif name in {"ErrorDetail", "RowError"}:
            given = node.args[name == "RowError" : 2]
        else:
            continue
        for code in given:
            yield from (one.value for one in ast.walk(code) if isinstance(one, ast.Constant) and _is_code(one.value))


def _is_code(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch(r"(?:[A-Z][a-z]+){2,}", value) is not None
