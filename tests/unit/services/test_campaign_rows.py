"""The recipients of a campaign, read from CSV and JSON and sorted out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from shared.rules.errors import InvalidRequest
from shared.services.campaign_rows import (
    MAX_ROWS,
    MAX_TEXT_UNITS,
    Duplicate,
    Prepared,
    PreparedRecipient,
    Row,
    RowError,
    check_rows,
    number_rows,
    read_csv,
    sort_out,
)

ADA = "+14255550101"
BEN = "+14255550102"
CY = "+14255550103"


def _codes(errors: tuple[RowError, ...]) -> list[tuple[int, str]]:
    return [(error.row, error.code) for error in errors]


def _prepare(rows: Iterable[Row | RowError], template: str, region: str | None) -> Prepared:
    return sort_out(check_rows(rows, template, region))


def test_each_column_but_the_recipients_is_a_value() -> None:
    rows = list(read_csv(f"to,name,city\n{ADA},Ada,London\n{BEN},Ben,Paris\n"))

    assert rows == [
        Row(2, ADA, {"name": "Ada", "city": "London"}),
        Row(3, BEN, {"name": "Ben", "city": "Paris"}),
    ]


@pytest.mark.parametrize("name", ["to", "To", "TO", "recipient", "Phone", " phone ", '"to"'])
def test_the_recipients_column_has_several_names(name: str) -> None:
    assert list(read_csv(f"first,{name}\nAda,{ADA}\n")) == [Row(2, ADA, {"first": "Ada"})]


def test_of_several_columns_that_may_be_the_recipients_to_comes_first_and_the_others_are_values() -> None:
    assert list(read_csv(f"phone,to\n{BEN},{ADA}\n")) == [Row(2, ADA, {"phone": BEN})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_shows_the_delimiter_whatever_the_rows_have(delimiter: str) -> None:
    others = "".join({",", ";"} - {delimiter})
    text = f"to{delimiter}greeting\n{ADA}{delimiter}Hello{others}{others}you\n"

    assert list(read_csv(text)) == [Row(2, ADA, {"greeting": f"Hello{others}{others}you"})]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(end: str, mark: str) -> None:
    text = end.join([f"{mark}to,name", f"{ADA},Ada", f'{BEN},"Ben{end}and Bo"'])

    assert list(read_csv(text)) == [Row(2, ADA, {"name": "Ada"}), Row(3, BEN, {"name": f"Ben{end}and Bo"})]


def test_the_apostrophe_that_keeps_a_spreadsheet_from_running_a_cell_is_taken_away() -> None:
    rows = list(read_csv(f"to,name\n'{ADA},'=Ada\n'{BEN},'n Beetje\n"))

    assert rows == [Row(2, ADA, {"name": "=Ada"}), Row(3, BEN, {"name": "'n Beetje"})]


def test_an_empty_cell_is_no_value() -> None:
    rows = list(read_csv(f"to,name,city\n{ADA},, \n{BEN}\n,Cy,\n"))

    assert rows == [Row(2, ADA), Row(3, BEN), Row(4, "", {"name": "Cy"})]


def test_empty_rows_are_left_out_and_count() -> None:
    assert list(read_csv(f"to,name\n\n{ADA},Ada\n,\n  ,\n{BEN},Ben\n")) == [
        Row(3, ADA, {"name": "Ada"}),
        Row(6, BEN, {"name": "Ben"}),
    ]


@pytest.mark.parametrize("header", ["to,name", "to,name,", "to,,name"])
def test_a_row_with_a_cell_that_no_column_names_is_an_error(header: str) -> None:
    errors = [row for row in read_csv(f"{header}\n{ADA},Smith, Ada, Dr\n{BEN}\n") if isinstance(row, RowError)]

    assert _codes(tuple(errors)) == [(2, "TooManyCells")]
    assert "Smith" not in errors[0].message


def test_empty_cells_beyond_the_columns_do_not_matter() -> None:
    assert list(read_csv(f"to,name,\n{ADA},Ada,,,\n")) == [Row(2, ADA, {"name": "Ada"})]


@pytest.mark.parametrize(
    "text",
    ["", "\ufeff", "\n", f"{ADA},Ada\n", "name,city\n", '"to,name\n', "to|name\n", "to," + "x," * 100],
    ids=["nothing", "mark", "empty line", "no header", "no recipient", "open quote", "delimiter", "columns"],
)
def test_a_header_without_the_recipient_is_refused_at_once_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidRequest, match="`to`") as caught:
        read_csv(text)

    assert caught.value.code == "InvalidCsv"
    assert "4255550101" not in str(caught.value)


@pytest.mark.parametrize("header", ["to,name,name", "To,to", "phone,PHONE", "to,name, name"])
def test_a_column_that_is_named_twice_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        read_csv(f"{header}\n{ADA},Ada,Ben\n")


@pytest.mark.parametrize("cell", ['"open', '"a"b', "x" * 200_000, ";" * 300_000])
def test_what_is_not_csv_is_refused_from_that_row_on(cell: str) -> None:
    rows = read_csv(f"to,name\n{ADA},Ada\n{BEN},{cell}\n")
    assert next(rows) == Row(2, ADA, {"name": "Ada"})

    with pytest.raises(InvalidRequest) as caught:
        next(rows)

    assert (caught.value.code, caught.value.target) == ("InvalidCsv", "row 3")


def test_a_file_or_a_list_has_a_hundred_thousand_rows_at_most() -> None:
    numbers = [f"+1425{5550000 + number}" for number in range(MAX_ROWS)]
    full = "to\n" + "\n\n".join(numbers)
    assert sum(1 for _ in read_csv(full)) == MAX_ROWS
    assert sum(1 for _ in number_rows((number, {}) for number in numbers)) == MAX_ROWS

    for rows in (read_csv(full + "\n1"), number_rows((number, {}) for number in itertools.repeat(ADA))):
        with pytest.raises(InvalidRequest) as caught:
            sum(1 for _ in rows)
        assert caught.value.code == "TooMany"


def test_rows_of_json_count_from_one_and_keep_empty_values() -> None:
    assert list(number_rows([(ADA, {"name": ""}), (BEN, {})])) == [Row(1, ADA, {"name": ""}), Row(2, BEN)]


def test_each_recipient_gets_its_own_text() -> None:
    prepared = _prepare(read_csv(f"to,name\n{ADA},Ada\n{BEN},Ben\n"), "Hello {{name}}", None)

    assert prepared.recipients == (PreparedRecipient(2, ADA, "Hello Ada"), PreparedRecipient(3, BEN, "Hello Ben"))
    assert prepared.duplicates == ()
    assert prepared.errors == ()


def test_equal_texts_are_one_string() -> None:
    rows = [Row(1, ADA, {"name": "you"}), Row(2, BEN, {"name": "you"})]

    first, second = _prepare(rows, "Hello {{name}}", None).recipients

    assert first.text is second.text


def test_a_number_in_national_form_is_read_by_the_region() -> None:
    rows = [Row(1, "(425) 555-0101"), Row(2, "+44 7700 900123")]

    assert [one.to for one in _prepare(rows, "Hello", "US").recipients] == [ADA, "+447700900123"]
    assert _codes(_prepare(rows, "Hello", None).errors) == [(1, "MissingCountryCode")]


def test_a_recipient_comes_once_in_whatever_form_it_is_written() -> None:
    rows = [Row(1, ADA), Row(2, BEN), Row(3, "+1 (425) 555-0101"), Row(4, "425-555-0101")]

    prepared = _prepare(rows, "Hello", "US")

    assert [one.to for one in prepared.recipients] == [ADA, BEN]
    assert prepared.duplicates == (Duplicate(3, 1), Duplicate(4, 1))


def test_a_row_that_is_an_error_does_not_make_a_later_one_a_duplicate() -> None:
    prepared = _prepare([Row(1, ADA), Row(2, ADA, {"name": "Ada"})], "Hello {{name}}", None)

    assert prepared.recipients == (PreparedRecipient(2, ADA, "Hello Ada"),)
    assert _codes(prepared.errors) == [(1, "MissingPlaceholder")]


def test_a_wrong_row_is_its_own_error_and_hurts_no_other() -> None:
    rows: list[Row | RowError] = [
        Row(1, "nobody", {"name": "x"}),
        Row(2, ADA),
        RowError(3, "TooManyCells", "…"),
        Row(4, BEN, {"name": "x" * MAX_TEXT_UNITS}),
        Row(5, "112", {"name": "x"}),
        Row(6, CY, {"name": "Cy"}),
    ]

    prepared = _prepare(rows, "{{name}}!", None)

    assert prepared.recipients == (PreparedRecipient(6, CY, "Cy!"),)
    assert _codes(prepared.errors) == [
        (1, "NotAPhoneNumber"),
        (2, "MissingPlaceholder"),
        (3, "TooManyCells"),
        (4, "TextTooLong"),
        (5, "ShortNumberNotAllowed"),
    ]
    assert not any("nobody" in error.message or "xx" in error.message for error in prepared.errors)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * MAX_TEXT_UNITS, None),
        ("😀" * (MAX_TEXT_UNITS // 2), None),
        ("😀" * (MAX_TEXT_UNITS // 2) + "x", "TextTooLong"),
        ("", "EmptyText"),
        (" \n\u3000", "EmptyText"),
    ],
    ids=["longest", "longest of emoji", "too long", "empty", "blank"],
)
def test_a_filled_text_has_1_to_2048_units(text: str, code: str | None) -> None:
    prepared = _prepare([Row(1, ADA, {"all": text})], "{{all}}", None)

    assert [error.code for error in prepared.errors] == [code] * (code is not None)


def test_a_row_is_checked_when_it_is_asked_for() -> None:
    rows = itertools.chain([Row(1, ADA)], itertools.repeat(Row(2, ADA)))

    outcomes = list(itertools.islice(check_rows(rows, "Hello", None), 3))

    assert outcomes == [PreparedRecipient(1, ADA, "Hello"), Duplicate(2, 1), Duplicate(2, 1)]
