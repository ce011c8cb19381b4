"""What a failure of the Azure Queues SDK means to the callers of our port."""

from __future__ import annotations

from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.rules.errors import InternalError, StorageUnavailable

_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_NO_ACCESS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# It goes or is gone: it can be made anew, at once or after the half minute that the service takes to delete one.
_PASSING = frozenset({"QueueNotFound", "QueueBeingDeleted"})


def is_missing_queue(error: AzureError) -> bool:
    """Tell whether the SDK error says that the queue itself does not exist yet."""
    return isinstance(error, HttpResponseError) and _code(error) == "QueueNotFound"


def explained(error: AzureError) -> StorageUnavailable | InternalError:
    """Return the port's exception for an SDK error; raise it `from None`, the SDK's may hold a signature."""
    if not isinstance(error, HttpResponseError):
        return _unavailable(type(error).__name__)
    status, code = error.status_code or 0, _code(error)
    if isinstance(error, ClientAuthenticationError) or status in _NO_ACCESS:
        return _no_access(status)
    if code in _PASSING or status in _BUSY or not 400 <= status < 500:
        return _unavailable(f"{status} {code}".strip())
    return InternalError(f"Queue storage refused a request as wrong ({status} {code}).")


def _no_access(status: int) -> StorageUnavailable:
    return StorageUnavailable(
        f"Queue storage does not let this app in ({status or 'no token'}). Check the storage connection, and "
        "that the app's identity has the role Storage Queue Data Contributor."
    )


def _unavailable(why: str) -> StorageUnavailable:
    return StorageUnavailable(f"Queue storage does not answer ({why}). Try again.")


def _code(error: HttpResponseError) -> str:
    known = getattr(error, "error_code", None)
    return str(getattr(known, "value", known) or "")
