"""The phone page on small screens, by keyboard, with screen readers, and without harm."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.carrier_process import TOLL_FREE, Carrier
from tests.browser.phones import DESKTOP, NUMBER, OTHER, SMALL, SPOKEN, address, bubble, handset

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def no_sideways_scroll(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def test_a_phone_sized_screen_goes_from_the_list_to_a_thread_and_back(page: Page, carrier: Carrier) -> None:
    await page.set_viewport_size(SMALL)
    await carrier.send(NUMBER, "Hello from https://contoso.example/a/very/long/address/that/has/no/place/to/break")
    await expect(handset(page, NUMBER)).to_be_visible()
    await expect(page.get_by_role("textbox", name="Reply")).to_be_hidden()
    assert await no_sideways_scroll(page)
    await handset(page, NUMBER).click()
    await expect(handset(page, NUMBER)).to_be_hidden()
    await page.get_by_role("textbox", name="Reply").fill("On my way")
    await page.get_by_role("button", name="Send reply").click()
    await expect(bubble(page, "On my way")).to_be_in_viewport()
    assert await no_sideways_scroll(page)
    await page.get_by_role("button", name="Back to the handsets").click()
    await expect(handset(page, NUMBER)).to_be_focused()


async def test_a_phone_sized_screen_shows_the_first_command(page: Page) -> None:
    await page.set_viewport_size(SMALL)
    await expect(page.get_by_role("button", name="Copy the command that sends the first text")).to_be_in_viewport()
    assert await no_sideways_scroll(page)


@pytest.mark.parametrize("tab", ["Traffic", "Trouble", "Magic numbers", "Connect"])
async def test_what_is_behind_the_scenes_fits_a_phone_sized_screen(page: Page, carrier: Carrier, tab: str) -> None:
    await page.set_viewport_size(SMALL)
    await carrier.send(NUMBER, "Hello")
    await page.get_by_role("button", name="Behind the scenes").click()
    await page.get_by_role("tab", name=tab).click()
    await expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
    assert await no_sideways_scroll(page)


async def test_twice_the_size_still_reaches_the_reply_box(page: Page, carrier: Carrier) -> None:
    await page.set_viewport_size({"width": 640, "height": 400})
    await carrier.send(NUMBER, "Hello")
    await handset(page, NUMBER).click()
    await page.get_by_role("textbox", name="Reply").fill("Yes")
    await page.get_by_role("button", name="Send reply").click()
    await expect(bubble(page, "Yes")).to_be_visible()
    assert await no_sideways_scroll(page)


async def press_until_focused(page: Page, key: str, target: Locator) -> None:
    for _ in range(40):
        if await target.evaluate("node => node === document.activeElement"):
            return
        await page.keyboard.press(key)
    pytest.fail("the keyboard does not reach it")


async def test_the_keyboard_alone_opens_a_handset_and_replies(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "First")
    await carrier.send(OTHER, "Second")
    await expect(handset(page, OTHER)).to_be_visible()
    await press_until_focused(page, "Tab", handset(page, NUMBER))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=SPOKEN)).to_be_focused()
    await press_until_focused(page, "Tab", page.get_by_role("textbox", name="Reply"))
    await page.keyboard.type("By keyboard")
    await page.keyboard.press("Enter")
    await expect(bubble(page, "By keyboard")).to_be_visible()
    assert carrier.messages_of(NUMBER)[-1]["text"] == "By keyboard"


async def test_arrow_keys_move_among_the_tabs(page: Page) -> None:
    await page.get_by_role("tab", name="Traffic").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Connect")).to_be_focused()
    await expect(page.get_by_role("tabpanel", name="Connect")).to_be_visible()
    await page.keyboard.press("Home")
    await expect(page.get_by_role("tabpanel", name="Traffic")).to_be_visible()


async def grave_violations(page: Page) -> list[tuple[str, list[str]]]:
    results = await Axe().run(page)
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in results.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["traffic", "trouble", "magic", "connect"])
async def test_axe_finds_nothing_grave(
    browser: Browser, carrier: Carrier, scheme: Literal["light", "dark"], tab: str
) -> None:
    carrier.put("/trouble", {"throttle": 0.0, "lateReports": 0.1, "lateReportSeconds": 600})
    await carrier.send(NUMBER, "Hello")
    await carrier.send("+14255554004", "Nobody there")
    carrier.post("/inbound", {"from": NUMBER, "to": TOLL_FREE, "text": "STOP"})
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce", viewport=DESKTOP)
    page = await context.new_page()
    await page.goto(address(carrier, NUMBER, tab=tab))
    await expect(page.locator(".message.network")).to_be_visible()
    await expect(page.get_by_role("status")).to_contain_text("Live")
    assert await grave_violations(page) == []
    await context.close()


@pytest.mark.parametrize("view", ["list", "thread", "panel"])
async def test_axe_finds_nothing_grave_on_a_phone_sized_screen(browser: Browser, carrier: Carrier, view: str) -> None:
    await carrier.send(NUMBER, "Hello")
    context = await browser.new_context(viewport=SMALL, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(address(carrier, NUMBER, view=view))
    await expect(page.locator("body")).to_have_attribute("data-view", view)
    await expect(page.locator(".message")).to_have_count(1)
    assert await grave_violations(page) == []
    await context.close()


async def test_axe_finds_nothing_grave_on_the_empty_page(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Send the first text")).to_be_visible()
    assert await grave_violations(page) == []


async def test_motion_stops_for_those_who_ask(browser: Browser, carrier: Carrier) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    page = await context.new_page()
    await carrier.send(NUMBER, "Hello")
    await page.goto(address(carrier, NUMBER))
    await expect(bubble(page, "Hello")).to_have_css("animation-name", "none")
    await context.close()


async def test_the_page_has_no_inline_script_or_style(page: Page, carrier: Carrier) -> None:
    answer = await page.request.get(f"{carrier.url}/phones")
    markup = await answer.text()
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", markup) == []
