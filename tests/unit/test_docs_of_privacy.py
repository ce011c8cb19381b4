"""What docs/privacy.md says of deleting by hand, done on the tables in memory."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from devtools.paths import ROOT
from shared.ports.tables import Range, scan
from shared.rules.errors import NotFound
from shared.rules.ids import conversation_id, to_ms
from shared.services.analytics import Interval, Report
from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import Row
from shared.services.conversation_criteria import Criteria
from tests.support.pages import DOCS, sections
from tests.unit.services.world import ANN, BOB, TOLL_FREE, World

OF_ANN = conversation_id(TOLL_FREE, ANN)


async def test_deleted_rows_of_a_person_are_missed_by_nothing_else() -> None:
    world, campaign = await _a_past()
    before = await _analytics(world)

    await _delete_conversation(world)
    await _delete(world, "Campaigns", campaign)
    await _delete(world, "Conversations", OF_ANN)

    assert await _held_of(world, ANN) == set()
    with pytest.raises(NotFound):
        await world.services.conversations.messages(OF_ANN, 10, None)
    found = await world.services.conversations.search(Criteria(), 10, None)
    assert [one.newest.recipient for one in found.conversations] == [BOB]
    assert await world.services.campaigns.page(10, None) == ((), None)
    assert {message.recipient for message in world.messages()} == {BOB}
    assert len(world.messages()) == 3, "a text, and a campaign's with its copy"
    assert await _analytics(world) == before


async def test_an_opt_out_of_all_outlives_what_is_deleted() -> None:
    world, _ = await _a_past()
    await world.services.opt_out_lists.add(None, [ANN])
    await _delete_conversation(world)

    (answer,) = await world.send(ANN)

    assert answer.state == "suppressed"


def test_every_table_is_on_the_page_or_holds_nothing_of_people() -> None:
    tables = set(re.findall(r"^\| `(\w+)`", sections(DOCS / "architecture.md")["Tables"], re.MULTILINE))
    told = set(re.findall(r"`(\w+)`", sections(DOCS / "privacy.md")["Where, and for how long"]))
    assert tables - told == {"Counts", "DailyUse", "Failures", "Paces", "RequestRates"}


def test_the_log_is_kept_as_long_as_the_template_says() -> None:
    monitoring = (ROOT / "infra" / "core" / "monitoring.bicep").read_text("utf-8")
    [days] = re.findall(r"retentionInDays: (\d+)", monitoring)
    assert f"| Log Analytics | {days} days" in sections(DOCS / "privacy.md")["Where, and for how long"]


async def _a_past() -> tuple[World, str]:
    """Return a world in which Ann and Bob got a text each and a campaign's, and the campaign."""
    world = World()
    await world.send(ANN)
    await world.send(BOB)
    sender = world.services.senders.choose(TOLL_FREE)
    request = CampaignRequest("News", sender, "News", [Row(1, ANN), Row(2, BOB)], quiet=False)
    campaign = await world.services.campaign_plans.start(request, "key")
    await world.pass_time(minutes=1)
    for person in (ANN, BOB):
        for n in (0, 1):
            await world.services.delivery_reports.receive(world.report(person, n=n))
    await world.services.notes.add(OF_ANN, f"Ann is {ANN}", "key.a", "a note")
    return world, campaign.id


async def _delete_conversation(world: World) -> None:
    """Delete as the page says: the partition of the conversation, and each campaign's original, by `home` and row."""
    messages = world.tables.table("Messages")
    homes = [(one.values.get("home"), one.row) async for one in scan(messages, Range(OF_ANN))]
    originals = [(str(home), row) for home, row in homes if home]
    assert originals
    for home, row in originals:
        await messages.delete(home, row)
    await _delete(world, "Messages", OF_ANN)


async def _delete(world: World, table: str, partition: str) -> None:
    rows = world.tables.table(table)
    for entity in [one async for one in scan(rows, Range(partition))]:
        await rows.delete(entity.partition, entity.row)


async def _held_of(world: World, number: str) -> set[str]:
    """Return the names of the tables, without the opt-outs, in which the number is still written."""
    names = (
        "Messages",
        "Campaigns",
        "Conversations",
        "Activity",
        "Batches",
        "Idempotency",
        "KeptEvents",
        "Outbox",
        "Failures",
    )
    return {name for name in names async for one in scan(world.tables.table(name), Range()) if number in str(one)}


async def _analytics(world: World) -> Report:
    start = world.clock.now() - timedelta(days=1)
    end = world.clock.now() + timedelta(days=1)
    return await world.services.analytics.report(to_ms(start), to_ms(end), Interval.DAY, None)
