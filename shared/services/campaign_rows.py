"""The recipients of a campaign as they were handed in: rows of JSON or CSV, and each row's own text.

A row that cannot be texted is an error of that row and not of the campaign. Errors name the row and never show
what is in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from shared.rules.csv_cells import from_cell
from shared.rules.errors import InvalidRequest
from shared.rules.phone_numbers import normalize
from shared.rules.templates import render

MAX_ROWS = 100_000
MAX_COLUMNS = 100
# What ACS takes; it counts as .NET does, in UTF-16 units.
MAX_TEXT_UNITS = 2048
RECIPIENT_COLUMNS = ("to", "recipient", "phone")
_MAX_LINE = 256 * 1024
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient as handed in. `number` is the row's place: 1 is the first of JSON, the header of CSV."""

    number: int
    to: str
    vars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row cannot be texted: a code that is a contract with callers, and what to do about it."""

    row: int
    code: str
    message: str


R = TypeVar("R", bound=Row | RowError)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row whose recipient has its text from an earlier row, the `first`."""

    row: int
    first: int


@dataclass(frozen=True, slots=True)
class PreparedRecipient:
    """One recipient to be texted: the number in E.164, and the text with its placeholders filled."""

    row: int
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """All rows of a campaign, sorted out; in each part in the order of the rows."""

    recipients: tuple[PreparedRecipient, ...]
    duplicates: tuple[Duplicate, ...]
    errors: tuple[RowError, ...]


def number_rows(recipients: Iterable[tuple[str, Mapping[str, str]]]) -> Iterator[Row]:
    """Return the recipients of a JSON body, each a number and its values, as rows counted from 1.

    Raises:
        InvalidRequest: while it is read, code TooMany, at the row beyond 100,000.
    """
    return _at_most(Row(number, to, values) for number, (to, values) in enumerate(recipients, start=1))


def read_csv(text: str) -> Iterator[Row | RowError]:
    """Return the rows of a CSV file, counted as a spreadsheet does: the header is row 1, empty rows count.

    The header names the recipient's column `to` (or `recipient`, or `phone`, in any case), the others are
    values for placeholders. It also shows the delimiter: comma, semicolon or tab. An empty cell is no value. A
    row with more cells than columns is an error: its cells may stand under the wrong names.

    Raises:
        InvalidRequest: at once, code InvalidCsv, when the header is wrong. While it is read, with the same code
            when a quote is open or misplaced, with code TooMany at the row beyond 100,000.
    """
    text = text.removeprefix("\ufeff")
    return _at_most(_read_rows(text, _header_of(text)))


def check_rows(
    rows: Iterable[Row | RowError], template: str, region: str | None
) -> Iterator[PreparedRecipient | Duplicate | RowError]:
    """Return what becomes of each row, one by one, in memory for little more than the numbers.

    Only a recipient that is to be texted makes a later row its duplicate, in whatever form it was written. `region`
    is the ISO 3166 code by which national numbers are read.

    Raises:
        InvalidRequest: while it is read, as what gives the rows does.
    """
    first_rows: dict[str, int] = {}
    for row in rows:
        outcome = row if isinstance(row, RowError) else _check_row(row, first_rows, template, region)
        if isinstance(outcome, PreparedRecipient):
            first_rows[outcome.to] = outcome.row
        yield outcome


def sort_out(outcomes: Iterable[PreparedRecipient | Duplicate | RowError]) -> Prepared:
    """Return what `check_rows` gave, each kind by itself. Equal texts become one string in memory."""
    texts: dict[str, str] = {}
    recipients: list[PreparedRecipient] = []
    duplicates: list[Duplicate] = []
    errors: list[RowError] = []
    for outcome in outcomes:
        match outcome:
            case PreparedRecipient():
                recipients.append(replace(outcome, text=texts.setdefault(outcome.text, outcome.text)))
            case Duplicate():
                duplicates.append(outcome)
            case RowError():
                errors.append(outcome)
    return Prepared(tuple(recipients), tuple(duplicates), tuple(errors))


def _check_row(
    row: Row, first_rows: Mapping[str, int], template: str, region: str | None
) -> PreparedRecipient | Duplicate | RowError:
    try:
        to = normalize(row.to, region)
        if to in first_rows:
            return Duplicate(row.number, first_rows[to])
        text = render(template, row.vars)
    except InvalidRequest as problem:
        return RowError(row.number, problem.code, problem.message)
    return _text_error(row.number, text) or PreparedRecipient(row.number, to, text)


def _text_error(number: int, text: str) -> RowError | None:
    if not text or text.isspace():
        return RowError(number, "EmptyText", "The text is empty once its placeholders are filled.")
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > MAX_TEXT_UNITS:
        return RowError(
            number,
            "TextTooLong",
            f"The text has more than {MAX_TEXT_UNITS} characters once its placeholders are filled "
            "(an emoji counts as two).",
        )
    return None


@dataclass(frozen=True, slots=True)
class _Header:
    """The columns of a file: where the recipient stands, and each value's place and name."""

    delimiter: str
    size: int
    to: int
    values: tuple[tuple[int, str], ...]
    unnamed: tuple[int, ...]


def _header_of(text: str) -> _Header:
    headers = (_header(delimiter, _first_record(text, delimiter)) for delimiter in _DELIMITERS)
    found = max((header for header in headers if header), key=lambda header: header.size, default=None)
    if found is None:
        raise InvalidRequest(
            f"The first line must name the columns, {MAX_COLUMNS} at most and `to` among them, with commas, "
            "semicolons or tabs between them.",
            code="InvalidCsv",
        )
    names = [name for _, name in found.values]
    if len(set(names)) < len(names):
        raise InvalidRequest("The first line names a column twice: give each its own name.", code="InvalidCsv")
    return found


def _first_record(text: str, delimiter: str) -> Sequence[str]:
    try:
        return next(_records(text, delimiter), ())
    except csv.Error:
        return ()


def _header(delimiter: str, cells: Sequence[str]) -> _Header | None:
    if len(cells) > MAX_COLUMNS:
        return None
    names = [from_cell(cell).strip() for cell in cells]
    folded = [name.lower() for name in names]
    known = [name for name in RECIPIENT_COLUMNS if name in folded]
    if not known:
        return None
    to = folded.index(known[0])
    # A second `To` is no value: it keeps its folded name and is found to be a repetition.
    values = [(place, known[0] if folded[place] == known[0] else name) for place, name in enumerate(names) if name]
    return _Header(
        delimiter=delimiter,
        size=len(names),
        to=to,
        values=tuple(values),
        unnamed=tuple(place for place, name in enumerate(names) if not name),
    )


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(_lines(text), delimiter=delimiter, strict=True)


def _lines(text: str) -> Iterator[str]:
    """Return the lines with their ends; a line of millions of cells would take hundreds of megabytes."""
    for line in io.StringIO(text, newline=""):
        if len(line) > _MAX_LINE:
            raise csv.Error
        yield line


def _read_rows(text: str, header: _Header) -> Iterator[Row | RowError]:
    number = 0
    try:
        for number, cells in enumerate(_records(text, header.delimiter), start=1):
            if number > 1 and any(map(_is_filled, cells)):
                yield _row(number, cells, header)
    except csv.Error:
        raise InvalidRequest(
            "The file is not CSV from this row on: a quote is open or misplaced, or a line is huge.",
            code="InvalidCsv",
            target=f"row {number + 1}",
        ) from None


def _row(number: int, cells: Sequence[str], header: _Header) -> Row | RowError:
    size = len(cells)
    nameless = [*cells[header.size :], *(cells[place] for place in header.unnamed if place < size)]
    if any(map(_is_filled, nameless)):
        return RowError(
            number,
            "TooManyCells",
            "The row has a cell without a column: put a cell that has the delimiter in it in double quotes.",
        )
    values = {
        name: from_cell(cells[place])
        for place, name in header.values
        if place != header.to and place < size and _is_filled(cells[place])
    }
    return Row(number, from_cell(cells[header.to]) if header.to < size else "", values)


def _is_filled(cell: str) -> bool:
    return bool(cell) and not cell.isspace()


def _at_most(rows: Iterable[R]) -> Iterator[R]:
    for count, row in enumerate(rows):
        if count == MAX_ROWS:
            raise InvalidRequest(
                f"A campaign has at most {MAX_ROWS:,} recipients: make another one of the rest.", code="TooMany"
            )
        yield row
