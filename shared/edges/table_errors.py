"""What a failure of the Azure Tables SDK means to the callers of our port."""

from __future__ import annotations

import json
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.ports.tables import EntityChanged, EntityExists
from shared.rules.errors import InternalError, StorageUnavailable

_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_NO_ACCESS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class MissingTableError(Exception):
    """The table itself does not exist yet."""


def explained(error: AzureError) -> Exception:
    """Return the port's exception for an SDK error; raise it `from None`, the SDK's may hold a signature."""
    if not isinstance(error, HttpResponseError):
        return _unavailable(type(error).__name__)
    status, code = error.status_code or 0, _code(error)
    if isinstance(error, ClientAuthenticationError) or status in _NO_ACCESS:
        return _no_access(status)
    if code == "TableBeingDeleted" or status in _BUSY or not 400 <= status < 500:
        return _unavailable(f"{status} {code}".strip())
    return _conflict(status, code) or InternalError(f"Table storage refused a request as wrong ({status} {code}).")


def _conflict(status: int, code: str) -> Exception | None:
    if code == "TableNotFound":
        return MissingTableError()
    if status == HTTPStatus.CONFLICT:
        return EntityExists()
    if status in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_FOUND}:
        return EntityChanged()
    return None


def _no_access(status: int) -> StorageUnavailable:
    return StorageUnavailable(
        f"Table storage does not let this app in ({status or 'no token'}). Check the storage connection, and "
        "that the app's identity has the role Storage Table Data Contributor."
    )


def _unavailable(why: str) -> StorageUnavailable:
    return StorageUnavailable(f"Table storage does not answer ({why}). Try again.")


def _code(error: HttpResponseError) -> str:
    known = getattr(error, "error_code", None)
    if known:
        return str(getattr(known, "value", known))
    try:
        return str(json.loads(error.response.text())["odata.error"]["code"])  # type: ignore[union-attr]  # None: below
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
