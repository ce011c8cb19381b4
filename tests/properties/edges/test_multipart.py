from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.edges.multipart import Form, read_form
from shared.rules.errors import InvalidRequest

TYPE = "multipart/form-data; boundary=B"
PIECES = [
    b"--B", b"--", b"\r\n", b"\n", b"--B\r\n", b"\r\n--B--", b"Content-Type: ", b"application/json", b"text/csv",
    b"; charset=", b"utf-8", b"\r\n\r\n", b"{}", b"to\r\n", b"\xff", b" ", b":", b'"', b"*=", b"''",
]  # fmt: skip
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
bodies = st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join))
types = st.one_of(st.just(TYPE), st.text(max_size=60), texts.map(lambda rest: f"multipart/form-data; boundary={rest}"))


@given(options=texts, file=texts, boundary=st.from_regex(r"[0-9A-Za-z'()+_,\-./:=?]{1,70}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_two_parts_come_back_as_they_were(options: str, file: str, boundary: str) -> None:
    assume(f"\r\n--{boundary}" not in f"\r\n{options}\r\n{file}")
    assume(not options.startswith("\ufeff") and not file.startswith("\ufeff"))
    body = (
        f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{options}\r\n"
        f"--{boundary}\r\nContent-Type: text/csv\r\n\r\n{file}\r\n--{boundary}--\r\n"
    )

    assert read_form(f'multipart/form-data; boundary="{boundary}"', body.encode()) == Form(options, file)


@given(content_type=types, body=bodies)
@settings(max_examples=1000, deadline=None)
def test_any_body_is_read_or_refused_as_a_wrong_request(content_type: str, body: bytes) -> None:
    outcome = _read(content_type, body)

    assert outcome in {"InvalidForm", "InvalidEncoding"} or (
        isinstance(outcome, Form) and outcome.file.encode() in body
    )


def _read(content_type: str, body: bytes) -> Form | str:
    try:
        return read_form(content_type, body)
    except InvalidRequest as refused:
        return refused.code
