from __future__ import annotations

import csv
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.rules.csv_cells import to_cell
from shared.rules.errors import InvalidRequest
from shared.rules.phone_numbers import is_e164
from shared.services.campaign_rows import (
    MAX_TEXT_UNITS,
    PreparedRecipient,
    Row,
    RowError,
    check_rows,
    number_rows,
    read_csv,
    sort_out,
)

names = st.from_regex(r"\w{1,8}", fullmatch=True).filter(
    lambda name: name == name.strip() and name.lower() not in {"to", "recipient", "phone"}
)
cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = cells.filter(lambda cell: bool(cell.strip()))
csv_like = st.text("to,;\t\"'\r\n\ufeff +142 a={}", max_size=60)


@given(
    columns=st.lists(names, min_size=1, max_size=4, unique=True),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\r\n", "\n"]),
    at=st.integers(0, 4),
    mark=st.booleans(),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_what_the_csv_module_writes_is_read_back(
    columns: list[str], delimiter: str, end: str, at: int, mark: bool, data: st.DataObject
) -> None:
    row = st.tuples(values, st.fixed_dictionaries({}, optional=dict.fromkeys(columns, values)))
    wanted = data.draw(st.lists(row, max_size=4))
    file = io.StringIO(newline="")
    # With \n alone as its line end, the writer leaves a \r bare.
    if end == "\n":
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    else:
        writer = csv.writer(file, delimiter=delimiter)
    header = [*columns[:at], "to", *columns[at:]]
    writer.writerow([to_cell(name) for name in header])
    writer.writerows([to_cell({**known, "to": to}.get(name, "")) for name in header] for to, known in wanted)

    read = list(read_csv("\ufeff" * mark + file.getvalue()))

    assert read == [Row(number, to, known) for number, (to, known) in enumerate(wanted, start=2)]


@given(text=st.one_of(st.text(max_size=80), csv_like, csv_like.map(lambda rest: f"to,a\n{rest}")))
@settings(max_examples=800, deadline=None)
@example(text='to\n"')
@example(text="to\r\n\x00")
def test_any_text_is_read_or_refused_as_a_wrong_request(text: str) -> None:
    rows = _read(text)

    assert rows == "InvalidCsv" or [*map(_number, rows)] == sorted({*map(_number, rows)})


def _read(text: str) -> list[Row | RowError] | str:
    try:
        return list(read_csv(text))
    except InvalidRequest as refused:
        return refused.code


def _number(row: Row | RowError | str) -> int:
    assert not isinstance(row, str)
    return row.number if isinstance(row, Row) else row.row


@given(
    recipients=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["+14255550101", "+1 425 555 0101", "+14255550102", "12345"]), st.text()),
            st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=20)),
        ),
        max_size=12,
    ),
    template=st.one_of(st.sampled_from(["Hi {{a}}", "{{ a }}{{b}}", "{{a}} {{", "x" * 2040 + "{{b}}"]), st.text()),
)
@settings(max_examples=300, deadline=None)
def test_each_row_is_a_recipient_a_duplicate_or_an_error(
    recipients: list[tuple[str, dict[str, str]]], template: str
) -> None:
    prepared = sort_out(check_rows(number_rows(recipients), template, None))

    rows = [one.row for part in (prepared.recipients, prepared.duplicates, prepared.errors) for one in part]
    assert sorted(rows) == list(range(1, len(recipients) + 1))
    numbers = [one.to for one in prepared.recipients]
    assert len(set(numbers)) == len(numbers)
    assert all(map(is_e164, numbers))
    assert all(map(_fits, prepared.recipients))
    by_row = {one.row: one.to for one in prepared.recipients}
    assert all(duplicate.first in by_row and duplicate.first < duplicate.row for duplicate in prepared.duplicates)
    assert all(isinstance(error, RowError) and error.code and error.message for error in prepared.errors)


def _fits(one: PreparedRecipient) -> bool:
    return 1 <= len(one.text.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_TEXT_UNITS
