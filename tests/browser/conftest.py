"""A real browser, a running carrier, and the page open in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright, expect

from tests.browser.carrier_process import Carrier
from tests.browser.phones import DESKTOP
from tests.browser.subscriber import Subscriber, listening
from tests.support.waiting import eventually

SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
NO_BROWSER = "no browser: run `playwright install chromium`, or install Chromium or Chrome"
PATIENCE_MS = 15_000

expect.set_options(timeout=PATIENCE_MS)


def executable(playwright: Playwright) -> str | None:
    """Return the browser to drive: Playwright's own when it is installed, else the system's, else None."""
    own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    return next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give a browser for all tests; with none, skip, or fail where CI promises one."""
    async with async_playwright() as playwright:
        path = executable(playwright)
        if path is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_BROWSER)
        launched = await playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
def running_carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    """Give one carrier process for all tests."""
    carrier = Carrier(tmp_path_factory.mktemp("carrier"))
    carrier.start()
    yield carrier
    carrier.stop()


@pytest.fixture
def carrier(running_carrier: Carrier) -> Carrier:
    """Give the carrier, emptied and calm."""
    running_carrier.post("/reset", {})
    return running_carrier


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Give a browser window with nothing remembered, at desktop size."""
    fresh = await browser.new_context(viewport=DESKTOP, locale="en-US", timezone_id="UTC")
    yield fresh
    await fresh.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, carrier: Carrier) -> AsyncIterator[Page]:
    """Give the phone page, live; fail the test if its scripts threw or its content policy was broken."""
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None,
    )
    await opened.goto(f"{carrier.url}/phones")
    await expect(opened.get_by_role("status")).to_contain_text("Live")
    yield opened
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def subscribed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Carrier, Subscriber]]:
    """Give a carrier of its own whose events go to a subscriber, once their handshake is done."""
    subscriber = Subscriber()
    async with listening(subscriber) as functions_url:
        carrier = Carrier(tmp_path_factory.mktemp("subscribed"), functions_url)
        carrier.start()
        await eventually(lambda: all(each["state"] == "ready" for each in carrier.get("")["subscriptions"]))
        yield carrier, subscriber
        carrier.stop()
