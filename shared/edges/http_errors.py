"""The one error shape: `{"error":{"code","message","target"?,"details"?}}`, with the code in a header as well."""

from __future__ import annotations

import json
from http import HTTPStatus

import azure.functions as func
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.rules.errors import ErrorDetail, InvalidRequest, MethodNotAllowed, SmsError

_CODES = {
    "missing": ("MissingField", "This field must be given."),
    "extra_forbidden": ("UnknownField", "This is not a field of the request."),
    "json_invalid": ("InvalidJson", "The body is not valid JSON."),
    "string_too_long": ("TooLong", "This must have at most {max_length} characters (an emoji counts as two)."),
    "too_long": ("TooMany", "This must have at most {max_length} entries."),
    "string_too_short": ("TooShort", "This must not be empty."),
    "time_out_of_range": ("TimeOutOfRange", "This must be a time from the year 2000 to the year 3000."),
    "too_short": ("TooFew", "This must not be empty."),
}
_MOST_DETAILS = 20


def error_body(error: SmsError) -> dict[str, object]:
    """Return the error as it is shown, under the key `error`."""
    shown: dict[str, object] = {"code": error.code, "message": error.message}
    if error.target:
        shown["target"] = error.target
    if error.details:
        shown["details"] = [_detail(detail) for detail in error.details]
    return {"error": shown}


def error_response(error: SmsError) -> func.HttpResponse:
    """Return the error as an HTTP response."""
    headers = {"x-ms-error-code": error.code}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    return func.HttpResponse(
        json.dumps(error_body(error), ensure_ascii=False),
        status_code=error.http_status,
        headers=headers,
        mimetype="application/json",
        charset="utf-8",
    )


def problem_of(error: ValidationError) -> InvalidRequest:
    """Return what is wrong with a request, without repeating any of its values."""
    found = error.errors(include_input=False, include_url=False)
    details = [_read(one) for one in found[:_MOST_DETAILS]]
    if len(found) == 1:
        return InvalidRequest(details[0].message, code=details[0].code, target=details[0].target)
    return InvalidRequest(f"{len(found)} things are wrong with this request; the details name them.", details=details)


def _read(problem: ErrorDetails) -> ErrorDetail:
    code, own = _CODES.get(problem["type"], ("InvalidValue", ""))
    message = own.format_map(problem.get("ctx", {})) or f"{problem['msg'].removeprefix('Value error, ').rstrip('.')}."
    return ErrorDetail(code, message[0].upper() + message[1:], _path(problem["loc"]) or None)


def _path(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _detail(detail: ErrorDetail) -> dict[str, str]:
    shown = {"code": detail.code, "message": detail.message}
    return shown | {"target": detail.target} if detail.target else shown
