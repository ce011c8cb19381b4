"""The description of the API in OpenAPI 3.1, made of the declarations of its endpoints.

It is made when it is first asked for, so that a start of the app does not wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from itertools import groupby

from pydantic import BaseModel

from shared.edges.access import Role
from shared.edges.declarations import CSV, FORM, JSON, Endpoint
from shared.edges.http_requests import API_VERSION
from shared.edges.openapi_parts import ABOUT, HEADERS, PARAMETERS, SCHEMES, reference
from shared.edges.openapi_schemas import Json, parameters_of, schemas_of
from shared.edges.openapi_words import EXAMPLE_IDS, TAGS
from shared.edges.path_ids import IDS
from shared.rules.errors import SmsError

_TEXT: Json = {"type": "string"}
_FILE: Json = {"type": "string", "minLength": 1}
_ALL = {"x-ms-request-id": reference("headers", "RequestId")}
_OF_ERRORS = {
    **_ALL,
    "x-ms-error-code": reference("headers", "ErrorCode"),
    "Retry-After": reference("headers", "RetryAfter"),
}


def document(endpoints: Sequence[Endpoint], *, sign_in: bool) -> Json:
    """Return the document; with `sign_in`, callers bring tokens instead of function keys."""
    writer = _Writer(sign_in=sign_in)
    routes = groupby(sorted(endpoints, key=lambda one: one.route), lambda one: one.route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SMS backend",
            "description": ABOUT,
            "version": API_VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api", "description": "This app."}],
        "tags": [{"name": tag, "description": TAGS.get(tag, tag)} for tag in dict.fromkeys(map(_tag, endpoints))],
        "paths": {f"/{route}": writer.path(list(group)) for route, group in routes},
        "components": {
            "schemas": schemas_of(_requests(endpoints), _answers(endpoints)),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {writer.scheme: SCHEMES[writer.scheme]},
        },
    }


class _Writer:
    """Writes paths and operations."""

    def __init__(self, *, sign_in: bool) -> None:
        self._sign_in = sign_in
        self.scheme = "entra" if sign_in else "functionKey"

    def path(self, endpoints: Sequence[Endpoint]) -> Json:
        """Return the path item of the endpoints of one route."""
        operations = {one.method.lower(): self._operation(one) for one in endpoints}
        named = [_path_parameter(endpoints[0].route, name) for name in re.findall(r"{(\w+)}", endpoints[0].route)]
        return {**({"parameters": named} if named else {}), **operations}

    def _operation(self, endpoint: Endpoint) -> Json:
        operation: Json = {
            "operationId": endpoint.name,
            "tags": [_tag(endpoint)],
            "summary": endpoint.summary,
            "parameters": _parameters(endpoint),
            "responses": self._responses(endpoint),
            "security": self._security(endpoint),
        }
        return {**operation, "requestBody": _body(endpoint)} if endpoint.body else operation

    def _security(self, endpoint: Endpoint) -> list[Json]:
        if endpoint.role is Role.ANYONE:
            return []
        return [{self.scheme: [endpoint.role.value] if self._sign_in else []}]

    def _responses(self, endpoint: Endpoint) -> Json:
        responses = {str(endpoint.status): _answer(endpoint)}
        if endpoint.tagged:
            tag = {**_ALL, "ETag": reference("headers", "ETag")}
            responses["304"] = {"description": "The caller's ETag still holds.", "headers": tag}
        by_status = groupby(endpoint.errors, lambda error: error.http_status)
        return responses | {str(status): self._error(status, list(errors)) for status, errors in by_status}

    def _error(self, status: int, errors: Sequence[type[SmsError]]) -> Json:
        description = " ".join((error.__doc__ or "").partition("\n")[0] for error in errors)
        if status == HTTPStatus.UNAUTHORIZED and not self._sign_in:
            # The Functions host says so itself, without a body.
            return {"description": "No key, or a wrong one."}
        return {"description": description, "headers": _OF_ERRORS, "content": _json("ErrorBody")}


def _answer(endpoint: Endpoint) -> Json:
    headers = dict(_ALL)
    if endpoint.tagged or endpoint.conditional:
        headers["ETag"] = reference("headers", "ETag")
    if endpoint.monitored:
        headers["Operation-Location"] = reference("headers", "OperationLocation")
    return {"description": HTTPStatus(endpoint.status).phrase, "headers": headers, "content": _content(endpoint)}


def _content(endpoint: Endpoint) -> Json:
    if endpoint.answers is None:
        return {endpoint.media_type: {"schema": {} if endpoint.media_type == JSON else _TEXT}}
    if endpoint.file_answers:
        either = [reference("schemas", model.__name__) for model in (endpoint.answers, endpoint.file_answers)]
        return {JSON: {"schema": {"anyOf": either}}}
    return {**_json(endpoint.answers.__name__), **({CSV: {"schema": _TEXT}} if endpoint.exports else {})}


def _json(model: str) -> Json:
    return {JSON: {"schema": reference("schemas", model)}}


def _body(endpoint: Endpoint) -> Json:
    assert endpoint.body  # noqa: S101 - the caller has looked
    content = _json(endpoint.body.__name__)
    if endpoint.file:
        content[endpoint.file] = {"schema": _FILE}
    if endpoint.options:
        content[CSV] = {"schema": _FILE}
        content[FORM] = _form(endpoint.options)
    return {"required": True, "content": content}


def _form(options: type[BaseModel]) -> Json:
    parts = {"options": reference("schemas", options.__name__), "file": _FILE}
    schema = {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}
    return {"schema": schema, "encoding": {"options": {"contentType": JSON}, "file": {"contentType": CSV}}}


def _parameters(endpoint: Endpoint) -> list[Json]:
    found = parameters_of(endpoint.query)
    if endpoint.options:
        found += [_with_file(one) for one in parameters_of(endpoint.options, required=False)]
    if endpoint.idempotent:
        keys = ("IdempotencyKey", "RepeatabilityRequestId", "RepeatabilityFirstSent")
        found += [reference("parameters", key) for key in keys]
    if endpoint.tagged:
        found.append(reference("parameters", "IfNoneMatch"))
    if endpoint.conditional:
        found.append(reference("parameters", "IfMatch"))
    return [*found, *(reference("parameters", name) for name in ("ApiVersion", "ClientRequestId"))]


def _with_file(parameter: Json) -> Json:
    return {**parameter, "description": f"With a body of {CSV} only. {parameter['description']}"}


def _path_parameter(route: str, name: str) -> Json:
    collection = route.partition("/")[0]
    schema = {"type": "string", "pattern": f"^{IDS[collection].pattern}$"} if collection in IDS else _TEXT
    example = {"example": EXAMPLE_IDS[collection]} if collection in EXAMPLE_IDS else {}
    return {"name": name, "in": "path", "required": True, "description": "Opaque.", "schema": schema, **example}


def _tag(endpoint: Endpoint) -> str:
    return endpoint.route.partition("/")[0]


def _requests(endpoints: Iterable[Endpoint]) -> list[type[BaseModel]]:
    return [model for one in endpoints for model in (one.body, one.options) if model]


def _answers(endpoints: Iterable[Endpoint]) -> list[type[BaseModel]]:
    return [model for one in endpoints for model in (one.answers, one.file_answers) if model]
