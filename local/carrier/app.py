"""The web application: routes, headers, start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from local.carrier import app_webhook, control, opt_out_api, report_api, sms_api, stream, topic
from local.carrier.carrier import Carrier, Config
from local.carrier.keys import CARRIER

PAGE = Path(__file__).parent / "page"
MAX_BODY = 2 * 1_048_576

_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def build(config: Config) -> web.Application:
    """Return the application; its carrier starts and stops with it."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[control.render_errors])
    app[CARRIER] = Carrier(config)
    app[stream.STREAMS] = set()
    app.router.add_routes(control.ROUTES)
    app.router.add_get("/_carrier/stream", stream.stream)
    app.router.add_post("/sms", sms_api.send)
    app.router.add_post("/sms/optouts:{action:add|remove|check}", opt_out_api.operate)
    app.router.add_get("/deliveryReports/{message_id}", report_api.show_report)
    app.router.add_post(topic.PATH, _publish)
    app.router.add_post(app_webhook.PATH, _take)
    app.router.add_get("/", _redirect)
    app.router.add_get("/phones", _page)
    app.router.add_static("/page", PAGE)
    app.cleanup_ctx.append(_running)
    app.on_shutdown.append(stream.end_streams)
    app.on_response_prepare.append(_add_page_headers)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    await app[CARRIER].start()
    yield
    await app[CARRIER].stop()


async def _publish(request: web.Request) -> web.Response:
    return await topic.publish(request, request.app[CARRIER].topic)


async def _take(request: web.Request) -> web.Response:
    return await app_webhook.take(request, request.app[CARRIER].app_webhook)


async def _redirect(_: web.Request) -> web.Response:
    raise web.HTTPFound("/phones")


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def _add_page_headers(request: web.Request, response: web.StreamResponse) -> None:
    if request.path == "/phones" or request.path.startswith("/page/"):
        response.headers.update(_PAGE_HEADERS)
