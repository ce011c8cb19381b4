"""A form of two parts, as clients send it and as they must not."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from shared.edges.multipart import Form, read_form
from shared.rules.errors import InvalidRequest

TYPE = "multipart/form-data; boundary=XYZ"
OPTIONS = b'Content-Disposition: form-data; name="options"\r\nContent-Type: application/json\r\n\r\n{"name":"Spring"}'
FILE = b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nto\r\n+1\r\n'
READ = Form('{"name":"Spring"}', "to\r\n+1\r\n")


def _body(*parts: bytes, before: bytes = b"", after: bytes = b"\r\n") -> bytes:
    return before + b"".join(b"--XYZ\r\n" + part + b"\r\n" for part in parts) + b"--XYZ--" + after


def test_the_options_and_the_file_are_read() -> None:
    assert read_form(TYPE, _body(OPTIONS, FILE)) == READ


def test_the_parts_may_come_in_any_order() -> None:
    assert read_form(TYPE, _body(FILE, OPTIONS)) == READ


@pytest.mark.parametrize(
    "content_type",
    ['Multipart/Form-Data; charset=utf-8; BOUNDARY="XYZ"', "multipart/form-data;boundary=XYZ;", f" {TYPE} "],
)
def test_the_boundary_is_found_however_it_is_written(content_type: str) -> None:
    assert read_form(content_type, _body(OPTIONS, FILE)) == READ


@pytest.mark.parametrize(
    "body",
    [
        _body(OPTIONS, FILE, before=b"preamble\r\n"),
        _body(OPTIONS, FILE, before=b"\r\n"),
        _body(OPTIONS, FILE, after=b""),
        _body(OPTIONS, FILE, after=b"\r\nepilogue --XYZ\r\n--XYZ\r\n"),
        _body(OPTIONS, FILE).replace(b"--XYZ\r\n", b"--XYZ \t\r\n"),
        _body(OPTIONS, FILE.replace(b"text/csv", b"Text/CSV; charset=UTF-8")),
        _body(OPTIONS, FILE.replace(b"text/csv", b"application/vnd.ms-excel")),
        _body(OPTIONS, FILE.replace(b"text/csv", b"text/csv\r\nContent-Transfer-Encoding: 8bit")),
        _body(OPTIONS, FILE.replace(b"\r\n\r\nto", b"\r\n\r\n\xef\xbb\xbfto")),
        _body(OPTIONS, FILE.replace(b"a.csv", "März ☃.csv".encode())),
    ],
    ids=["preamble", "line", "no end of line", "epilogue", "padding", "charset", "excel", "8bit", "mark", "file name"],
)
def test_what_rfc_2046_and_browsers_do_is_fine(body: bytes) -> None:
    assert read_form(TYPE, body) == READ


def test_the_content_comes_as_it_is() -> None:
    content = 'to,x\r\n"a\r\n--XY\r\n\n--XYZ"\n\r\x00 --XYZ-- ☃\u2028😀\r\n\r\n'
    part = b"Content-Type: text/csv\r\n\r\n" + content.encode()

    assert read_form(TYPE, _body(OPTIONS, part)).file == content


async def test_what_a_well_known_client_writes_is_read() -> None:
    writer = aiohttp.MultipartWriter("form-data")
    with writer:
        writer.append_json({"name": "Spring"}).set_content_disposition("form-data", name="options")
        writer.append("to\r\n☃", {"Content-Type": "text/csv"}).set_content_disposition("form-data", name="file")
    sink = _Sink()
    await writer.write(sink)  # type: ignore[arg-type]  # all that it needs of a stream

    form = read_form(writer.content_type, bytes(sink.written))

    assert form == Form('{"name": "Spring"}', "to\r\n☃")


class _Sink:
    """Where the writer writes to."""

    def __init__(self) -> None:
        self.written = bytearray()

    async def write(self, chunk: bytes) -> None:
        self.written += chunk
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", _body(OPTIONS, FILE)),
        ("multipart/mixed; boundary=XYZ", _body(OPTIONS, FILE)),
        ("multipart/form-data", _body(OPTIONS, FILE)),
        ("multipart/form-data; boundary=", _body(OPTIONS, FILE)),
        (f"multipart/form-data; boundary={'x' * 71}", _body(OPTIONS, FILE)),
        ('multipart/form-data; boundary="a\r\nb"', _body(OPTIONS, FILE)),
        ("multipart/form-data; boundary*=utf-8''XYZ", _body(OPTIONS, FILE)),
        ("multipart/form-data; boundary=☃", _body(OPTIONS, FILE)),
        ("multipart/form-data; boundary=XYZ; x=" + "y" * 5000, _body(OPTIONS, FILE)),
        ("multipart/form-data; boundary=ABC", _body(OPTIONS, FILE)),
        (TYPE, b""),
        (TYPE, b"--XYZ"),
        (TYPE, b"--XYZ--"),
        (TYPE, _body(OPTIONS)),
        (TYPE, _body(OPTIONS, FILE, FILE)),
        (TYPE, _body(OPTIONS, OPTIONS)),
        (TYPE, _body(FILE, FILE)),
        (TYPE, _body(OPTIONS, FILE)[:-9]),
        (TYPE, _body(OPTIONS, FILE).replace(b"\r\n", b"\n")),
        (TYPE, _body(OPTIONS, FILE).replace(b"--XYZ\r\n", b"--XYZ0\r\n")),
        (TYPE, _body(OPTIONS, b"Content-Type: text/csv")),
        (TYPE, _body(OPTIONS, b"\r\nto\r\n\r\n")),
        (TYPE, _body(OPTIONS, b"X: " + b"y" * 5000 + b"\r\n" + FILE)),
        (TYPE, _body(OPTIONS, FILE.replace(b"text/csv", b"text/plain"))),
        (TYPE, _body(OPTIONS, FILE.replace(b"text/csv", b"text/csv\r\nContent-Transfer-Encoding: base64"))),
    ],
)
def test_any_other_body_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_form(content_type, body)

    assert caught.value.code == "InvalidForm"
    assert "+1" not in caught.value.message


@pytest.mark.parametrize(
    "part",
    [
        FILE.replace(b"+1", "é".encode("latin-1")),
        FILE.replace(b"text/csv", b"text/csv; charset=windows-1252"),
        FILE.replace(b"text/csv", b"text/csv; charset*=utf-8''utf-8"),
    ],
)
def test_a_part_in_another_encoding_is_refused(part: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_form(TYPE, _body(OPTIONS, part))

    assert caught.value.code == "InvalidEncoding"
