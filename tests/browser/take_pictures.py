"""Take the README's picture again: `python -m tests.browser.take_pictures`.

It starts a carrier of its own, lets a short conversation happen, and writes `docs/images/phone-page.png`.
The texts are made up; the times are those of the moment.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

from tests.browser.carrier_process import ROOT, SHORT_CODE, TOLL_FREE, Carrier
from tests.browser.conftest import BROWSER_ARGUMENTS, NO_BROWSER, executable
from tests.browser.phones import DESKTOP, NUMBER, address, bubble
from tests.browser.subscriber import Subscriber, listening
from tests.support.waiting import eventually

PICTURE = ROOT / "docs" / "images" / "phone-page.png"


async def happen(carrier: Carrier) -> None:
    """Let people and the app text one another."""
    await carrier.send("+447700900123", "Your parcel is at the corner shop until Friday.", sender="CONTOSO")
    await carrier.send("+14255554004", "Your bike is ready.")
    await carrier.send("+14255550188", "Your code is 442 190. It is good for ten minutes.", sender=SHORT_CODE)
    await carrier.send(NUMBER, "Contoso Bikes: your bike is ready.")
    carrier.post("/inbound", {"from": NUMBER, "to": TOLL_FREE, "text": "Is tomorrow fine too?"})
    await carrier.send(NUMBER, "Sure! We open at 9:00 – see you then.")
    await eventually(lambda: reported(carrier))
    carrier.post("/inbound", {"from": NUMBER, "to": TOLL_FREE, "text": "STOP"})
    await eventually(lambda: reported(carrier) and all(event["attempts"] for event in carrier.get("/events")["value"]))


def reported(carrier: Carrier) -> bool:
    """Tell whether no text is on its way."""
    handsets = carrier.get("/handsets")["handsets"]
    return all(message["state"] != "onItsWay" for handset in handsets for message in handset["messages"])


async def take(page: Page, carrier: Carrier) -> None:
    """Open the conversation and photograph it."""
    await page.goto(address(carrier, NUMBER))
    await expect(page.get_by_role("status")).to_contain_text("Live, app connected")
    await expect(bubble(page, "STOP")).to_be_visible()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURE, animations="disabled")


async def main() -> None:
    """Start what is needed, take the picture, stop all of it."""
    with tempfile.TemporaryDirectory() as folder:
        async with listening(Subscriber()) as functions_url, async_playwright() as playwright:
            path = executable(playwright)
            if path is None:
                raise SystemExit(NO_BROWSER)
            carrier = Carrier(Path(folder), functions_url)
            carrier.start()
            browser = await playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
            try:
                await happen(carrier)
                page = await browser.new_page(viewport=DESKTOP, device_scale_factor=1.5, locale="en-US")
                await take(page, carrier)
            finally:
                await browser.close()
                carrier.stop()


if __name__ == "__main__":
    asyncio.run(main())
