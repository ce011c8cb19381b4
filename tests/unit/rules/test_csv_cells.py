from __future__ import annotations

import pytest

from shared.rules.csv_cells import from_cell, to_cell


@pytest.mark.parametrize(
    "value",
    [
        "=1+1",
        "+14255550123",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\tx",
        "\rx",
        "  =1",
        "\u00a0=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "\u3000＝1",
        "\ufeff=1",
        "\u200b=1",
        "\x00=1",
        "'=1",
        "'plain",
        "'",
    ],
)
def test_a_cell_that_could_run_gets_an_apostrophe(value: str) -> None:
    assert to_cell(value) == f"'{value}"
    assert from_cell(to_cell(value)) == value


@pytest.mark.parametrize("value", ["", "plain", "12345", "1+1=2", "a@b", " plain", "x'y", "STOP"])
def test_a_harmless_cell_stays_as_it_is(value: str) -> None:
    assert to_cell(value) == value
    assert from_cell(value) == value


@pytest.mark.parametrize("cell", ["'plain", "'12345", "' plain", "'"])
def test_an_apostrophe_that_we_did_not_write_stays(cell: str) -> None:
    assert from_cell(cell) == cell
