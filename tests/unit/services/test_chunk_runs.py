"""Chunk runs: groups of one text at the sender's pace, once each, at the right time of day."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from shared.ports.carrier import SendRequest
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, CarrierUnavailable, SmsError
from shared.rules.ids import to_ms
from shared.rules.states import State
from shared.services.campaigns import Status
from shared.services.work import CAMPAIGNS_QUEUE
from tests.unit.services.campaigning import by_number, copies, counts, only_chunk, people, request, sizes, start, states
from tests.unit.services.world import SHORT_CODE, World, settings

# Nine in the evening of the day before at the places of the test's numbers.
EVENING = datetime(2026, 3, 3, 5, 0, tzinfo=UTC)
PARIS = "+33612345678"


def fast(per_minute: int = 6_000) -> World:
    """Return a world whose default sender may send that much."""
    return World(
        settings(
            SMS_SENDERS=json.dumps([{"sender": SHORT_CODE, "type": "shortCode", "perMinute": per_minute}]),
            SMS_DEFAULT_SENDER=SHORT_CODE,
        )
    )


def once(world: World, error: Callable[[], Awaitable[None]]) -> None:
    """Do something at the next request alone."""

    async def do(_request: SendRequest) -> None:
        world.carrier.on_send = None
        await error()

    world.carrier.on_send = do


def at_local(world: World, hour: int, minute: int = 0, second: int = 0) -> None:
    """Set the clock to a time of day in Seattle, where the test's numbers are."""
    world.clock.time = datetime(2026, 3, 2, 8, tzinfo=UTC).replace(hour=(hour + 8) % 24, minute=minute, second=second)


async def test_recipients_of_one_text_share_requests_of_a_seconds_worth() -> None:
    world = fast()
    to = people(250)
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=1)
    assert copies(world, to) == [1] * 250
    assert max(sizes(world)) >= 90
    assert len(sizes(world)) <= 6
    assert await counts(world, campaign) == {"sent": 250}
    assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE


async def test_each_recipient_gets_the_own_text() -> None:
    world = fast()
    to = people(30)
    values = [{"name": "Ann" if number % 2 else "Bob"} for number in range(30)]
    await start(world, request(world, to, text="Hi {{name}}", values=values))
    await world.pass_time(minutes=1)
    got = {one.to: one.text for one in world.carrier.sent}
    assert got == {one: f"Hi {value['name']}" for one, value in zip(to, values, strict=True)}
    assert sorted(sizes(world)) == [15, 15]
    assert {one.text for one in by_number(world).values()} == {"Hi Ann", "Hi Bob"}


async def test_a_campaign_keeps_the_rate_of_its_sender() -> None:
    world = World()
    to = people(400)
    times: list[tuple[int, int]] = []

    async def note(one: SendRequest) -> None:
        times.append((world.now_ms, len(one.addressees)))

    world.carrier.on_send = note
    await start(world, request(world, to))
    await world.pass_time(minutes=4)
    assert copies(world, to) == [1] * 400
    for at, _ in times:
        assert sum(units for other, units in times if at <= other < at + 60_000) <= 200
    assert times[-1][0] - times[0][0] >= 2 * 60_000 - 2_000


async def test_single_texts_go_before_a_campaign_that_fills_the_rate() -> None:
    world = World()
    await start(world, request(world, people(300)))
    await world.pass_time(seconds=70)
    (answer,) = await world.send("+14255559999")
    assert (answer.state, answer.reason) == ("sent", None)


async def test_opted_out_recipients_are_left_out_of_their_group() -> None:
    world = fast()
    to = people(20)
    await world.services.opt_out_lists.add(None, to[:3])
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=1)
    assert copies(world, to) == [0] * 3 + [1] * 17
    assert await counts(world, campaign) == {"suppressed": 3, "sent": 17}


async def test_one_who_opts_out_while_the_campaign_runs_gets_nothing_any_more() -> None:
    world = World()
    to = people(60)

    async def leave() -> None:
        await world.services.opt_out_lists.add(None, [to[-1]])

    once(world, leave)
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=2)
    assert copies(world, to) == [1] * 59 + [0]
    assert await counts(world, campaign) == {"suppressed": 1, "sent": 59}


async def test_a_recipient_that_the_carrier_refuses_is_failed_alone() -> None:
    world = fast()
    to = people(10)
    world.carrier.reject_next(to[4], 400)
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"failed": 1, "sent": 9}


async def test_a_sender_that_acs_refuses_fails_the_campaign_row_by_row() -> None:
    world = fast()
    world.carrier.fail_next(CarrierRefused("no", target="sender"))
    campaign = await start(world, request(world, people(10)))
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"failed": 10}
    assert {one.reason for one in by_number(world).values()} == {"carrierRefused"}


@pytest.mark.parametrize(
    "error", [CarrierThrottled("too fast", retry_after_s=40), CarrierUnavailable("down", retry_after_s=40)]
)
async def test_a_group_that_was_not_taken_waits_as_long_as_acs_says(error: SmsError) -> None:
    world = fast()
    times: list[float] = []
    begin = world.clock.now()

    async def note(_request: SendRequest) -> None:
        times.append((world.clock.now() - begin).total_seconds())

    world.carrier.on_send = note
    world.carrier.fail_next(error)
    to = people(10)
    campaign = await start(world, request(world, to))
    await world.work_off()
    assert await counts(world, campaign) == {"queued": 10}
    (body,) = world.queues.queue(CAMPAIGNS_QUEUE).bodies()
    for _ in range(30):
        await world.services.work.send_chunk(body)
        await world.pass_time(seconds=1)
    assert len(times) == 1
    await world.pass_time(minutes=1)
    assert copies(world, to) == [1] * 10
    assert times[1] >= 40
    assert await counts(world, campaign) == {"sent": 10}


async def test_what_waits_for_longer_than_the_repeat_window_is_not_called_unknown() -> None:
    world = fast()
    to = people(10)
    await world.services.opt_out_lists.add(None, to[:1])
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=900))
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=16)
    assert copies(world, to) == [0] + [1] * 9
    assert await counts(world, campaign) == {"suppressed": 1, "sent": 9}


async def test_what_went_before_a_pause_does_not_go_again_after_it() -> None:
    world = fast()
    to = people(8)

    async def refuse(one: SendRequest) -> None:
        if len(one.addressees) == 8:
            raise CarrierRefused("no", target="recipients")
        if one.addressees[0].to == to[4] and not world.carrier.sent_to(to[4]):
            world.carrier.on_send = None
            raise CarrierThrottled("too fast", retry_after_s=900)

    world.carrier.on_send = refuse
    campaign = await start(world, request(world, to))
    await world.pass_time(seconds=5)
    assert copies(world, to) == [1] * 4 + [0] * 4
    await world.services.opt_out_lists.add(None, [to[5]])
    await world.pass_time(minutes=20)
    assert copies(world, to) == [1] * 5 + [0] + [1] * 2
    assert [len(one.addressees) for one in world.carrier.requests] == [8, 4, 4, 3]
    assert await counts(world, campaign) == {"suppressed": 1, "sent": 7}


@pytest.mark.parametrize("end", ["canceled", "expired"])
async def test_what_went_before_a_pause_stays_sent_when_the_rest_ends(end: str) -> None:
    world = fast()
    to = people(4)

    async def refuse(one: SendRequest) -> None:
        if len(one.addressees) == 4:
            raise CarrierRefused("no", target="recipients")
        if one.addressees[0].to == to[2]:
            raise CarrierThrottled("too fast", retry_after_s=900)

    world.carrier.on_send = refuse
    campaign = await start(world, request(world, to, not_after_ms=world.now_ms + 600_000))
    await world.pass_time(seconds=5)
    if end == "canceled":
        await world.services.campaigns.set_status(campaign.id, Status.CANCELED)
    await world.pass_time(minutes=16)
    assert await counts(world, campaign) == {"sent": 2, end: 2}
    assert copies(world, to) == [1, 1, 0, 0]
    assert (await only_chunk(world, campaign)).closed


async def test_a_silent_group_is_repeated_with_the_same_ids() -> None:
    world = fast()
    to = people(10)
    world.carrier.fail_next(CarrierSilent("no answer"))
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=1)
    one, again = world.carrier.requests
    assert one == again
    assert copies(world, to) == [1] * 10
    assert await counts(world, campaign) == {"sent": 10}


async def test_a_group_that_stays_silent_past_the_window_is_unknown_and_a_report_settles_it() -> None:
    world = fast()
    to = people(3)

    async def quiet(_request: SendRequest) -> None:
        world.carrier.fail_next(CarrierSilent("no answer"))

    world.carrier.on_send = quiet
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=10)
    assert await counts(world, campaign) == {"unknown": 3}
    assert copies(world, to) == [1] * 3
    await world.services.delivery_reports.receive(world.report(to[0]))
    # The counts of a block that has come to its end are kept for a while.
    world.clock.advance(minutes=10)
    assert await counts(world, campaign) == {"unknown": 2, "delivered": 1}


async def test_a_silent_group_of_a_paused_campaign_is_settled_all_the_same() -> None:
    world = fast()
    to = people(10)
    world.carrier.fail_next(CarrierSilent("no answer"))
    campaign = await start(world, request(world, [*to, *people(150, 200)]))
    await world.work_off()
    await world.services.campaigns.set_status(campaign.id, Status.PAUSED)
    went = len(world.carrier.sent)
    await world.pass_time(minutes=4)
    assert len(world.carrier.sent) == went
    assert states(world)[State.SENT] == went


async def test_pause_stops_within_a_group_and_resume_goes_on() -> None:
    world = World()
    to = people(120)

    async def pause() -> None:
        await world.services.campaigns.set_status(campaign.id, Status.PAUSED)

    campaign = await start(world, request(world, to))
    once(world, pause)
    await world.pass_time(minutes=2)
    went = len(world.carrier.sent)
    # Each of the chunks in hand has at most the group that it was waiting with.
    assert 0 < went < 12
    assert (await counts(world, campaign))["queued"] == 120 - went
    await world.services.releases.feed(await world.services.campaigns.set_status(campaign.id, Status.RUNNING))
    await world.pass_time(minutes=2)
    assert copies(world, to) == [1] * 120


async def test_cancel_ends_what_has_not_gone() -> None:
    world = World()
    to = people(120)
    campaign = await start(world, request(world, to))

    async def cancel() -> None:
        await world.services.campaigns.set_status(campaign.id, Status.CANCELED)

    once(world, cancel)
    await world.pass_time(minutes=2)
    went = len(world.carrier.sent)
    assert 0 < went < 12
    assert await counts(world, campaign) == {"sent": went, "canceled": 120 - went}
    assert (await world.services.campaigns.get(campaign.id)).status is Status.CANCELED
    assert world.row_count("Campaigns") == len(await world.services.campaigns.chunks(campaign)) * 2 + 2


async def test_what_has_not_gone_by_its_time_expires() -> None:
    world = World()
    to = people(400)
    campaign = await start(world, request(world, to, not_after_ms=world.now_ms + 60_000))
    await world.pass_time(minutes=3)
    found = await counts(world, campaign)
    assert found.keys() == {"sent", "expired"}
    assert 180 <= found["sent"] <= 204
    assert all(
        one.history.steps[0].state is not State.SENDING
        for one in by_number(world).values()
        if one.state is State.EXPIRED
    )


async def test_a_campaign_for_later_begins_at_its_time() -> None:
    world = fast()
    to = people(10)
    campaign = await start(world, request(world, to, send_at_ms=world.now_ms + 40 * 60_000))
    assert await counts(world, campaign) == {"scheduled": 10}
    await world.pass_time(minutes=39, seconds=58)
    assert world.carrier.requests == []
    await world.pass_time(seconds=5)
    assert copies(world, to) == [1] * 10


async def test_a_campaign_in_many_days_does_not_hold_up_the_timer() -> None:
    world = fast()
    await start(world, request(world, people(5), send_at_ms=world.now_ms + 30 * 86_400_000))
    campaign = await start(world, request(world, people(5, 100)))
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"sent": 5}
    world.clock.advance(days=30)
    await world.pass_time(minutes=1)
    assert copies(world, people(5)) == [1] * 5


async def test_quiet_hours_hold_a_campaign_until_the_morning_of_its_recipients() -> None:
    world = fast()
    world.clock.time = EVENING
    to = people(150)
    campaign = await start(world, request(world, to, quiet=True))
    await world.pass_time(minutes=10)
    assert world.carrier.requests == []
    world.clock.time = datetime(2026, 3, 3, 16, 58, tzinfo=UTC)
    await world.pass_time(minutes=1, seconds=59)
    assert world.carrier.requests == []
    await world.pass_time(minutes=1)
    assert copies(world, to) == [1] * 150
    assert await counts(world, campaign) == {"sent": 150}


async def test_nothing_is_let_go_in_the_last_seconds_before_quiet_hours() -> None:
    world = World()
    at_local(world, 19, 59, 0)
    times: list[datetime] = []

    async def note(_request: SendRequest) -> None:
        times.append(world.clock.now())

    world.carrier.on_send = note
    await start(world, request(world, people(400), quiet=True))
    await world.pass_time(minutes=3)
    begin = datetime(2026, 3, 2, 20 + 8 - 24, 0, tzinfo=UTC)
    assert times
    assert max(times) < begin
    assert (begin - max(times)).total_seconds() >= 2
    assert (begin - max(times)).total_seconds() <= 6


async def test_those_where_it_is_day_do_not_wait_for_those_where_it_is_night() -> None:
    world = fast()
    # Ten in Paris, one at night in Seattle, whose places come first in the order of chunks.
    world.clock.time = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    night = people(700)
    campaign = await start(world, request(world, [*night, PARIS], quiet=True))
    await world.pass_time(minutes=1)
    assert copies(world, [PARIS]) == [1]
    assert copies(world, night) == [0] * 700
    world.clock.time = datetime(2026, 3, 2, 16, 59, 30, tzinfo=UTC)
    await world.pass_time(minutes=2)
    assert await counts(world, campaign) == {"sent": 701}


async def test_a_campaign_that_waits_for_the_morning_can_be_canceled_at_once() -> None:
    world = fast()
    world.clock.time = EVENING
    campaign = await start(world, request(world, people(150), quiet=True))
    await world.pass_time(minutes=1)
    await world.services.releases.feed(await world.services.campaigns.set_status(campaign.id, Status.CANCELED))
    await world.pass_time(minutes=1)
    assert states(world) == {State.CANCELED: 150}


async def test_a_campaign_that_would_wait_past_its_time_expires_then() -> None:
    world = fast()
    world.clock.time = EVENING
    until = to_ms(EVENING) + 30 * 60_000
    await start(world, request(world, people(5), quiet=True, not_after_ms=until))
    await world.pass_time(minutes=32)
    assert states(world) == {State.EXPIRED: 5}


async def test_a_chunk_is_done_once_however_often_it_is_named() -> None:
    world = fast()
    to = people(50)
    campaign = await start(world, request(world, to))
    body = json.dumps({"campaign": campaign.id, "chunk": 0})
    for _ in range(3):
        await world.services.work.send_chunk(body)
    await world.pass_time(minutes=1)
    await world.services.work.send_chunk(body)
    assert copies(world, to) == [1] * 50
    assert len(world.carrier.requests) == len(set(sizes(world)))


async def test_a_worker_hands_a_long_chunk_on_before_its_function_times_out() -> None:
    world = fast(100)
    to = people(100)
    await start(world, request(world, [*to]))
    # Two campaigns share the sender, so that a chunk takes longer than a shift.
    await start(world, request(world, people(100, 300)))
    begin = world.clock.now()
    await world.work_off()
    spent = (world.clock.now() - begin).total_seconds()
    assert spent < 400
    await world.pass_time(minutes=5)
    assert copies(world, to) == [1] * 100


async def test_requests_of_a_campaign_are_spread_over_the_minute() -> None:
    world = World()
    times: list[int] = []

    async def note(_request: SendRequest) -> None:
        times.append(world.now_ms)

    world.carrier.on_send = note
    await start(world, request(world, people(200)))
    await world.pass_time(minutes=2)
    assert max(later - earlier for earlier, later in pairwise(times)) < 3_000
