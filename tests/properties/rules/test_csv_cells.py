from __future__ import annotations

import csv
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.rules.csv_cells import from_cell, to_cell

risky = st.text("=+-@＝＋－＠'\t\r\n \u00a0\u3000\ufeff\u200b\x001a", max_size=8)
values = st.one_of(risky, st.text(max_size=40))


def _runs(cell: str) -> bool:
    """Return whether a spreadsheet might take the cell for a formula."""
    if cell.startswith(("\t", "\r", "\n")):
        return True
    shown = cell.lstrip().lstrip("\x00\ufeff\u200b").lstrip()
    return shown.startswith(tuple("=+-@＝＋－＠"))


@given(value=values)
@settings(max_examples=500, deadline=None)
@example(value="'")
@example(value="''=1")
@example(value="'+14255550123")
def test_every_value_comes_back_as_it_was(value: str) -> None:
    assert from_cell(to_cell(value)) == value


@given(value=values)
@settings(max_examples=500, deadline=None)
def test_no_cell_begins_with_a_formula(value: str) -> None:
    assert not _runs(to_cell(value))


@given(value=values)
@settings(max_examples=200, deadline=None)
def test_a_cell_is_the_value_or_the_value_behind_one_apostrophe(value: str) -> None:
    assert to_cell(value) in (value, f"'{value}")


@given(value=values, other=values)
@settings(max_examples=200, deadline=None)
def test_two_values_never_share_a_cell(value: str, other: str) -> None:
    assert (to_cell(value) == to_cell(other)) is (value == other)


@given(row=st.lists(values, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_cells_survive_a_csv_file(row: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([to_cell(value) for value in row])
    read = next(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert [from_cell(cell) for cell in read] == row
