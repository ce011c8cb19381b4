"""Campaign progress: counts that add up, and who is where."""

from __future__ import annotations

from collections import Counter

import pytest

from shared.rules.errors import InvalidRequest, NotFound
from shared.rules.ids import MessageKey
from shared.services.campaign_progress import RecipientState
from shared.services.campaigns import Campaign, Status
from tests.unit.services.campaigning import counts, people, request, start
from tests.unit.services.world import SHORT_CODE, World


async def listed(world: World, campaign: Campaign, state: str | None = None, limit: int = 100) -> list[RecipientState]:
    """Return all recipients, page after page."""
    found: list[RecipientState] = []
    cursor: str | None = None
    for _ in range(100):
        page, cursor = await world.services.campaign_progress.recipients(campaign.id, state, limit, cursor)
        assert len(page) <= limit
        found += page
        if cursor is None:
            return found
    raise AssertionError("the pages never end")


async def test_counts_follow_the_messages_and_add_up() -> None:
    world = World()
    to = people(400)
    await world.services.opt_out_lists.add(None, to[:5])
    campaign = await start(world, request(world, to))
    assert await counts(world, campaign) == {"queued": 400}
    for _ in range(6):
        await world.pass_time(seconds=30)
        found = await counts(world, campaign)
        assert sum(found.values()) == 400
        assert found.get("sent", 0) == len(world.carrier.sent)
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"suppressed": 5, "sent": 395}
    for one in to[5:]:
        await world.services.delivery_reports.receive(world.report(one))
    assert await counts(world, campaign) == {"suppressed": 5, "delivered": 395}


async def test_the_end_is_told_while_it_runs_and_not_after() -> None:
    world = World()
    campaign = await start(world, request(world, people(200)))
    progress = await world.services.campaign_progress.of(campaign.id)
    assert progress.gone == 0
    assert progress.ends_ms is not None
    assert 50_000 <= progress.ends_ms - world.now_ms <= 70_000
    await world.services.campaigns.set_status(campaign.id, Status.PAUSED)
    assert (await world.services.campaign_progress.of(campaign.id)).ends_ms is None
    await world.services.campaigns.set_status(campaign.id, Status.RUNNING)
    await world.pass_time(minutes=2)
    after = await world.services.campaign_progress.of(campaign.id)
    assert (after.ends_ms, after.gone) == (None, 200)


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_pages_of_any_size_name_each_recipient_once(limit: int) -> None:
    world = World()
    to = people(60)
    campaign = await start(world, request(world, to))
    await world.pass_time(seconds=5)
    found = await listed(world, campaign, limit=limit)
    assert sorted(one.to for one in found) == to
    assert {one.row for one in found} == set(range(1, 61))
    assert Counter(one.state for one in found) == await counts(world, campaign)


async def test_the_list_goes_over_many_blocks_and_filters_by_state() -> None:
    world = World()
    to = people(2_100)
    await world.services.opt_out_lists.add(None, [to[3], to[2_050]])
    campaign = await start(world, request(world, to, sender=SHORT_CODE))
    await world.pass_time(minutes=2)
    assert sorted(one.to for one in await listed(world, campaign)) == to
    left = await listed(world, campaign, "suppressed")
    assert [(one.to, one.reason) for one in left] == [(to[3], "optedOut"), (to[2_050], "optedOut")]
    assert await listed(world, campaign, "failed") == []


async def test_the_id_of_a_recipient_is_that_of_the_message_before_and_after_it_is_sent() -> None:
    world = World()
    campaign = await start(world, request(world, people(3)))
    before = {one.to: one.id for one in await listed(world, campaign)}
    await world.pass_time(minutes=1)
    assert {one.to: one.id for one in await listed(world, campaign)} == before
    for to, public_id in before.items():
        key = MessageKey.parse(public_id)
        assert key
        message = await world.services.messages.get(key)
        assert message
        assert message.recipient == to


@pytest.mark.parametrize("cursor", ["x", "-1.0", "1", "0.x", "0.0.0", "9" * 40])
async def test_a_cursor_of_no_page_is_refused(cursor: str) -> None:
    world = World()
    campaign = await start(world, request(world, people(3)))
    with pytest.raises(InvalidRequest):
        await world.services.campaign_progress.recipients(campaign.id, None, 10, cursor)


async def test_what_is_no_campaign_is_not_found() -> None:
    with pytest.raises(NotFound):
        await World().services.campaign_progress.of("nothing")
