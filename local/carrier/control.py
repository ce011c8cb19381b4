"""The control API of the stand-in, for tests and for the phone page. It never waits for the functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from local.carrier import views
from local.carrier.control_models import InboundText, NewHandset, NewReport, Redelivery
from local.carrier.events import Json
from local.carrier.keys import CARRIER
from local.carrier.phone_numbers import is_e164

CHUNK = 200
"""Items written at once, so that a long list does not keep other requests waiting."""

Item = TypeVar("Item")
Command = TypeVar("Command", bound=BaseModel)


class ControlError(Exception):
    """A call of the control API that cannot be answered."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


@web.middleware
async def render_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer errors of the control API in its one shape, and refuse pages of other sites."""
    if not request.path.startswith("/_carrier"):
        return await handler(request)
    try:
        _refuse_other_origins(request)
        return await handler(request)
    except ControlError as error:
        return _error(error.status, error.code, error.message)
    except web.HTTPException as error:
        return _error(error.status, error.reason.replace(" ", ""), f"{request.method} is not offered here.")


async def show_overview(request: web.Request) -> web.Response:
    """Answer `GET /_carrier`."""
    return web.json_response(views.overview(request.app[CARRIER], f"http://{request.host}"))


async def list_handsets(request: web.Request) -> web.Response:
    """Answer `GET /_carrier/handsets`: the newest handsets with their newest texts."""
    carrier = request.app[CARRIER]
    handsets = [views.handset(one) for one in carrier.handsets.newest()]
    return web.json_response({"version": carrier.changes.version, "handsets": handsets})


async def add_handset(request: web.Request) -> web.Response:
    """Answer `POST /_carrier/handsets`: 201 for a new one, 200 for one that exists."""
    number = _person((await _command(request, NewHandset)).number, "number")
    handset, is_new = request.app[CARRIER].handsets.switch_on(number)
    return web.json_response(views.handset(handset), status=201 if is_new else 200)


async def take_inbound(request: web.Request) -> web.Response:
    """Answer `POST /_carrier/inbound`: a person writes to one of our two-way senders."""
    carrier = request.app[CARRIER]
    text = await _command(request, InboundText)
    sender = carrier.senders.find(text.to)
    if sender is None or not sender.two_way:
        raise ControlError(400, "InvalidTo", "to must be a two-way sender of this carrier.")
    inbound, event = carrier.inbound.take(_person(text.from_, "from"), sender, text.text)
    return web.json_response({"messageId": inbound.message_id, "eventId": event.id}, status=202)


async def list_messages(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/messages[?to=]`."""
    messages = request.app[CARRIER].messages
    recipient = request.query.get("to")
    # An unencoded "+" in a query string arrives as a space.
    found = messages.all() if recipient is None else messages.to(recipient.replace(" ", "+"))
    return await _listed(request, found, views.message)


async def list_requests(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/requests`."""
    return await _listed(request, request.app[CARRIER].requests.all(), views.logged_request)


async def list_events(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/events`."""
    return await _listed(request, request.app[CARRIER].grid.log.all(), views.event_record)


async def list_relayed(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/relayed`."""
    return await _listed(request, request.app[CARRIER].topic.all(), views.unchanged)


async def list_posted(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/posted`."""
    return await _listed(request, request.app[CARRIER].app_webhook.all(), views.unchanged)


async def list_dead_letters(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/deadletters`."""
    return await _listed(request, request.app[CARRIER].dead_letters.all(), views.unchanged)


async def list_magic(request: web.Request) -> web.StreamResponse:
    """Answer `GET /_carrier/magic`."""
    return await _listed(request, views.magic_table(), views.unchanged)


async def show_trouble(request: web.Request) -> web.Response:
    """Answer `GET /_carrier/trouble`."""
    return web.json_response(request.app[CARRIER].switches.trouble.as_json())


async def change_trouble(request: web.Request) -> web.Response:
    """Answer `PUT /_carrier/trouble`: the fields given change, the others stay."""
    carrier = request.app[CARRIER]
    patch = await _json(request)
    if not isinstance(patch, dict):
        raise ControlError(400, "InvalidBody", "The body must be a JSON object.")
    try:
        trouble = carrier.switches.trouble.changed(patch)
    except ValidationError as error:
        raise _invalid(error) from None
    carrier.set_trouble(trouble, reseed="seed" in patch)
    return web.json_response(trouble.as_json())


async def reset(request: web.Request) -> web.Response:
    """Answer `POST /_carrier/reset`."""
    request.app[CARRIER].reset()
    return web.json_response({})


async def report_again(request: web.Request) -> web.Response:
    """Answer `POST /_carrier/report`: one more report for a message, now."""
    command = await _command(request, NewReport)
    event = request.app[CARRIER].deliveries.report_again(command.message_id, command.code)
    if event is None:
        raise ControlError(404, "MessageNotFound", "There is no message with this id.")
    return web.json_response({"eventId": event.id}, status=202)


async def redeliver(request: web.Request) -> web.Response:
    """Answer `POST /_carrier/redeliver`: the attempts show in the event when they are over."""
    command = await _command(request, Redelivery)
    if not request.app[CARRIER].grid.redeliver(command.event_id, command.times):
        raise ControlError(404, "EventNotFound", "There is no event with this id, or nobody subscribes to it.")
    return web.json_response({"eventId": command.event_id, "times": command.times}, status=202)


ROUTES: Sequence[web.RouteDef] = (
    web.get("/_carrier", show_overview),
    web.get("/_carrier/handsets", list_handsets),
    web.post("/_carrier/handsets", add_handset),
    web.post("/_carrier/inbound", take_inbound),
    web.get("/_carrier/messages", list_messages),
    web.get("/_carrier/requests", list_requests),
    web.get("/_carrier/events", list_events),
    web.get("/_carrier/relayed", list_relayed),
    web.get("/_carrier/posted", list_posted),
    web.get("/_carrier/deadletters", list_dead_letters),
    web.get("/_carrier/magic", list_magic),
    web.get("/_carrier/trouble", show_trouble),
    web.put("/_carrier/trouble", change_trouble),
    web.post("/_carrier/reset", reset),
    web.post("/_carrier/report", report_again),
    web.post("/_carrier/redeliver", redeliver),
)


async def _listed(request: web.Request, items: Sequence[Item], view: Callable[[Item], Json]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    await response.write(b'{"value": [')
    for start in range(0, len(items), CHUNK):
        text = ", ".join(json.dumps(view(item)) for item in items[start : start + CHUNK])
        await response.write((", " if start else "").encode() + text.encode())
        await asyncio.sleep(0)
    await response.write(b"]}")
    await response.write_eof()
    return response


async def _command(request: web.Request, model: type[Command]) -> Command:
    try:
        return model.model_validate_json(json.dumps(await _json(request)), strict=True)
    except ValidationError as error:
        raise _invalid(error) from None


async def _json(request: web.Request) -> object:
    try:
        body: object = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ControlError(400, "InvalidJson", "The body is not valid JSON.") from None
    return body


def _invalid(error: ValidationError) -> ControlError:
    first = error.errors(include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "body"
    return ControlError(400, "InvalidField", f"{field}: {first['msg']}")


def _person(number: str, field: str) -> str:
    if not is_e164(number):
        raise ControlError(400, "InvalidNumber", f"{field} must be a phone number in E.164 form.")
    return number


def _refuse_other_origins(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        raise ControlError(403, "ForeignOrigin", "Pages of other sites may not use the carrier.")


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
