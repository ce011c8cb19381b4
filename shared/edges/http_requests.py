"""Reading a request: its size, its content type, its JSON or file, its query, its idempotency key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ValidationError

from shared.edges.api_base import NoQuery
from shared.edges.http_errors import problem_of
from shared.edges.multipart import read_form
from shared.rules.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

BODY_LIMIT = 1024 * 1024
API_VERSION = "2026-11-01"
_NOT_OURS = frozenset({"code", "clientid", "api-version"})
_JSON = "application/json"
_CSV = "text/csv"
_FORM = "multipart/form-data"
_KEY_LIMIT = 256
# The form of an IMF-fixdate, RFC 9110 §5.6.7, the one that may be sent. The date is not needed, so not read.
HTTP_DATE = "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a body comes from: the content type as it was sent, how to get the bytes, how many are taken."""

    content_type: str
    get_body: Callable[[], bytes]
    limit: int = BODY_LIMIT

    @property
    def media_type(self) -> str:
        """Return the content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_upload(self) -> bool:
        """Tell whether it is a file, alone or in a form with its options."""
        return self.media_type in {_CSV, _FORM}

    def body(self) -> bytes:
        """Return the body; PayloadTooLarge over the limit, InvalidRequest when it is empty."""
        body = self.get_body()
        if len(body) > self.limit:
            raise PayloadTooLarge(f"The body is over {self.limit // 1024**2} MiB. Send it in parts.")
        if not body:
            raise InvalidRequest(
                "The body is empty. Send it with a Content-Length; Azure Functions drops chunked bodies.",
                code="EmptyBody",
            )
        return body

    def text(self) -> str:
        """Return the body as text; errors as of `body`, and InvalidRequest when it is not UTF-8."""
        try:
            return self.body().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidRequest("The body is not UTF-8.", code="InvalidEncoding") from None


@dataclass(frozen=True, slots=True)
class Upload(Generic[M]):
    """A CSV file, and what is to be done with it."""

    options: M
    file: str


def read_body(model: type[M], source: Source, *, also: str | None = None) -> M:
    """Return the JSON body as the model.

    Raises:
        PayloadTooLarge, UnsupportedMediaType, InvalidRequest: it is not what the endpoint takes.
    """
    text = source.text()
    if source.media_type != _JSON:
        accepted = f"{_JSON} or {also}" if also else _JSON
        raise UnsupportedMediaType(f"Send the body as {accepted}, and say so in Content-Type.", target="Content-Type")
    return _checked(lambda: model.model_validate_json(text))


def read_text(source: Source) -> str:
    """Return an uploaded file as text."""
    return source.text()


def read_upload(options: type[M], source: Source, params: Mapping[str, str]) -> Upload[M]:
    """Return a file with its options: a CSV body and the query, or the two parts of a form.

    Raises:
        PayloadTooLarge, InvalidRequest: it is not what the endpoint takes.
    """
    if source.media_type == _FORM:
        read_query(NoQuery, params)
        form = read_form(source.content_type, source.body())
        return Upload(_checked(lambda: options.model_validate_json(form.options)), form.file)
    return Upload(_checked(lambda: options.model_validate_strings(_own(params))), source.text())


def all_params(url: str, params: Mapping[str, str]) -> Mapping[str, str]:
    """Return the query with the parameters that have no value, which the Functions host leaves out of `params`."""
    known = {name.lower() for name in params}
    named = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return {**params, **{name: "" for name, value in named if not value and name.lower() not in known}}


def read_query(model: type[M], params: Mapping[str, str]) -> M:
    """Return the query parameters as the model; InvalidRequest for an unknown one or an unknown API version."""
    own = _own(params)
    return _checked(lambda: model.model_validate(own))


def _own(params: Mapping[str, str]) -> Mapping[str, str]:
    version = params.get("api-version", API_VERSION)
    if version != API_VERSION:
        raise InvalidRequest(
            f"This api-version is not known. Use {API_VERSION}, or leave it out.",
            code="UnsupportedApiVersionValue",
            target="api-version",
        )
    return {name: value for name, value in params.items() if name.lower() not in _NOT_OURS}


def _checked(read: Callable[[], M]) -> M:
    try:
        return read()
    except ValidationError as error:
        raise problem_of(error) from None


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the caller's idempotency key, from either header that may carry it; None if there is none.

    Raises:
        InvalidRequest: it is empty or over 256 characters, the two headers differ, or Repeatability-First-Sent is
            not an HTTP date.
    """
    names = ("idempotency-key", "repeatability-request-id")
    keys = {name: headers[name].strip() for name in names if name in headers}
    for name, key in keys.items():
        if not 1 <= len(key) <= _KEY_LIMIT:
            raise InvalidRequest(f"The key must have 1 to {_KEY_LIMIT} characters.", target=name)
    if len(set(keys.values())) > 1:
        raise InvalidRequest(
            "Idempotency-Key and Repeatability-Request-ID differ. Send one of them.", code="IdempotencyKeysDiffer"
        )
    _check_first_sent(headers.get("repeatability-first-sent"))
    return next(iter(keys.values()), None)


def matches(headers: Mapping[str, str], etag: str) -> bool:
    """Tell whether `If-Match` allows a change of what has this ETag: it names it, is `*`, or is not there.

    Weak ETags never match: RFC 9110, section 13.1.1.
    """
    wanted = [one.strip() for one in headers.get("if-match", "*").split(",")]
    return "*" in wanted or etag in wanted


def _check_first_sent(value: str | None) -> None:
    if value is not None and not re.fullmatch(HTTP_DATE, value):
        raise InvalidRequest(
            "This must be an HTTP date, like Tue, 26 Mar 2019 16:06:51 GMT.", target="Repeatability-First-Sent"
        )
