"""What an answer of ACS, or the lack of one, means for the texts in the request.

Only three things are certain to have sent nothing: a request that never left, a refusal by status, and 503.
All else is ambiguous: the texts may be on their way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestTimeoutError

from shared.ports.carrier import SendRequest, SendResult
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, CarrierUnavailable, SmsError

_NOT_TAKEN = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.REQUEST_TIMEOUT})
_TARGETS = {"from": "sender", "smsrecipients": "recipients", "message": "text"}


class ItemLike(Protocol):
    """One item of the SDK's answer."""

    to: str
    http_status_code: int
    message_id: str | None
    successful: bool


def results(request: SendRequest, items: Sequence[ItemLike]) -> tuple[SendResult, ...] | None:
    """Return one result per addressee, or None when the answer does not name each of them once.

    Items are matched by place, and by number when the places do not fit. An answer that leaves one out is no
    answer: the repeat, which sends nothing twice, may bring a whole one.
    """
    wanted = [_digits(addressee.to) for addressee in request.addressees]
    got = [_digits(item.to) for item in items]
    if sorted(wanted) != sorted(got) or not all(item.http_status_code for item in items):
        return None
    if wanted != got:
        if len(set(got)) < len(got):
            return None
        places = {number: place for place, number in enumerate(got)}
        items = [items[places[number]] for number in wanted]
    return tuple(_result(addressee.to, item) for addressee, item in zip(request.addressees, items, strict=True))


def meaning(error: Exception, now: datetime) -> SmsError:
    """Return the port's error for what the SDK raised after the request had left.

    CarrierSilent stands for "may have been sent". The SDK's text is in no message: it may quote the answer.
    """
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return unavailable() if _never_connected(error) else silent()
    status = error.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return CarrierThrottled(
            "ACS says that the sender is over its limit. Wait, then try again.",
            retry_after_s=retry_after(_headers(error), now),
        )
    if status in _NOT_TAKEN:
        return unavailable(retry_after(_headers(error), now))
    return _refused(error, status) if 300 <= status < 500 else silent()


def unavailable(retry_after_s: int | None = None) -> CarrierUnavailable:
    """Return the error for a request that ACS did not take."""
    return CarrierUnavailable("ACS did not take the request. Try again.", retry_after_s=retry_after_s)


def silent() -> CarrierSilent:
    """Return the error for a request that ACS may have taken."""
    return CarrierSilent("ACS gave no answer: the text may have been sent. Repeat it with the same ids.")


def retry_after(headers: Mapping[str, str], now: datetime) -> int | None:
    """Return the seconds to wait that a response names, rounded up; None when it names none or nonsense."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if headers.get(name, "").isdecimal():
            return math.ceil(int(headers[name]) / 1000)
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return int(value)
    try:
        return max(0, math.ceil((parsedate_to_datetime(value) - now).total_seconds()))
    except (TypeError, ValueError):
        return None


def _never_connected(error: Exception) -> bool:
    # azure-core says "request error" of a connection that broke midway, too: only aiohttp tells them apart
    from aiohttp import ClientConnectorError  # noqa: PLC0415 - aiohttp loads with the first request, not before

    if isinstance(error, ServiceRequestTimeoutError):
        return True
    return isinstance(error, AzureError) and isinstance(error.inner_exception, ClientConnectorError)


def _refused(error: HttpResponseError, status: int) -> CarrierRefused:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CarrierRefused(
            f"ACS answered {status}: check the ACS connection, its role, and that the sender belongs to it.",
            target="credentials",
        )
    if status == HTTPStatus.NOT_FOUND or status < 400:
        return CarrierRefused(f"ACS answered {status}: check the ACS endpoint.", target="endpoint")
    target = _target(error)
    return CarrierRefused(f"ACS answered {status}: it does not accept the {target} as written.", target=target)


def _target(error: HttpResponseError) -> str:
    """Return which part a refusal is about, by the names in its body, or "request"."""
    try:
        body = json.loads(error.response.text())  # type: ignore[union-attr]  # None raises AttributeError, below
        names = {name.lower() for name in body.get("errors", body)}
    except (AttributeError, TypeError, ValueError):
        return "request"
    return next((target for name, target in _TARGETS.items() if name in names), "request")


def _headers(error: HttpResponseError) -> Mapping[str, str]:
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    return headers


def _result(to: str, item: ItemLike) -> SendResult:
    return SendResult(to, bool(item.successful), int(item.http_status_code), item.message_id or None)


def _digits(number: str) -> str:
    return str(number).lstrip("+")
