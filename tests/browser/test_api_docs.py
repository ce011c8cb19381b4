"""The page of the API in a real browser, on a host that asks for keys: it shows every operation, and calls one."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Browser, Page, expect

from tests.support.keyed_hosts import keyed_host
from tests.support.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

KEY = "key-of-the-host"


@pytest.fixture(scope="module")
def api(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the base URL of an API that asks for keys."""
    keys = {"master": "key-of-the-app", "host": {"default": KEY}, "functions": {}, "system": {}}
    with keyed_host(stack, tmp_path_factory.mktemp("keyed"), keys) as url:
        yield f"{url}/api"


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Literal["light", "dark"]:
    """Give each color scheme that a browser may ask for."""
    asked: Literal["light", "dark"] = request.param
    return asked


@pytest_asyncio.fixture(loop_scope="session")
async def docs(browser: Browser, api: str, scheme: Literal["light", "dark"]) -> AsyncIterator[Page]:
    """Give the page; fail the test if it complained, as of its content policy, or asked another server for anything."""
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on(
        "request", lambda one: complaints.append(one.url) if not one.url.startswith((api, "data:", "blob:")) else None
    )
    await page.goto(f"{api}/docs")
    yield page
    await context.close()
    assert complaints == []


async def test_every_operation_is_shown_and_axe_finds_nothing_grave(docs: Page, api: str) -> None:
    with urllib.request.urlopen(f"{api}/openapi.json") as answer:  # noqa: ASYNC210 - a test of one page waits for nothing else
        paths = json.load(answer)["paths"]
    operations = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"}
    await expect(docs.locator(".opblock")).to_have_count(len(operations))
    methods = await docs.locator(".opblock-summary-method").all_inner_texts()
    addresses = await docs.locator(".opblock-summary-path").all_inner_texts()
    assert {(method, path.replace("\u200b", "")) for method, path in zip(methods, addresses, strict=True)} == operations
    for button in (await docs.locator(".opblock-summary-control").all())[:3]:
        await button.click()
    await expect(docs.locator(".opblock-body")).to_have_count(3)
    await docs.locator(".try-out__btn").first.click()
    await expect(docs.locator("textarea").first).to_be_visible()
    found = (await Axe().run(docs)).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("scheme", ["light"])
async def test_an_operation_is_called_with_the_key_that_was_given(docs: Page) -> None:
    await docs.locator(".scheme-container").get_by_role("button", name="Authorize").click()
    await docs.get_by_label("Value:").fill(KEY)
    await docs.get_by_role("button", name="Apply credentials").click()
    await docs.locator(".btn-done").click()
    operation = docs.locator("#operations-campaigns-list_campaigns")
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    await expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    await expect(operation.locator(".live-responses-table")).to_contain_text('"value"')
