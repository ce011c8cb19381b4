"""The service's errors, and the bodies in which it has been seen to write them."""

from __future__ import annotations

from local.carrier.events import Json
from local.carrier.ids import new_guid
from local.carrier.trouble import ErrorStyle


class ServiceError(Exception):
    """A whole request is refused. `target` names the field of a 400 (PascalCase, as ASP.NET writes it)."""

    def __init__(
        self, status: int, code: str, message: str, target: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.retry_after = retry_after


def invalid(target: str, message: str) -> ServiceError:
    """Return the 400 for one field."""
    return ServiceError(400, "BadRequest", message, target)


def unauthorized() -> ServiceError:
    """Return the 401 for a bad signature and for a sender that the resource does not own; it says no more."""
    return ServiceError(401, "Unauthorized", "")


def body_of(error: ServiceError, style: ErrorStyle) -> Json:
    """Return the JSON body; only a 400 about a field differs by style."""
    if error.target is None or style is ErrorStyle.ERROR:
        return {"error": {"code": error.code, "message": error.message}}
    fields: Json = {error.target: [error.message]}
    return fields if style is ErrorStyle.LEGACY else _validation_problem(fields)


def not_found() -> Json:
    """Return the ProblemDetails of an unknown delivery report (RFC 9457)."""
    return {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.5",
        "title": "Not Found",
        "status": 404,
        "traceId": _trace_id(),
    }


def _validation_problem(fields: Json) -> Json:
    return {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": fields,
        "traceId": _trace_id(),
    }


def _trace_id() -> str:
    digits = (new_guid() + new_guid()).replace("-", "")
    return f"00-{digits[:32]}-{digits[32:48]}-00"
