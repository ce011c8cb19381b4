"""What is declared of each HTTP endpoint: enough to serve it, to describe it, and to hold documents and tests to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pydantic import BaseModel

from shared.edges.access import Role
from shared.edges.http_requests import BODY_LIMIT
from shared.rules.errors import (
    Forbidden,
    InternalError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    SmsError,
    StorageUnavailable,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
)

JSON, CSV, FORM = "application/json", "text/csv", "multipart/form-data"


class Promises(TypedDict, total=False):
    """What else an endpoint takes and gives; see the fields of `Endpoint` that have these names."""

    raises: tuple[type[SmsError], ...]
    idempotent: bool
    tagged: bool
    conditional: bool
    monitored: bool
    exports: bool
    file_answers: type[BaseModel]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The declaration of one endpoint.

    Besides JSON it may take a file of the content type `file`; or, with `options`, CSV files with these options.
    `limit` is the most bytes that a body may have. `role` is who may call it. Without a model in `answers`, it gives
    a file of the content type `media_type`.

    `raises` are the errors of its own, beside those that follow from the rest (`errors`). `idempotent`: it takes an
    idempotency key. `tagged`: its answers have an ETag. `conditional`: they have, and it takes `If-Match`. `monitored`:
    an answer says in Operation-Location where to see how far it is. `exports`: it gives the whole list as CSV, if
    asked. `file_answers` is the answer to a file.
    """

    name: str
    method: str
    route: str
    status: int
    summary: str
    role: Role
    query: type[BaseModel]
    answers: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    file: str | None = None
    options: type[BaseModel] | None = None
    limit: int = BODY_LIMIT
    media_type: str = JSON
    raises: tuple[type[SmsError], ...] = ()
    idempotent: bool = False
    tagged: bool = False
    conditional: bool = False
    monitored: bool = False
    exports: bool = False
    file_answers: type[BaseModel] | None = None

    @property
    def errors(self) -> tuple[type[SmsError], ...]:
        """Return every error that it may answer with, by status."""
        guarded = (Unauthorized, Forbidden, TooManyRequests) if self.role is not Role.ANYONE else ()
        named = (NotFound,) if "{" in self.route else ()
        written = (PayloadTooLarge, UnsupportedMediaType) if self.body else ()
        matched = (PreconditionFailed,) if self.conditional else ()
        stored = (StorageUnavailable,) if self.answers else ()
        found = {InvalidRequest, *guarded, *named, *written, *matched, *self.raises, InternalError, *stored}
        return tuple(sorted(found, key=lambda one: (one.http_status, one.__name__)))
