"""The phones of the carrier's page, in a real browser against the real carrier: texts, replies, handsets."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.carrier_process import SHORT_CODE, TOLL_FREE, Carrier
from tests.browser.phones import NUMBER, OTHER, SPOKEN, bubble, handset, open_handset

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


# Receiving


async def test_a_text_sent_with_the_sdk_appears_live_with_its_state_and_segments(page: Page, carrier: Carrier) -> None:
    carrier.put("/trouble", {"lostReports": 1})
    await carrier.send(NUMBER, "Your order has left")
    await expect(handset(page, NUMBER)).to_contain_text("Your order has left")
    text = bubble(page, "Your order has left")
    await expect(text).to_contain_text("On its way")
    await expect(text).to_contain_text("1 segment · GSM-7")
    at = await text.locator("time").get_attribute("datetime")
    assert at == carrier.messages_of(NUMBER)[0]["at"]


async def test_segments_and_encoding_follow_the_text(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "ж" * 71)
    await expect(bubble(page, "ж" * 71)).to_contain_text("2 segments · UCS-2")


async def test_the_delivery_report_shows_without_a_reload(page: Page, carrier: Carrier) -> None:
    carrier.put("/trouble", {"reportDelayMs": 1500})
    await carrier.send(NUMBER, "Hello")
    await expect(bubble(page, "Hello")).to_contain_text("On its way")
    await expect(bubble(page, "Hello")).to_contain_text("Delivered")


async def test_a_failed_text_says_why_in_words(page: Page, carrier: Carrier) -> None:
    await carrier.send("+14255554004", "Hello")
    await expect(bubble(page, "Hello")).to_contain_text("Not delivered: 4004 number does not exist")


async def test_a_new_text_is_announced_to_screen_readers(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "First")
    await expect(bubble(page, "First")).to_be_visible()
    await carrier.send(NUMBER, "Second")
    news = page.get_by_role("log")
    await expect(news).to_contain_text("+1 800 555 0100 wrote: Second")
    await expect(news).to_contain_text("Delivered: Second")


async def test_a_text_with_markup_is_shown_and_not_run(page: Page, carrier: Carrier) -> None:
    markup = '<img src="/nothing" onerror="window.harmed = true"><b>bold</b>'
    await carrier.send(NUMBER, markup)
    await expect(bubble(page, "onerror").locator(".text")).to_have_text(markup)
    assert await page.locator("#messages img, #handsets img, #messages b").count() == 0
    assert await page.evaluate("window.harmed") is None


async def test_another_handset_shows_how_many_texts_are_new(page: Page, carrier: Carrier) -> None:
    await open_handset(page, carrier)
    await carrier.send(OTHER, "One")
    await carrier.send(OTHER, "Two")
    await expect(handset(page, OTHER).locator(".unread")).to_have_text("2 new")
    await handset(page, OTHER).click()
    await expect(handset(page, OTHER).locator(".unread")).to_have_count(0)


async def test_each_sender_has_its_own_conversation(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "From toll-free")
    await carrier.send(NUMBER, "From the short code", sender=SHORT_CODE)
    await expect(bubble(page, "From the short code")).to_be_visible()
    await expect(bubble(page, "From toll-free")).to_have_count(0)
    await page.get_by_role("button", name="+1 800 555 0100").click()
    await expect(bubble(page, "From toll-free")).to_be_visible()
    await expect(bubble(page, "From the short code")).to_have_count(0)


async def test_an_alphanumeric_sender_takes_no_replies(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "From a name", sender="CONTOSO")
    await expect(bubble(page, "From a name")).to_be_visible()
    await expect(page.get_by_text("CONTOSO is one-way: nobody can reply to it.")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Reply")).to_be_hidden()


async def test_one_who_scrolled_up_is_not_moved_but_told(page: Page, carrier: Carrier) -> None:
    await open_handset(page, carrier)
    for number in range(25):
        carrier.post("/inbound", {"from": NUMBER, "to": TOLL_FREE, "text": f"Reply {number}"})
    await expect(bubble(page, "Reply 24")).to_be_in_viewport()
    thread = page.get_by_role("region", name="Texts of this conversation")
    await thread.evaluate("view => { view.scrollTop = 0; }")
    await carrier.send(NUMBER, "News")
    await page.get_by_role("button", name="Newer texts below").click()
    await expect(bubble(page, "News")).to_be_in_viewport()


# Replying


async def test_a_reply_goes_to_the_carrier_as_an_inbound_text(page: Page, carrier: Carrier) -> None:
    await open_handset(page, carrier)
    box = page.get_by_role("textbox", name="Reply to +1 800 555 0100")
    await box.fill("Where is it?")
    await box.press("Shift+Enter")
    await box.press_sequentially("Please.")
    await box.press("Enter")
    await expect(bubble(page, "Where is it?")).to_contain_text("Sent")
    await expect(box).to_have_value("")
    (reply,) = carrier.messages_of(NUMBER)
    assert (reply["direction"], reply["sender"], reply["text"]) == ("fromHandset", TOLL_FREE, "Where is it?\nPlease.")


async def test_an_empty_reply_is_not_sent(page: Page, carrier: Carrier) -> None:
    await open_handset(page, carrier)
    await page.get_by_role("button", name="Send reply").click()
    await expect(page.get_by_role("alert").filter(has_text="Write something first.")).to_be_visible()
    assert carrier.messages_of(NUMBER) == []


async def test_stop_shows_the_answer_of_the_network(page: Page, carrier: Carrier) -> None:
    await carrier.send(NUMBER, "Hello")
    await expect(bubble(page, "Hello")).to_be_visible()
    await page.get_by_role("button", name="STOP").click()
    answer = page.locator(".message.network")
    await expect(answer).to_contain_text("From the network")
    (network,) = [message for message in carrier.messages_of(NUMBER) if message["network"]]
    await expect(answer.locator(".text")).to_have_text(network["text"])


# Handsets


async def test_the_first_page_gives_the_command_that_sends_the_first_text(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Send the first text")).to_be_visible()
    await expect(page.locator("#welcome code")).to_have_text(
        'curl -X POST http://127.0.0.1:7071/api/messages -H "Content-Type: application/json" '
        '-d \'{"to":"+14255550123","text":"Hello from my laptop"}\'',
    )


async def test_the_page_says_that_it_is_a_stand_in(page: Page) -> None:
    await expect(page.get_by_role("banner")).to_contain_text("A stand-in on this machine. No text leaves it.")


async def test_a_new_handset_is_added_by_its_number(page: Page, carrier: Carrier) -> None:
    await page.get_by_label("New handset").fill("+1 (425) 555-0123")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("heading", name=SPOKEN)).to_be_visible()
    assert [each["number"] for each in carrier.get("/handsets")["handsets"]] == [NUMBER]


@pytest.mark.parametrize("number", ["", "4255550123", "+1425", "hello"])
async def test_a_bad_number_is_refused_with_a_reason(page: Page, carrier: Carrier, number: str) -> None:
    field = page.get_by_label("New handset")
    await field.fill(number)
    await field.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="like +14255550123")).to_be_visible()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_be_focused()
    assert carrier.get("/handsets")["handsets"] == []


async def test_a_magic_number_is_tried_from_its_table(page: Page, carrier: Carrier) -> None:
    await page.get_by_role("tab", name="Magic numbers").click()
    rows = page.locator("#magic-rows tr")
    await expect(rows).to_have_count(len(carrier.get("/magic")["value"]))
    await rows.filter(has_text="4004").get_by_role("button").click()
    await expect(page.get_by_role("heading", name="+1 425 555 4004")).to_be_visible()


async def test_the_page_is_the_same_after_a_reload(page: Page, carrier: Carrier) -> None:
    await carrier.send(OTHER, "To another")
    await carrier.send(NUMBER, "Hello")
    await handset(page, OTHER).click()
    await page.get_by_role("textbox", name="Reply").fill("Half a rep")
    await page.get_by_role("tab", name="Connect").click()
    await page.reload()
    await expect(page.get_by_role("heading", name="+1 425 555 0188")).to_be_visible()
    await expect(bubble(page, "To another")).to_contain_text("Delivered")
    await expect(page.get_by_role("textbox", name="Reply")).to_have_value("Half a rep")
    await expect(page.get_by_role("tab", name="Connect")).to_have_attribute("aria-selected", "true")
    await expect(handset(page, OTHER).locator(".unread")).to_have_count(0)
