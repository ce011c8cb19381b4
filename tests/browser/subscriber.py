"""A stand-in for the app: the webhook that the carrier's events go to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.browser.carrier_process import free_port


class Subscriber:
    """An app's webhook for events: answers the handshake, and takes or refuses events."""

    def __init__(self) -> None:
        self.status = 200

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one delivery."""
        (event,) = await request.json()
        if event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent":
            return web.json_response({"validationResponse": event["data"]["validationCode"]})
        return web.Response(status=self.status)


@asynccontextmanager
async def listening(subscriber: Subscriber) -> AsyncIterator[str]:
    """Serve the subscriber; gives the address of its functions host."""
    app = web.Application()
    app.router.add_post("/runtime/webhooks/EventGrid", subscriber.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()
