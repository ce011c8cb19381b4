"""What the operations of the OpenAPI document share: parameters, headers, and how callers show who they are."""

from __future__ import annotations

from shared.edges.http_requests import API_VERSION, HTTP_DATE
from shared.edges.openapi_schemas import Json

ABOUT = """Send texts, one or many, see what became of them, and never text who said STOP.

Names are camelCase, times are RFC 3339 in UTC. A field without a value is left out of an answer. Every error has the
shape of `ErrorBody`. docs/api.md has more of each endpoint."""

HEADERS: Json = {
    "RequestId": {"description": "The log has the same id.", "schema": {"type": "string", "format": "uuid"}},
    "ErrorCode": {"description": "The code of the error.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds to wait, where they are known.", "schema": {"type": "integer"}},
    "ETag": {"description": "Stands for the answer; for `If-None-Match` and `If-Match`.", "schema": {"type": "string"}},
    "OperationLocation": {"description": "Where to see how far it is.", "schema": {"type": "string", "format": "uri"}},
}


def _header(name: str, description: str, **schema: object) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


_KEY = "A new one for each request: then the request may be repeated, and is done once."

PARAMETERS: Json = {
    "ApiVersion": {
        "name": "api-version",
        "in": "query",
        "description": "May be left out.",
        "schema": {"type": "string", "enum": [API_VERSION]},
    },
    "ClientRequestId": _header("x-ms-client-request-id", "Comes back in the answer."),
    "IfNoneMatch": _header("If-None-Match", "An ETag: while it still holds, the answer is 304."),
    "IfMatch": _header("If-Match", "An ETag: if it no longer holds, nothing is changed, and the answer is 412."),
    "IdempotencyKey": _header("Idempotency-Key", _KEY, minLength=1, maxLength=256),
    "RepeatabilityRequestId": _header(
        "Repeatability-Request-ID", "The same as `Idempotency-Key`.", minLength=1, maxLength=256
    ),
    "RepeatabilityFirstSent": {
        **_header("Repeatability-First-Sent", "An HTTP date. Looked at, and not needed.", pattern=f"^{HTTP_DATE}$"),
        "example": "Tue, 26 Mar 2019 16:06:51 GMT",
    },
}

SCHEMES: Json = {
    "functionKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-functions-key",
        "description": "A key of the function, or of the host.",
    },
    "entra": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of Microsoft Entra with the app role of the endpoint, or with Sms.Admin.",
    },
}


def reference(kind: str, name: str) -> Json:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}
