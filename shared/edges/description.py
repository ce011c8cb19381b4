"""What the app tells of its own API."""

from __future__ import annotations

import json
from functools import cache

from shared.edges.api_base import NoQuery
from shared.edges.http import Api, Call, Reply, tagged


async def openapi(http: Api, call: Call[None, NoQuery]) -> Reply:
    """Return the OpenAPI document of these endpoints."""
    return tagged(call, openapi_text(http))


@cache
def openapi_text(http: Api) -> str:
    """Return the OpenAPI document as JSON; made once, when it is first asked for."""
    from shared.edges.openapi import document  # noqa: PLC0415 - no start of the app waits for it

    return json.dumps(document(http.endpoints, sign_in=http.sign_in), ensure_ascii=False)
