"""Words for what the tests of the phone page do and look at."""

from __future__ import annotations

from urllib.parse import quote

from playwright.async_api import Locator, Page, ViewportSize, expect

from tests.browser.carrier_process import Carrier

NUMBER = "+14255550123"
SPOKEN = "+1 425 555 0123"
OTHER = "+14255550188"
DESKTOP = ViewportSize(width=1280, height=800)
SMALL = ViewportSize(width=360, height=740)


def handset(page: Page, number: str) -> Locator:
    """Return the handset in the row of handsets."""
    return page.locator(f'.handset[data-number="{number}"]')


def bubble(page: Page, text: str) -> Locator:
    """Return the text in the open thread, with its time, state and segments."""
    return page.get_by_role("listitem").filter(has=page.locator(".text", has_text=text))


def address(carrier: Carrier, number: str, view: str = "thread", tab: str = "traffic") -> str:
    """Return the address that opens the page at one handset."""
    return f"{carrier.url}/phones#handset={quote(number, safe='')}&view={view}&tab={tab}"


async def open_handset(page: Page, carrier: Carrier, number: str = NUMBER) -> None:
    """Add a handset and open its thread."""
    carrier.post("/handsets", {"number": number})
    await handset(page, number).click()
    await expect(page.locator("#thread-title")).to_be_visible()
