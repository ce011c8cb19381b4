"""HTTP endpoints: one declaration each, from which parsing, rendering and errors follow.

`Api` puts endpoints on a FunctionApp. A handler takes a `Call` with a body and a query that have been checked, and
returns a model; whatever goes wrong becomes the one error shape of docs/api.md. The declarations are kept in
`Api.endpoints`, so that documents and tests can be held to them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, Unpack, cast
from uuid import uuid4

import azure.functions as func
from pydantic import BaseModel

from shared.edges.access import Role, admit
from shared.edges.api_base import NoQuery
from shared.edges.declarations import Endpoint, Promises
from shared.edges.defects import place_of
from shared.edges.http_errors import error_response
from shared.edges.http_requests import Source, Upload, all_params, read_body, read_query, read_text, read_upload
from shared.edges.invocations import Invocation, Trigger, invoked
from shared.edges.wrong_addresses import meant_route, refusal
from shared.rules.errors import InternalError, SmsError

_LOG = logging.getLogger("sms.http")

B = TypeVar("B")
Q = TypeVar("Q", bound=BaseModel)
N = TypeVar("N", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One checked request: `body` is the model of the endpoint, or what was uploaded where it takes files.

    `caller` is an id of who calls, which tells neither the key nor the person.
    """

    body: B
    query: Q
    path: Mapping[str, str]
    headers: Mapping[str, str]
    url: str
    caller: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is more than a model: with another status, with headers, or as text."""

    body: BaseModel | str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


Handler = Callable[[Call[B, Q]], Awaitable[BaseModel | Reply]]
Function = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
Admit = Callable[[str], Awaitable[None]]
Plain = Callable[[func.HttpRequest], func.HttpResponse]


class Api:
    """The HTTP endpoints of a FunctionApp; with `sign_in`, callers bring tokens instead of function keys.

    `admit` is asked before each call of a caller, and raises what it is to be answered with if it may not be made.
    """

    def __init__(self, app: func.FunctionApp, *, sign_in: bool = False, admit: Admit | None = None) -> None:
        self._app = app
        self.sign_in = sign_in
        self._admit = admit or _everyone
        self.endpoints: list[Endpoint] = []
        self._pages: list[str] = []

    @property
    def addresses(self) -> Sequence[tuple[str, str]]:
        """Return the method and the route of everything that the app serves."""
        return [*((one.method, one.route) for one in self.endpoints), *(("GET", route) for route in self._pages)]

    def get(
        self,
        route: str,
        *,
        role: Role,
        query: type[Q],
        answers: type[BaseModel],
        **promises: Unpack[Promises],
    ) -> Callable[[Handler[None, Q]], Function]:
        """Declare an endpoint that reads."""

        def declare(handler: Handler[None, Q]) -> Function:
            about = _endpoint(handler, "GET", route, 200, role=role, query=query, answers=answers, **promises)
            return self._add(about, handler)

        return declare

    def post(
        self,
        route: str,
        *,
        role: Role,
        body: type[B],
        answers: type[BaseModel],
        status: int = 200,
        **promises: Unpack[Promises],
    ) -> Callable[[Handler[B, NoQuery]], Function]:
        """Declare an endpoint that takes a JSON body."""
        return self._taking(body, "POST", route, status, role=role, answers=answers, **promises)

    def put(
        self, route: str, *, role: Role, body: type[B], answers: type[BaseModel], **promises: Unpack[Promises]
    ) -> Callable[[Handler[B, NoQuery]], Function]:
        """Declare an endpoint that takes a JSON document, which is there from then on."""
        return self._taking(body, "PUT", route, 200, role=role, answers=answers, **promises)

    def patch(
        self, route: str, *, role: Role, body: type[B], answers: type[BaseModel], **promises: Unpack[Promises]
    ) -> Callable[[Handler[B, NoQuery]], Function]:
        """Declare an endpoint that takes, as JSON, what is to be changed; the rest stays."""
        return self._taking(body, "PATCH", route, 200, role=role, answers=answers, **promises)

    def _taking(
        self, body: type[B], method: str, route: str, status: int, **about: object
    ) -> Callable[[Handler[B, NoQuery]], Function]:
        def declare(handler: Handler[B, NoQuery]) -> Function:
            endpoint = _endpoint(handler, method, route, status, query=NoQuery, body=body, **about)
            return self._add(endpoint, handler)

        return declare

    def upload(
        self,
        route: str,
        *,
        role: Role,
        body: type[B],
        file: str,
        answers: type[BaseModel],
        **promises: Unpack[Promises],
    ) -> Callable[[Handler[B | str, NoQuery]], Function]:
        """Declare an endpoint that takes a JSON body or, of the content type `file`, a file as text."""

        def declare(handler: Handler[B | str, NoQuery]) -> Function:
            about = _endpoint(
                handler,
                "POST",
                route,
                200,
                role=role,
                query=NoQuery,
                answers=answers,
                body=body,
                file=file,
                **promises,
            )
            return self._add(about, handler)

        return declare

    def upload_with_options(
        self,
        route: str,
        *,
        role: Role,
        body: type[B],
        options: type[N],
        answers: type[BaseModel],
        status: int,
        limit: int,
        **promises: Unpack[Promises],
    ) -> Callable[[Handler[B | Upload[N], NoQuery]], Function]:
        """Declare an endpoint that takes a JSON body, or a CSV file with its options in the query or in a form."""

        def declare(handler: Handler[B | Upload[N], NoQuery]) -> Function:
            about = _endpoint(
                handler,
                "POST",
                route,
                status,
                role=role,
                query=NoQuery,
                answers=answers,
                body=body,
                options=options,
                limit=limit,
                **promises,
            )
            return self._add(about, handler)

        return declare

    def act(
        self,
        route: str,
        *,
        role: Role,
        answers: type[BaseModel],
        method: str = "POST",
        **promises: Unpack[Promises],
    ) -> Callable[[Handler[None, NoQuery]], Function]:
        """Declare an endpoint that does something to what its route names, and takes no body."""

        def declare(handler: Handler[None, NoQuery]) -> Function:
            about = _endpoint(handler, method, route, 200, role=role, query=NoQuery, answers=answers, **promises)
            return self._add(about, handler)

        return declare

    def file(
        self, route: str, *, role: Role, media_type: str, **promises: Unpack[Promises]
    ) -> Callable[[Handler[None, NoQuery]], Function]:
        """Declare an endpoint that gives a file."""

        def declare(handler: Handler[None, NoQuery]) -> Function:
            about = _endpoint(handler, "GET", route, 200, role=role, query=NoQuery, media_type=media_type, **promises)
            return self._add(about, handler)

        return declare

    def page(self, route: str) -> Callable[[Plain], Function]:
        """Declare a file for anyone's browser, which is no part of the API that is described."""

        def declare(serve: Plain) -> Function:
            self._pages.append(route)
            return self._open(serve, route, ["GET"])

        return declare

    def otherwise(self, serve: Plain) -> Function:
        """Declare what answers where nothing else does; SmsErrors become the error shape.

        The host tries functions by their names, in alphabetical order: this one's must be the last.
        """
        return self._open(serve, "{*address}", None)

    def _open(self, serve: Plain, route: str, methods: list[str] | None) -> Function:
        async def function(req: func.HttpRequest, context: func.Context = None) -> func.HttpResponse:  # type: ignore[assignment]  # the host gives it
            async def answer() -> func.HttpResponse:
                return serve(req)

            return await _answered(serve.__name__, req, context, answer)

        function.__doc__ = serve.__doc__
        return self._put(function, serve.__name__, route, methods, func.AuthLevel.ANONYMOUS)

    def _put(
        self, function: Function, name: str, route: str, methods: list[str] | None, level: func.AuthLevel
    ) -> Function:
        routed = self._app.route(route, methods=methods, auth_level=level)
        return cast("Function", self._app.function_name(name)(routed(function)))

    def _add(self, endpoint: Endpoint, handler: Handler[B, Q]) -> Function:
        async def function(req: func.HttpRequest, context: func.Context = None) -> func.HttpResponse:  # type: ignore[assignment]  # the host gives it
            async def answer() -> func.HttpResponse:
                caller = admit(endpoint.role, req.headers, req.params, sign_in=self.sign_in)
                self._check_that_it_is_meant(endpoint, req)
                if caller:
                    await self._admit(caller)
                return _render(endpoint, await handler(_call(endpoint, req, caller)))

            return await _answered(endpoint.name, req, context, answer)

        function.__doc__ = endpoint.summary
        self.endpoints.append(endpoint)
        # With sign-in the host must ask for no key; `admit` refuses who has not signed in.
        is_open = self.sign_in or endpoint.role is Role.ANYONE
        level = func.AuthLevel.ANONYMOUS if is_open else func.AuthLevel.FUNCTION
        return self._put(function, endpoint.name, endpoint.route, [endpoint.method], level)

    def _check_that_it_is_meant(self, endpoint: Endpoint, req: func.HttpRequest) -> None:
        path = endpoint.route.format_map(req.route_params)
        if meant_route(self.addresses, path) not in (None, endpoint.route):
            raise refusal(self.addresses, endpoint.method, path)


def _endpoint(handler: Handler[B, Q], method: str, route: str, status: int, **about: object) -> Endpoint:
    named = cast("Callable[..., object]", handler)
    summary = (named.__doc__ or "").strip().partition("\n")[0]
    return Endpoint(named.__name__, method, route, status, summary, **about)  # type: ignore[arg-type]


def etag_of(text: str) -> str:
    """Return the ETag of a JSON text."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def tagged(call: Call[B, Q], text: str) -> Reply:
    """Return a JSON text with its ETag; 304 without it, when the caller's ETag still holds."""
    headers = {"ETag": etag_of(text)}
    if headers["ETag"] in call.headers.get("if-none-match", ""):
        return Reply("", status=304, headers=headers)
    return Reply(text, headers=headers)


async def _everyone(_caller: str) -> None:
    """Admit whoever calls."""


async def _answered(
    name: str, req: func.HttpRequest, context: func.Context, answer: Callable[[], Awaitable[func.HttpResponse]]
) -> func.HttpResponse:
    """Return the answer, or the error that came of it, with the ids of the request; and tell of it."""
    invocation = Invocation(name, Trigger.HTTP, request_id=str(uuid4()))
    with invoked(invocation, context):
        response = await _answer_of(invocation, answer)
        invocation.outcome = str(response.status_code)
        invocation.error = response.headers.get("x-ms-error-code", "")
    response.headers["x-ms-request-id"] = invocation.request_id
    if "x-ms-client-request-id" in req.headers:
        response.headers["x-ms-client-request-id"] = req.headers["x-ms-client-request-id"]
    return response


async def _answer_of(invocation: Invocation, answer: Callable[[], Awaitable[func.HttpResponse]]) -> func.HttpResponse:
    try:
        return await answer()
    except SmsError as error:
        return error_response(error)
    except Exception as error:  # noqa: BLE001 - the last boundary: nothing of a defect may reach the caller
        _LOG.error("A defect in %s: %s at %s", invocation.function, type(error).__name__, place_of(error))
        support = f"Something went wrong here. Give support the id {invocation.request_id}."
        return error_response(InternalError(support))


def _call(endpoint: Endpoint, req: func.HttpRequest, caller: str) -> Call[B, Q]:
    source = Source(req.headers.get("content-type", ""), req.get_body, endpoint.limit)
    if endpoint.options and source.is_upload:
        upload = read_upload(endpoint.options, source, all_params(req.url, req.params))
        return _checked_call(req, upload, NoQuery(), caller)
    query = read_query(endpoint.query, all_params(req.url, req.params))
    if endpoint.body is None:
        body: object = None
    elif endpoint.file and source.media_type == endpoint.file:
        body = read_text(source)
    else:
        body = read_body(endpoint.body, source, also=_besides_json(endpoint))
    return _checked_call(req, body, query, caller)


def _checked_call(req: func.HttpRequest, body: object, query: BaseModel, caller: str) -> Call[B, Q]:
    return Call(cast("B", body), cast("Q", query), dict(req.route_params), dict(req.headers), req.url, caller)


def _besides_json(endpoint: Endpoint) -> str | None:
    return "text/csv or multipart/form-data" if endpoint.options else endpoint.file


def _render(endpoint: Endpoint, answer: BaseModel | Reply) -> func.HttpResponse:
    reply = answer if isinstance(answer, Reply) else Reply(answer)
    text = reply.body if isinstance(reply.body, str) else reply.body.model_dump_json(by_alias=True, exclude_none=True)
    return func.HttpResponse(
        text,
        status_code=reply.status or endpoint.status,
        headers=dict(reply.headers),
        mimetype=reply.content_type,
        charset="utf-8",
    )
