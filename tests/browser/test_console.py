"""The console in a real browser on the running stack: texts are answered and refused, and nothing in them runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import BrowserContext, Page, expect

from shared.rules.segments import GSM_7_BASIC, GSM_7_EXTENSION, count_segments
from tests.browser.phones import SMALL
from tests.support.people import People, people_of
from tests.support.stack import RunningStack, running_stack
from tests.support.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SHORT_CODE = "12345"
GOOD_ROWS, WRONG_ROWS = 480, 20
HOSTILE = "<img src=x onerror=\"document.title='run'\">=HYPERLINK(1)"
VIEWS = ("inbox", "send", "campaigns", "message", "quick-replies", "opt-outs", "analytics", "failures")
TEXTS = st.text(st.one_of(st.sampled_from(GSM_7_BASIC + GSM_7_EXTENSION), st.sampled_from("é–😀漢")), max_size=400)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Give a stack of these tests' own: on the shared one an answer came too late at times, nobody knows why yet."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def people(stack: RunningStack) -> AsyncIterator[People]:
    """Give a session towards the stack."""
    async with people_of(stack) as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def console(context: BrowserContext, stack: RunningStack) -> AsyncIterator[Page]:
    """Give the console; fail the test if its scripts threw or its content policy was broken."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{stack.api}/console")
    yield page
    assert complaints == []


async def open_thread(console: Page, number: str) -> None:
    await console.get_by_role("link", name=number).click()
    await expect(console.get_by_role("textbox", name="Answer")).to_be_visible()


async def test_a_text_comes_in_is_answered_and_a_stop_blocks_the_box(console: Page, people: People) -> None:
    number = "+14255557001"
    await people.text(number, "Is my table ready?", to=SHORT_CODE)
    await open_thread(console, number)
    await console.get_by_role("textbox", name="Answer").fill("Yes, it is.")
    await expect(console.get_by_text("1 segment, 11 units, GSM-7")).to_be_visible()
    await console.get_by_role("button", name="Send").click()
    await eventually(lambda: _is_told(people, number, "Yes, it is."), within_seconds=90)
    await people.text(number, "STOP", to=SHORT_CODE)
    await expect(console.get_by_role("textbox", name="Answer")).to_be_disabled()
    await expect(console.get_by_role("alert")).to_contain_text("has opted out")


async def _is_told(people: People, number: str, text: str) -> bool:
    return text in [bubble["text"] for bubble in await people.on_handset(number)]


async def test_a_text_with_markup_or_a_formula_is_shown_and_never_run(console: Page, people: People) -> None:
    number = "+14255557002"
    await people.text(number, HOSTILE)
    await open_thread(console, number)
    await expect(console.get_by_role("list", name="Messages")).to_contain_text(HOSTILE)
    assert await console.locator("main img").count() == 0
    assert await console.title() != "run"


async def test_the_policy_of_the_page_blocks_an_inline_script(console: Page) -> None:
    await console.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
        " document.body.append(one); }"
    )
    assert await console.evaluate("window.ran") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_view_fits_a_phone_and_has_no_serious_barrier(
    console: Page, scheme: Literal["light", "dark"]
) -> None:
    await console.emulate_media(color_scheme=scheme)
    for view in VIEWS:
        await console.evaluate(f"location.hash = '{view}'")
        await expect(console.locator(f".view.{view} h1")).to_be_visible()
        found = (await Axe().run(console)).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], view
        size = console.viewport_size
        await console.set_viewport_size(SMALL)
        assert await console.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view
        assert size
        await console.set_viewport_size(size)


async def test_the_page_counts_segments_as_the_app_does(console: Page) -> None:
    texts: list[str] = ["", "a" * 161, "😀" * 36, "[" * 81, "a" * 152 + "[" + "b" * 20]

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(TEXTS)
    def gather(text: str) -> None:
        texts.append(text)

    gather()
    told = await console.evaluate(
        "async (texts) => { const { countSegments } = await import('./console/segments.js');"
        " return texts.map(countSegments).map((one) => [one.encoding, one.units, one.segments]); }",
        texts,
    )
    counts = [count_segments(text) for text in texts]
    assert told == [[one.encoding.value, one.units, one.segments] for one in counts]


async def test_the_team_reads_assigns_notes_finds_and_closes(console: Page, people: People) -> None:
    number = "+14255557003"
    await people.text(number, "When do you open?", to=SHORT_CODE)
    row = console.get_by_role("list", name="Conversations").get_by_role("link", name=number)
    await expect(row).to_contain_text("1 unread")
    await expect(row).to_contain_text("waiting")
    await open_thread(console, number)
    await expect(row).not_to_contain_text("unread", timeout=15_000)
    await expect(row).to_contain_text("waiting")
    await console.get_by_text("Assign, label, close, notes").click()
    await console.get_by_label("Assigned to").fill("Kim")
    await console.get_by_label("Labels").fill("hours, vip")
    await console.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("Kim")
    await expect(row).to_contain_text("vip")
    await console.get_by_label("Note for the team").fill("Asked twice today.")
    await console.get_by_role("button", name="Keep the note").click()
    await expect(console.get_by_role("list", name="Notes")).to_contain_text("Asked twice today.")
    await console.get_by_role("button", name="Close").click()
    await expect(row).to_contain_text("closed")
    await console.get_by_label("Show").select_option("Closed")
    await expect(console.get_by_role("list", name="Conversations").get_by_role("link")).to_have_count(1)
    await console.get_by_label("Show").select_option("Everything")
    await console.get_by_label("Find a number or a text").fill("do you OPEN")
    await console.get_by_label("Find a number or a text").press("Enter")
    await expect(console.get_by_role("list", name="Conversations").get_by_role("link")).to_have_count(1)
    assert "Asked" not in str(await people.on_handset(number))


async def test_quick_replies_are_written_in_the_page_and_go_once_they_are_filled_in(
    console: Page, people: People
) -> None:
    number = "+14255557005"
    await people.text(number, "When do you open?", to=SHORT_CODE)
    await console.get_by_role("link", name="Quick replies").click()
    await console.get_by_role("button", name="Add one").click()
    await console.get_by_label("Name").last.fill("Hours")
    await console.get_by_label("Text").last.fill("Dear {{name}}, from 9 to 18.")
    await console.get_by_role("button", name="Save").click()
    await expect(console.get_by_text("Saved.")).to_be_visible()
    await console.get_by_role("link", name="Inbox").click()
    await open_thread(console, number)
    await console.get_by_label("Quick reply").select_option("Hours")
    answer = console.get_by_role("textbox", name="Answer")
    await console.get_by_role("button", name="Send").click()
    await expect(console.get_by_role("alert").filter(has_text="{{name}}")).to_be_visible()
    await answer.evaluate("(box) => box.setSelectionRange(5, 13)")
    await answer.press_sequentially("Ann")
    await console.get_by_role("button", name="Send").click()
    await eventually(lambda: _is_told(people, number, "Dear Ann, from 9 to 18."), within_seconds=90)


async def test_a_reminder_shows_that_it_was_confirmed(console: Page, people: People) -> None:
    number = "+14255557006"
    text = "Tomorrow at 9. Reply YES or NO."
    reminder = {"from": SHORT_CODE, "to": number, "text": text, "confirmWords": ["YES"]}
    assert (await people.ask("POST", "messages", reminder)).status == 202
    await eventually(lambda: _is_told(people, number, text), within_seconds=90)
    await people.text(number, "Yes!", to=SHORT_CODE)
    await open_thread(console, number)
    asked = console.get_by_role("list", name="Messages").get_by_role("listitem").filter(has_text="Tomorrow at 9.")
    await expect(asked).to_contain_text("confirmed", timeout=15_000)


async def test_quick_replies_that_somebody_else_has_changed_are_not_overwritten(console: Page, people: People) -> None:
    theirs = {"value": [{"name": "Theirs", "text": "We call you back."}]}
    await console.get_by_role("link", name="Quick replies").click()
    await console.get_by_role("button", name="Add one").click()
    await console.get_by_label("Name").last.fill("Mine")
    await console.get_by_label("Text").last.fill("Mine")
    assert (await people.ask("PUT", "quick-replies", theirs)).status == 200
    await console.get_by_role("button", name="Save").click()
    await expect(console.get_by_role("alert")).to_contain_text("Somebody else")
    assert (await people.ask("GET", "quick-replies")).body == theirs
    await console.get_by_role("button", name="Load anew").click()
    await expect(console.get_by_label("Name")).to_have_count(1)
    await expect(console.get_by_label("Name")).to_have_value("Theirs")


async def test_an_idle_inbox_is_answered_without_its_content(console: Page, people: People) -> None:
    await people.text("+14255557004", "Hello", to=SHORT_CODE)
    await expect(console.get_by_role("link", name="+14255557004")).to_be_visible()
    async with console.expect_response(lambda one: one.url.endswith("/conversations") and one.status == 304) as idle:
        pass
    assert await (await idle.value).header_value("etag")


def _recipients() -> bytes:
    """Give a CSV file of 500 rows, 20 of which name no number."""
    rows = [f"+1425777{number:04d},Ann" for number in range(GOOD_ROWS)]
    for place in range(0, GOOD_ROWS, GOOD_ROWS // WRONG_ROWS):
        rows.insert(place, "not a number,Bob")
    return "\n".join(["to,name", *rows]).encode()


async def test_a_campaign_of_five_hundred_is_forecast_paused_resumed_and_charted(
    console: Page, people: People, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(_recipients())
    await people.carrier("PUT", "/trouble", {"latencyMs": 400})
    await console.evaluate("location.hash = 'campaigns'")
    await console.get_by_label("Name", exact=True).fill("Opening hours")
    await console.get_by_label("From").fill(SHORT_CODE)
    await console.get_by_label("Text", exact=True).fill("{{name}}, we open at nine.")
    await console.get_by_label("Recipients (CSV)").set_input_files(file)
    await console.get_by_label("Keep quiet hours").uncheck()
    await console.get_by_role("button", name="Forecast").click()
    forecast = console.get_by_role("region", name="Forecast").get_by_role("row").nth(1).get_by_role("cell")
    await expect(forecast.nth(0)).to_have_text(str(GOOD_ROWS))
    await expect(forecast.nth(3)).to_have_text(str(WRONG_ROWS))
    await console.get_by_role("button", name="Start").click()
    await console.get_by_role("button", name="Pause").click()
    states = console.get_by_role("region", name="Recipients by state")
    await expect(console.locator("h2 .state")).to_have_text("paused")
    await expect(states.get_by_role("row", name="queued")).to_be_visible()
    await console.get_by_role("button", name="Resume").click()
    await expect(console.locator("h2 .state")).to_have_text("done", timeout=60_000)
    await expect(states.get_by_role("row", name=f"delivered {GOOD_ROWS}")).to_be_visible(timeout=60_000)
    await expect(console.get_by_role("region", name="Rows that cannot be texted").get_by_role("row")).to_have_count(
        WRONG_ROWS + 1
    )
    await people.carrier("PUT", "/trouble", {"latencyMs": 0})
    await _look_at_the_chart(console)


async def _look_at_the_chart(console: Page) -> None:
    """Split the analytics by campaign, and compare the chart under the pointer with the campaign's count."""
    await console.evaluate("location.hash = 'analytics'")
    numbers = console.get_by_role("region", name="The numbers")
    await expect(numbers).to_be_visible()
    delivered = sum([int(text) for text in await numbers.locator("tbody td:nth-child(5)").all_inner_texts()])
    assert delivered >= GOOD_ROWS
    chart = console.locator(".chart").first
    # The last of the seven days is today.
    plot = chart.locator(".u-over")
    box = await plot.bounding_box()
    assert box
    await plot.hover(position={"x": box["width"] - 2, "y": box["height"] / 2})
    await expect(chart.locator(".u-series", has_text="Delivered").locator(".u-value")).to_have_text(str(delivered))
