"""The side panel of the phone page: trouble, and what goes on behind the scenes."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.carrier_process import TOLL_FREE, Carrier
from tests.browser.phones import NUMBER, handset, open_handset
from tests.browser.subscriber import Subscriber

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


# Trouble


async def test_a_switch_makes_trouble_and_shows_a_chip(page: Page, carrier: Carrier) -> None:
    await page.get_by_role("tab", name="Trouble").click()
    await page.get_by_role("slider", name="Out of service").fill("30")
    await page.get_by_role("switch", name="Rate limits").click()
    chips = page.get_by_role("list", name="Trouble in force")
    await expect(chips).to_contain_text("Out of service: 30 %")
    await expect(chips).to_contain_text("No rate limits")
    trouble = carrier.get("/trouble")
    assert (trouble["unavailable"], trouble["rateLimits"]) == (0.3, False)


async def test_calm_ends_all_trouble(page: Page, carrier: Carrier) -> None:
    calm = carrier.get("/trouble")
    carrier.put(
        "/trouble", {"throttle": 0.5, "throttleRetryAfter": 7, "casing": "pascal", "plusInFrom": True, "seed": 9}
    )
    await page.get_by_role("button", name="Calm").click()
    await expect(page.get_by_role("list", name="Trouble in force").get_by_role("listitem")).to_have_count(0)
    assert carrier.get("/trouble") == calm


async def test_every_kind_of_trouble_has_a_control(page: Page, carrier: Carrier) -> None:
    controls = await page.locator("#trouble-form [name]").evaluate_all("all => all.map(each => each.name)")
    assert sorted(controls) == sorted(carrier.get("/trouble"))


async def test_trouble_that_another_makes_moves_the_controls(page: Page, carrier: Carrier) -> None:
    await page.get_by_role("tab", name="Trouble").click()
    carrier.put("/trouble", {"latencyMs": 250, "schema": "cloudEvents"})
    await expect(page.get_by_role("spinbutton", name="Slow answers")).to_have_value("250")
    await expect(page.get_by_role("combobox", name="Schema")).to_have_value("cloudEvents")


async def test_a_value_out_of_range_is_refused_in_words_and_put_back(page: Page, carrier: Carrier) -> None:
    await page.get_by_role("tab", name="Trouble").click()
    field = page.get_by_role("spinbutton", name="Slow answers")
    await field.fill("-5")
    await field.press("Tab")
    await expect(page.locator("#trouble-error")).not_to_be_empty()
    await expect(field).to_have_value("0")
    assert carrier.get("/trouble")["latencyMs"] == 0


async def test_clear_everything_empties_the_page(page: Page, carrier: Carrier) -> None:
    await open_handset(page, carrier)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("tab", name="Trouble").click()
    await page.get_by_role("button", name="Clear everything").click()
    await expect(page.get_by_role("heading", name="Send the first text")).to_be_visible()
    assert carrier.get("/handsets")["handsets"] == []


# Behind the scenes


async def test_requests_of_the_app_are_listed_with_their_answers(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "Hello")
    request = page.locator(".entry.request")
    await expect(request).to_contain_text("+1 800 555 0100 to 1 recipient")
    await expect(request).to_contain_text("HTTP 202")


async def test_what_the_app_relayed_is_listed_and_can_be_read_whole(page: Page, carrier: Carrier) -> None:
    event = {
        "id": "relay-1", "eventType": "Sms.Tested", "subject": "sms", "eventTime": "2026-01-02T03:04:05Z",
        "dataVersion": "1", "data": {"kind": "test of the page"},
    }  # fmt: skip
    carrier.relay(event)
    entry = page.locator(".entry.relayed")
    await expect(entry).to_contain_text("Tested")
    await entry.locator("summary").click()
    await expect(entry.locator("pre")).to_contain_text("test of the page")


async def test_an_event_shows_its_attempts_and_whether_the_app_took_it(
    context: BrowserContext, subscribed: tuple[Carrier, Subscriber]
) -> None:
    carrier, subscriber = subscribed
    page = await context.new_page()
    await page.goto(f"{carrier.url}/phones")
    await expect(page.get_by_role("status")).to_contain_text("Live, app connected")
    carrier.post("/inbound", {"from": NUMBER, "to": TOLL_FREE, "text": "Taken"})
    await expect(page.locator(".entry.event").filter(has_text="Taken by the app")).to_have_count(1)
    subscriber.status = 500
    carrier.post("/inbound", {"from": NUMBER, "to": TOLL_FREE, "text": "Refused"})
    waiting = page.locator(".entry.event").filter(has_text="Waiting")
    await waiting.locator("summary").click()
    await expect(waiting.locator(".attempts")).to_contain_text("HTTP 500")


async def test_a_lost_connection_is_told_and_mended(
    context: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    carrier = Carrier(tmp_path_factory.mktemp("lost"))
    carrier.start()
    try:
        page = await context.new_page()
        await page.goto(f"{carrier.url}/phones")
        await expect(page.get_by_role("status")).to_contain_text("Live")
        carrier.stop()
        await expect(page.get_by_role("status")).to_contain_text("Reconnecting")
        carrier.start()
        carrier.post("/handsets", {"number": NUMBER})
        await expect(page.get_by_role("status")).to_contain_text("Live")
        await expect(handset(page, NUMBER)).to_be_visible()
    finally:
        carrier.stop()
