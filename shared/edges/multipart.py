"""A multipart/form-data body of two parts, in any order: options as JSON, and a CSV file (RFC 7578, RFC 2046 §5.1).

The standard library's `email` reads the header lines. It does not read the body: that takes ten times as much
memory, and parts within parts make it recurse. The delimiters are found with `bytes.find`, in linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32

from shared.rules.errors import InvalidRequest

MAX_HEADERS = 4096
_OPTIONS_TYPES = frozenset({"application/json"})
# Browsers on Windows call a CSV file what Excel has registered.
_FILE_TYPES = frozenset({"text/csv", "application/vnd.ms-excel"})
_AS_IT_IS = frozenset({"binary", "8bit", "7bit"})
_UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii"})
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PADDING = b" \t"


@dataclass(frozen=True, slots=True)
class Form:
    """The two parts: the options, a JSON text, and the file, a CSV text without its byte order mark."""

    options: str
    file: str


@dataclass(frozen=True, slots=True)
class _Part:
    headers: Message
    content: memoryview

    def holds(self, types: frozenset[str]) -> bool:
        """Tell whether the part is of one of these content types."""
        return self.headers.get_content_type() in types


def read_form(content_type: str, body: bytes) -> Form:
    """Return the two parts of a body; `content_type` is the request's header, with its boundary.

    Raises:
        InvalidRequest: it is not such a body; code InvalidForm, or InvalidEncoding when a part is not UTF-8.
    """
    parts = _split(body, _boundary(content_type))
    if len(parts) != 2:
        raise _not_two()
    options, file = sorted(map(_opened, parts), key=lambda part: not part.holds(_OPTIONS_TYPES))
    return Form(_text(options, _OPTIONS_TYPES), _text(file, _FILE_TYPES))


def _boundary(content_type: str) -> bytes:
    if len(content_type) > MAX_HEADERS:
        raise _refusal("The Content-Type is too long.")
    header = _headers(f"Content-Type: {content_type}")
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise _refusal("Send multipart/form-data, and name its boundary in Content-Type.")
    if not _BOUNDARY.fullmatch(boundary):
        raise _refusal("The boundary in Content-Type must be 1 to 70 characters that RFC 2046 lets it have.")
    return boundary.encode("ascii")


def _split(body: bytes, boundary: bytes) -> list[memoryview]:
    """Return the parts, two at most, each with its header lines; without what is before and after them all."""
    delimiter = b"\r\n--" + boundary
    parts: list[memoryview] = []
    after = _after_first(body, delimiter)
    while not body.startswith(b"--", after):
        if len(parts) == 2:
            raise _not_two()
        start = _end_of_line(body, after)
        end = _find(body, delimiter, start)
        parts.append(memoryview(body)[start:end])
        after = end + len(delimiter)
    return parts


def _after_first(body: bytes, delimiter: bytes) -> int:
    """Return where the first delimiter ends; it has no line break before it when the body begins with it."""
    begins = body.startswith(delimiter[2:])
    return len(delimiter) - 2 if begins else _find(body, delimiter, 0) + len(delimiter)


def _find(body: bytes, delimiter: bytes, start: int) -> int:
    found = body.find(delimiter, start)
    if found < 0:
        raise _refusal("The body does not end with its boundary: it is cut short, or has another one.")
    return found


def _end_of_line(body: bytes, at: int) -> int:
    while body[at : at + 1] and body[at] in _PADDING:
        at += 1
    if not body.startswith(b"\r\n", at):
        raise _refusal("The lines of a boundary must hold nothing else, and end with CR LF.")
    return at + 2


def _text(part: _Part, accepted: frozenset[str]) -> str:
    headers = part.headers
    if not part.holds(accepted):
        raise _refusal("Give the options the Content-Type application/json, and the file text/csv.")
    if headers.get("Content-Transfer-Encoding", "binary").strip().lower() not in _AS_IT_IS:
        raise _refusal("Send the parts as they are, without a Content-Transfer-Encoding (RFC 7578 §4.7).")
    charset = headers.get_param("charset", "")
    if not isinstance(charset, str) or charset.lower() not in _UTF_8:
        raise _not_utf_8()
    try:
        return str(part.content, "utf-8-sig")
    except UnicodeDecodeError:
        raise _not_utf_8() from None


def _opened(part: memoryview) -> _Part:
    beginning = bytes(part[:MAX_HEADERS])
    end = beginning.find(b"\r\n\r\n")
    if end < 0:
        raise _refusal("A part must have a few header lines, then an empty line, then its content.")
    # Latin-1, so that a file's name may be anything: it is not looked at.
    return _Part(_headers(beginning[:end].decode("latin-1")), part[end + 4 :])


def _headers(head: str) -> Message:
    return HeaderParser(policy=compat32).parsestr(head)


def _not_two() -> InvalidRequest:
    return _refusal("Send two parts: the options as application/json, and the file as text/csv.")


def _refusal(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="InvalidForm")


def _not_utf_8() -> InvalidRequest:
    return InvalidRequest("A part is not UTF-8. Save the file as CSV UTF-8.", code="InvalidEncoding")
