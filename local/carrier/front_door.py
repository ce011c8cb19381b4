"""What every request of the service side passes: api-version and signature; and how answers look and fail."""

from __future__ import annotations

import base64
import re
import secrets
import socket
import struct
import sys
import time

from aiohttp import web

from local.carrier.carrier import Carrier
from local.carrier.clock import utc_now
from local.carrier.signatures import SignedRequest, is_valid
from local.carrier.sms_errors import ServiceError, body_of, unauthorized
from local.carrier.trouble import Authentication

SUPPORTED = "2020-07-20-preview1, 2020-08-20-preview, 2021-03-07"
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")


async def admit(request: web.Request, carrier: Carrier) -> bytes:
    """Return the body of a request with a proper api-version and signature. Raises ServiceError otherwise."""
    body = await request.read()
    if carrier.switches.trouble.authentication is Authentication.STRICT:
        _check_signature(request, body, carrier)
    version = request.query.get("api-version", "")
    if not version:
        raise ServiceError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
    if not _API_VERSION.fullmatch(version):
        raise ServiceError(400, "UnsupportedApiVersionValue", "The api-version is not YYYY-MM-DD[-preview].")
    return body


def answer(request: web.Request, started: float, body: object, status: int = 200) -> web.Response:
    """Return a JSON answer with the service's headers; `started` is `time.perf_counter()` at the beginning."""
    headers = {
        "MS-CV": f"{base64.b64encode(secrets.token_bytes(16))[:22].decode()}.0",
        "api-supported-versions": SUPPORTED,
        "X-Processing-Time": f"{round((time.perf_counter() - started) * 1000)}ms",
        "X-Cache": "CONFIG_NOCACHE",
    }
    client_id = request.headers.get("x-ms-client-request-id")
    if client_id and request.headers.get("x-ms-return-client-request-id") == "true":
        headers["x-ms-client-request-id"] = client_id
    return web.json_response(body, status=status, headers=headers)


def refuse(request: web.Request, started: float, error: ServiceError, carrier: Carrier) -> web.Response:
    """Return the answer for an error, in the style in force."""
    body = body_of(error, carrier.switches.trouble.error_style)
    response = answer(request, started, body, error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def drop_connection(request: web.Request) -> web.Response:
    """Reset the connection, so that the client gets no answer; what is returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # With a linger time of 0 the kernel sends RST, not FIN.
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


def _check_signature(request: web.Request, body: bytes, carrier: Carrier) -> None:
    signed = SignedRequest(
        method=request.method,
        target=request.raw_path,
        host=request.headers.get("Host", ""),
        date=request.headers.get("x-ms-date", ""),
        content_hash=request.headers.get("x-ms-content-sha256", ""),
        authorization=request.headers.get("Authorization", ""),
        body=body,
    )
    if not is_valid(signed, carrier.key, utc_now()):
        raise unauthorized()
