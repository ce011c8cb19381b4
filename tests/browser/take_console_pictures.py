"""Take the pictures of the console again: `python -m tests.browser.take_console_pictures`.

It starts the local stack, lets a few conversations and a campaign happen, and writes `docs/images/console-*.png`. The
texts are made up; the times are those of the moment.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

from tests.browser.conftest import BROWSER_ARGUMENTS, NO_BROWSER, executable
from tests.support.people import People, people_of
from tests.support.stack import running_stack
from tests.support.waiting import eventually

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SHORT_CODE, ANN = "12345", "+14255557101"
_SIZE = {"width": 1200, "height": 800}


async def happen(people: People) -> str:
    """Let people write, one be answered, one leave, and a campaign go; give the conversation that is shown."""
    await people.ask(
        "PUT", "quick-replies", {"value": [{"name": "Opening hours", "text": "We are open from 9 to 18."}]}
    )
    numbers = [f"+1425777{number:04d}" for number in range(200)]
    rows = {"name": "Opening", "text": "We open a second shop on Monday.", "from": SHORT_CODE, "quietHours": False}
    started = await people.ask("POST", "campaigns", {**rows, "recipients": [{"to": number} for number in numbers]})
    for number, text in (("+14255557102", "STOP"), ("+14255557103", "Thank you!"), (ANN, "Is my bike ready?")):
        await people.text(number, text, to=SHORT_CODE)
    await eventually(lambda: _all_in(people))
    found = await people.ask("POST", "conversations/search", {"recipient": ANN})
    conversation = str(found.body["value"][0]["id"])
    await people.ask(
        "POST", f"conversations/{conversation}/messages", {"text": "It will be at five. We will text you."}
    )
    await people.ask("PATCH", f"conversations/{conversation}", {"assignee": "Kim", "labels": ["repairs"]})
    await people.text(ANN, "Great. Is the shop open until six?", to=SHORT_CODE)
    await eventually(lambda: _is_done(people, started.body["id"]), 60)
    return conversation


async def _all_in(people: People) -> bool:
    return len((await people.ask("POST", "conversations/search", {"unread": True})).body["value"]) >= 2


async def _is_done(people: People, campaign: str) -> bool:
    counts = (await people.ask("GET", f"campaigns/{campaign}")).body["counts"]
    return bool(counts.get("delivered", 0) >= 190)


async def take(page: Page, console: str, conversation: str) -> None:
    """Photograph the inbox and the analytics."""
    await page.goto(f"{console}#inbox/{conversation}")
    await expect(page.get_by_role("list", name="Messages")).to_contain_text("until six?")
    await page.screenshot(path=IMAGES / "console-inbox.png", animations="disabled")
    await page.goto(f"{console}#analytics")
    await page.get_by_label("Range").select_option("1")
    await expect(page.locator(".chart .u-over").first).to_be_visible()
    await page.screenshot(path=IMAGES / "console-analytics.png", animations="disabled")


async def main() -> None:
    """Start what is needed, take the pictures, stop all of it."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        async with people_of(stack) as people, async_playwright() as playwright:
            path = executable(playwright)
            if path is None:
                raise SystemExit(NO_BROWSER)
            conversation = await happen(people)
            browser = await playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
            page = await browser.new_page(viewport=_SIZE, device_scale_factor=1.5, locale="en-US")  # type: ignore[arg-type]  # a plain dict does
            await take(page, f"{stack.api}/console", conversation)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
