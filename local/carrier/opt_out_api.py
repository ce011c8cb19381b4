"""`POST /sms/optouts:add|remove|check`."""

from __future__ import annotations

import time

from aiohttp import web

from local.carrier.carrier import Carrier
from local.carrier.events import Json
from local.carrier.front_door import admit, answer, refuse
from local.carrier.keys import CARRIER
from local.carrier.opt_outs import Pair
from local.carrier.phone_numbers import is_e164
from local.carrier.sms_errors import ServiceError, unauthorized
from local.carrier.sms_requests import parse_opt_outs


async def operate(request: web.Request) -> web.Response:
    """Add, remove or check 1 to 100 recipients; 200 with a result for each."""
    carrier = request.app[CARRIER]
    started = time.perf_counter()
    try:
        body = parse_opt_outs(await admit(request, carrier))
        if carrier.senders.find(body.sender) is None:
            raise unauthorized()
    except ServiceError as error:
        return refuse(request, started, error, carrier)
    action = request.match_info["action"]
    items = [_item(carrier, action, Pair(body.sender, recipient)) for recipient in body.recipients]
    return answer(request, started, {"value": items})


def _item(carrier: Carrier, action: str, pair: Pair) -> Json:
    if not is_e164(pair.recipient):
        message = "Invalid recipient phone number format"
        return {"to": pair.recipient, "httpStatusCode": 400, "errorMessage": message}
    item: Json = {"to": pair.recipient, "httpStatusCode": 200}
    if action == "check":
        item["isOptedOut"] = carrier.opt_outs.is_listed(pair)
    elif action == "add":
        carrier.opt_outs.add(pair)
    else:
        carrier.opt_outs.remove(pair)
    return item
