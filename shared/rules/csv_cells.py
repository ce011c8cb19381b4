"""Cells of a CSV file that a spreadsheet must show and never run.

A spreadsheet takes a cell that begins with = + - or @ for a formula, also behind white space or in full width
(OWASP, "CSV Injection"). An apostrophe in front makes it text. Quoting and separators are the csv module's.
"""

from __future__ import annotations

import re

_NEEDS_GUARD = re.compile(r"'|[\t\r\n]|[\s\x00\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")


def to_cell(value: str) -> str:
    """Return the value as a cell: with an apostrophe in front if it could run or begins with one."""
    return f"'{value}" if _NEEDS_GUARD.match(value) else value


def from_cell(cell: str) -> str:
    """Return the value that `to_cell` made this cell from: takes away its apostrophe and nothing else."""
    return cell[1:] if cell.startswith("'") and _NEEDS_GUARD.match(cell, 1) else cell
