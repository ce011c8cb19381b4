"""Every error that a caller may meet, as one tree.

    SmsError
    ├── InvalidRequest            400  the request is wrong as written
    │   ├── InvalidPhoneNumber    400  a number is not one, or cannot be texted
    │   └── MissingPlaceholder    400  a recipient has no value for a placeholder of the text
    ├── Unauthorized              401  nobody has signed in, or not in the way that this app takes
    ├── Forbidden                 403  who has signed in lacks the role
    ├── NotFound                  404
    ├── MethodNotAllowed          405  the address takes other methods
    ├── Conflict                  409  an idempotency key was used for another request, or is in use
    ├── PreconditionFailed        412  an If-Match that no longer matches
    ├── PayloadTooLarge           413
    ├── UnsupportedMediaType      415
    ├── TooManyRequests           429  the caller calls too often
    ├── DailyCapReached           429  so many segments are not left for today
    ├── StorageUnavailable        503  tables or queues do not answer
    ├── CarrierRefused            502  ACS says no, and would again
    ├── CarrierThrottled          429  ACS says: too fast
    ├── CarrierUnavailable        503  ACS did not take the request
    ├── CarrierSilent             504  ACS may or may not have taken the request
    ├── RelayUnavailable          503  the application's topic does not answer
    ├── NotReady                  503  the health check found something missing
    └── InternalError             500  a defect of ours

`code` is a contract with callers, `permanent` says that trying the same again is useless. Messages say what to do
and never hold a phone number, a text, a key or a one-time code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One of several things wrong with a request: where (`target`) and what."""

    code: str
    message: str
    target: str | None = None


class SmsError(Exception):
    """The root: something that a caller is told of, with a stable code and an HTTP status."""

    code = "InternalError"
    http_status = 500
    permanent = True

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        target: str | None = None,
        details: Sequence[ErrorDetail] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.target = target
        self.details = tuple(details)
        self.retry_after_s = retry_after_s


class InvalidRequest(SmsError):
    """The request is wrong as written."""

    code = "InvalidRequest"
    http_status = 400


class InvalidPhoneNumber(InvalidRequest):
    """A number is not a phone number, or is of a kind that cannot be texted."""

    code = "InvalidPhoneNumber"


class MissingPlaceholder(InvalidRequest):
    """A recipient has no value for a placeholder of the text."""

    code = "MissingPlaceholder"


class Unauthorized(SmsError):
    """Nobody has signed in, or not in the way that this app takes."""

    code = "Unauthorized"
    http_status = 401


class Forbidden(SmsError):
    """Who has signed in lacks the app role that the endpoint asks for."""

    code = "Forbidden"
    http_status = 403


class NotFound(SmsError):
    """Nothing has this id."""

    code = "NotFound"
    http_status = 404


class MethodNotAllowed(SmsError):
    """The address takes other methods; `allowed` are these."""

    code = "MethodNotAllowed"
    http_status = 405

    def __init__(self, message: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class Conflict(SmsError):
    """The idempotency key was used for another request, or the first one is still running."""

    code = "Conflict"
    http_status = 409


class PreconditionFailed(SmsError):
    """The resource has changed since the caller's ETag."""

    code = "PreconditionFailed"
    http_status = 412


class PayloadTooLarge(SmsError):
    """The body is larger than this endpoint takes."""

    code = "PayloadTooLarge"
    http_status = 413


class UnsupportedMediaType(SmsError):
    """The body's content type is not one that this endpoint reads."""

    code = "UnsupportedMediaType"
    http_status = 415


class TooManyRequests(SmsError):
    """The caller makes more requests than it may; `retry_after_s` says when to repeat."""

    code = "TooManyRequests"
    http_status = 429
    permanent = False


class DailyCapReached(SmsError):
    """The daily cap has no room for this; `retry_after_s` is the time until midnight UTC."""

    code = "DailyCapReached"
    http_status = 429
    permanent = False


class StorageUnavailable(SmsError):
    """Tables or queues do not answer."""

    code = "StorageUnavailable"
    http_status = 503
    permanent = False


class CarrierRefused(SmsError):
    """ACS refused the whole request and would refuse it again."""

    code = "CarrierRefused"
    http_status = 502


class CarrierThrottled(SmsError):
    """ACS refused the whole request because the sender is over its limit; nothing was sent."""

    code = "CarrierThrottled"
    http_status = 429
    permanent = False


class CarrierUnavailable(SmsError):
    """ACS did not take the request; nothing was sent."""

    code = "CarrierUnavailable"
    http_status = 503
    permanent = False


class CarrierSilent(SmsError):
    """ACS may have taken the request: the connection broke before the answer."""

    code = "CarrierSilent"
    http_status = 504
    permanent = False


class RelayUnavailable(SmsError):
    """The application's topic did not take the events."""

    code = "RelayUnavailable"
    http_status = 503
    permanent = False


class NotReady(SmsError):
    """The health check found that something the app needs does not answer."""

    code = "NotReady"
    http_status = 503
    permanent = False


class InternalError(SmsError):
    """A defect of ours; the request id leads to it in the log."""
