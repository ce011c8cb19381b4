"""Where the web application keeps its carrier."""

from __future__ import annotations

from aiohttp import web

from local.carrier.carrier import Carrier

CARRIER = web.AppKey("carrier", Carrier)
