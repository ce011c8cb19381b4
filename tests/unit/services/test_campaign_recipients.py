"""Recipients of campaigns whose turn has not come: known by their id, and canceled one by one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shared.ports.carrier import SendRequest
from shared.rules.errors import CarrierSilent, Conflict
from shared.rules.ids import MessageKey, to_ms
from shared.rules.states import State
from shared.services.campaigns import Campaign, Status
from shared.services.messages import Message
from tests.unit.services.campaigning import by_number, copies, counts, only_chunk, people, request, start, states
from tests.unit.services.world import SHORT_CODE, World, settings


def fast() -> World:
    """Return a world whose default sender may send 100 a second."""
    senders = [{"sender": SHORT_CODE, "type": "shortCode", "perMinute": 6_000}]
    return World(settings(SMS_SENDERS=json.dumps(senders), SMS_DEFAULT_SENDER=SHORT_CODE))


async def waiting(world: World, count: int, *, delivery_report: bool = True) -> Campaign:
    """Start a campaign whose time has not come."""
    in_an_hour = to_ms(world.clock.now()) + 3_600_000
    return await start(world, request(world, people(count), send_at_ms=in_an_hour, delivery_report=delivery_report))


async def key_of(world: World, campaign: Campaign, to: str) -> MessageKey:
    """Return the key of a recipient, as the listing gives its id."""
    found, _ = await world.services.campaign_progress.recipients(campaign.id, None, 1_000, None)
    (one,) = [one for one in found if one.to == to]
    key = MessageKey.parse(one.id)
    assert key
    return key


async def cancel(world: World, campaign: Campaign, to: str) -> Message | None:
    """Cancel one recipient that waits."""
    return await world.services.campaign_recipients.cancel(await key_of(world, campaign, to))


async def test_a_recipient_that_waits_is_known_by_its_id() -> None:
    world = fast()
    campaign = await waiting(world, 3)
    key = await key_of(world, campaign, people(3)[1])
    message = await world.services.campaign_recipients.find(key)
    assert message
    assert (message.key, message.recipient, message.state) == (key, people(3)[1], State.SCHEDULED)


async def test_a_recipient_in_a_later_block_is_found_too() -> None:
    world = fast()
    campaign = await start(world, request(world, people(2_200), send_at_ms=to_ms(world.clock.now()) + 3_600_000))
    found, cursor = await world.services.campaign_progress.recipients(campaign.id, None, 1_000, "2.0")
    assert cursor is None
    key = MessageKey.parse(found[-1].id)
    assert key
    message = await world.services.campaign_recipients.find(key)
    assert message
    assert message.recipient == found[-1].to


async def test_an_id_of_nobody_is_not_found() -> None:
    world = fast()
    campaign = await waiting(world, 3)
    key = await key_of(world, campaign, people(1)[0])
    for other in (MessageKey("0" * 32, key.row), MessageKey(key.partition, f"{key.row[:-1]}x")):
        assert await world.services.campaign_recipients.find(other) is None
        assert await world.services.campaign_recipients.cancel(other) is None


async def test_a_canceled_recipient_is_not_texted_and_all_others_are() -> None:
    world = fast()
    campaign = await waiting(world, 250)
    gone = [people(250)[place] for place in (0, 7, 120, 249)]
    for one in gone:
        message = await cancel(world, campaign, one)
        assert message
        assert message.state is State.CANCELED
    assert await counts(world, campaign) == {"canceled": 4, "scheduled": 246}
    await world.pass_time(minutes=70)
    assert copies(world, gone) == [0] * 4
    assert sum(copies(world, people(250))) == 246
    assert await counts(world, campaign) == {"canceled": 4, "sent": 246}
    assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE


async def test_canceling_twice_changes_nothing() -> None:
    world = fast()
    campaign = await waiting(world, 3)
    await cancel(world, campaign, people(1)[0])
    assert await cancel(world, campaign, people(1)[0]) is None
    key = await key_of(world, campaign, people(1)[0])
    assert (await world.services.sending.cancel(key)).state is State.CANCELED
    assert (await only_chunk(world, campaign)).canceled == (0,)


async def test_a_chunk_of_canceled_recipients_alone_ends_without_a_request() -> None:
    world = fast()
    campaign = await waiting(world, 2)
    for one in people(2):
        await cancel(world, campaign, one)
    await world.pass_time(minutes=70)
    assert world.carrier.requests == []
    assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE


async def test_one_who_is_being_handed_over_cannot_be_canceled() -> None:
    world = fast()
    campaign = await start(world, request(world, people(2)))
    refused: list[str] = []

    async def try_to_cancel(_request: SendRequest) -> None:
        key = await key_of(world, campaign, people(1)[0])
        seen = await world.services.campaign_recipients.find(key)
        assert seen
        assert seen.state is State.SENDING
        with pytest.raises(Conflict) as conflict:
            await world.services.campaign_recipients.cancel(key)
        refused.append(conflict.value.code)

    world.carrier.on_send = try_to_cancel
    await world.pass_time(minutes=1)
    assert refused == ["MessageHasGone"]
    assert states(world) == {State.SENT: 2}


async def test_a_worker_whose_chunk_is_changed_by_a_cancel_goes_on_at_once() -> None:
    world = fast()
    campaign = await start(world, request(world, people(150)))
    last = people(150)[-1]

    async def cancel_the_last(_request: SendRequest) -> None:
        world.carrier.on_send = None
        await cancel(world, campaign, last)

    world.carrier.on_send = cancel_the_last
    await world.pass_time(seconds=20)
    assert await counts(world, campaign) == {"canceled": 1, "sent": 149}
    assert copies(world, [last]) == [0]


async def test_one_of_a_group_that_waits_again_is_canceled_or_has_gone() -> None:
    world = fast()
    campaign = await start(world, request(world, people(3)))

    async def silence(_request: SendRequest) -> None:
        world.carrier.on_send = None
        raise CarrierSilent("no answer")

    world.carrier.on_send = silence
    await world.pass_time(seconds=2)
    with pytest.raises(Conflict):
        await cancel(world, campaign, people(1)[0])
    await world.pass_time(minutes=2)
    assert states(world) == {State.SENT: 3}


async def test_what_the_canceling_worker_could_not_write_is_written_when_its_turn_comes() -> None:
    world = fast()
    campaign = await waiting(world, 3)
    chunk = await only_chunk(world, campaign)
    assert await world.services.campaigns.cancel_place(chunk, 1)
    assert not await world.services.campaigns.cancel_place(chunk, 2)
    key = await key_of(world, campaign, people(3)[1])
    seen = await world.services.campaign_recipients.find(key)
    assert seen
    assert seen.state is State.CANCELED
    await world.pass_time(minutes=70)
    assert copies(world, people(3)) == [1, 0, 1]
    assert by_number(world)[people(3)[1]].state is State.CANCELED


async def test_the_end_of_the_campaign_leaves_a_canceled_recipient_as_it_is() -> None:
    world = fast()
    in_an_hour = to_ms(world.clock.now()) + 3_600_000
    wanted = request(world, people(3), send_at_ms=in_an_hour, not_after_ms=in_an_hour + 1)
    campaign = await start(world, replace(wanted, quiet=False))
    await cancel(world, campaign, people(3)[2])
    await world.pass_time(minutes=90)
    assert await counts(world, campaign) in ({"canceled": 1, "expired": 2}, {"canceled": 1, "sent": 2})
    assert by_number(world)[people(3)[2]].state is State.CANCELED


async def test_a_canceled_message_without_reports_is_in_its_conversation() -> None:
    world = fast()
    campaign = await waiting(world, 1, delivery_report=False)
    message = await cancel(world, campaign, people(1)[0])
    assert message
    kept, _ = await world.services.conversations.messages(message.conversation, 10, None)
    assert [(one.id, one.state) for one in kept] == [(message.id, State.CANCELED)]
