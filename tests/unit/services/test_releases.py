"""Releases: the timer keeps work going, takes up what was lost, and ends what is done."""

from __future__ import annotations

import json
from dataclasses import replace

from shared.edges.clock_manual import ManualClock
from shared.services.campaigns import LEASE, Status
from shared.services.work import CAMPAIGNS_QUEUE
from tests.unit.services.campaigning import copies, counts, people, request, start
from tests.unit.services.world import ENVIRONMENT, SHORT_CODE, TOLL_FREE, World, settings


def lose_all(world: World) -> int:
    """Lose every message of the queue; return how many those were."""
    queue = world.queues.queue(CAMPAIGNS_QUEUE)
    count = len(queue)
    queue._messages.clear()
    return count


async def status(world: World, campaign_id: str) -> Status:
    """Return where a campaign is."""
    return (await world.services.campaigns.get(campaign_id)).status


async def test_a_few_chunks_are_in_the_queue_and_the_next_one_follows_each() -> None:
    world = World()
    to = people(990)
    campaign = await start(world, request(world, to, sender=SHORT_CODE))
    queue = world.queues.queue(CAMPAIGNS_QUEUE)
    assert campaign.chunks == 10
    assert len(queue) == 3
    await world.services.releases.run()
    assert len(queue) == 3
    taken = queue.take(world.clock.now())
    assert taken
    await world.services.work.send_chunk(taken.body)
    queue.done(taken)
    assert [json.loads(body)["chunk"] for body in queue.bodies()] == [1, 2, 3]
    await world.pass_time(minutes=1)
    assert copies(world, to) == [1] * 990
    assert await status(world, campaign.id) is Status.DONE
    assert [one async for one in world.services.campaigns.running()] == []


async def test_what_the_queue_lost_is_put_in_again() -> None:
    world = World()
    to = people(300)
    campaign = await start(world, request(world, to, sender=SHORT_CODE))
    for _ in range(5):
        assert lose_all(world) > 0
        await world.services.releases.run()
        assert len(world.queues.queue(CAMPAIGNS_QUEUE)) == 0
        world.clock.advance(seconds=61)
        await world.services.releases.run()
    await world.pass_time(minutes=1)
    assert copies(world, to) == [1] * 300
    assert await status(world, campaign.id) is Status.DONE


async def test_two_timers_at_once_wake_each_chunk_once() -> None:
    world = World()
    await start(world, request(world, people(300), sender=SHORT_CODE))
    lose_all(world)
    world.clock.advance(seconds=61)
    other = World(tables=world.tables, carrier=world.carrier, clock=world.clock, queues=world.queues)
    await world.services.releases.run()
    await other.services.releases.run()
    named = [json.loads(body)["chunk"] for body in world.queues.queue(CAMPAIGNS_QUEUE).bodies()]
    assert sorted(named) == sorted(set(named))


async def test_a_chunk_whose_worker_died_is_taken_up_after_its_lease() -> None:
    world = World()
    campaign = await start(world, request(world, people(10)))
    lose_all(world)
    assert await world.services.campaigns.claim(campaign.id, 0)
    world.clock.advance(seconds=LEASE.total_seconds() - 5)
    await world.services.releases.run()
    assert len(world.queues.queue(CAMPAIGNS_QUEUE)) == 0
    world.clock.advance(seconds=6)
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"sent": 10}


async def test_two_campaigns_of_one_sender_both_go_on() -> None:
    world = World()
    first = await start(world, request(world, people(150)))
    second = await start(world, request(world, people(150, 200), text="Bye"))
    await world.pass_time(seconds=45)
    for campaign in (first, second):
        assert (await counts(world, campaign))["sent"] > 20
    await world.pass_time(minutes=2)
    assert await counts(world, first) == await counts(world, second) == {"sent": 150}


async def test_a_sender_that_was_taken_out_of_the_settings_does_not_hold_up_others() -> None:
    world = World()
    gone = await start(world, request(world, people(10), sender=SHORT_CODE))
    stays = await start(world, request(world, people(10, 100)))
    senders = [one for one in json.loads(ENVIRONMENT["SMS_SENDERS"]) if one["sender"] != SHORT_CODE]
    later = World(
        settings(SMS_SENDERS=json.dumps(senders)),
        tables=world.tables,
        carrier=world.carrier,
        clock=world.clock,
        queues=world.queues,
    )
    await later.pass_time(minutes=1)
    assert await counts(later, stays) == {"sent": 10}
    assert await counts(later, gone) == {"queued": 10}
    assert {one.sender for one in later.carrier.requests} == {TOLL_FREE}
    again = World(tables=world.tables, carrier=world.carrier, clock=world.clock, queues=world.queues)
    await again.pass_time(minutes=4)
    assert await counts(again, gone) == {"sent": 10}


async def test_a_campaign_whose_end_was_not_noted_is_ended_by_the_timer() -> None:
    world = World()
    campaign = await start(world, request(world, people(5)))
    await world.pass_time(minutes=1)
    table = world.tables.table("Campaigns")
    found = await world.services.campaigns.get(campaign.id)
    row = await table.get(campaign.id, "campaign")
    assert row
    await table.replace(replace(row, values={**row.values, "status": "running"}))
    await world.services.releases.feed(replace(found, status=Status.RUNNING))
    assert await status(world, campaign.id) is Status.DONE


async def test_a_paused_campaign_is_not_fed() -> None:
    world = World(clock=ManualClock())
    campaign = await start(world, request(world, people(300)))
    await world.services.campaigns.set_status(campaign.id, Status.PAUSED)
    await world.pass_time(minutes=3)
    assert world.carrier.requests == []
    assert len(world.queues.queue(CAMPAIGNS_QUEUE)) == 0
    assert await counts(world, campaign) == {"queued": 300}
