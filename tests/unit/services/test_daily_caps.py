"""Daily caps: what is refused, what waits, and what is given back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.ports.carrier import SendRequest
from shared.ports.tables import Range
from shared.rules.errors import (
    CarrierRefused,
    CarrierThrottled,
    CarrierUnavailable,
    DailyCapReached,
    StorageUnavailable,
)
from shared.rules.reasons import Reason
from shared.rules.states import State
from shared.services.batches import Batch, Batches
from shared.services.campaigns import Status
from shared.services.idempotency import Idempotency, Running
from tests.unit.services.campaigning import counts, people, request, start
from tests.unit.services.capping import capped, counted, gone
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, World

LONG = "a" * 161


async def send_for(world: World, caller: str, *to: str) -> None:
    await world.services.sending.send(replace(world.text(*to), caller=caller))


async def test_a_text_over_the_cap_is_refused_until_midnight_utc_and_nothing_of_it_is_kept() -> None:
    world = capped(2)
    await world.send(ANN, BOB)
    with pytest.raises(DailyCapReached) as refused:
        await world.send(CAT, key="key")
    assert refused.value.http_status == 429
    assert refused.value.retry_after_s == 12 * 3600
    assert len(world.messages()) == 2
    assert world.row_count("Batches") == 0
    world.clock.time = datetime(2026, 3, 3, tzinfo=UTC)
    (answer,) = await world.send(CAT, key="key")
    assert answer.state == "sent"


async def test_segments_count_not_texts() -> None:
    world = capped(3)
    await world.send(ANN, text=LONG)
    with pytest.raises(DailyCapReached):
        await world.send(BOB, text=LONG)
    await world.send(BOB)
    assert counted(world) == gone(world) == 3


async def test_a_request_that_does_not_fit_is_refused_as_a_whole() -> None:
    world = capped(2)
    with pytest.raises(DailyCapReached):
        await world.send(ANN, BOB, CAT)
    assert not world.carrier.requests
    assert counted(world) == 0


async def test_each_caller_has_a_cap_of_its_own_and_the_app_itself_has_none() -> None:
    world = capped(by_caller=1)
    await send_for(world, "shop", ANN)
    with pytest.raises(DailyCapReached):
        await send_for(world, "shop", BOB)
    await send_for(world, "desk", BOB)
    await world.send(ANN, BOB, CAT)
    assert counted(world, "caller.shop") == counted(world, "caller.desk") == 1
    assert counted(world) == 5


async def test_a_worker_that_starts_anew_goes_on_counting() -> None:
    first = capped(2)
    await first.send(ANN)
    second = capped(2, over=first)
    await second.send(BOB)
    with pytest.raises(DailyCapReached):
        await first.send(CAT)


async def test_many_at_once_on_two_workers_send_exactly_what_the_cap_allows() -> None:
    first = capped(30)
    second = capped(30, over=first)
    to = people(50)
    texts = (world.send(one) for world, some in ((first, to[:25]), (second, to[25:])) for one in some)
    answers = await asyncio.gather(*texts, return_exceptions=True)
    assert sum(isinstance(one, DailyCapReached) for one in answers) == 20
    assert len(first.carrier.sent) == counted(first) == 30


async def test_what_the_carrier_did_not_take_and_what_was_suppressed_is_given_back() -> None:
    world = capped(10)
    await world.services.opt_out_lists.add(None, [ANN])
    world.carrier.reject_next(BOB, 400)
    await world.send(ANN, BOB, CAT)
    assert counted(world) == gone(world) == 1
    world.carrier.fail_next(CarrierRefused("no"))
    with pytest.raises(CarrierRefused):
        await world.send(CAT)
    assert counted(world) == 1


async def test_what_waits_keeps_its_part_and_gives_it_back_when_it_is_canceled() -> None:
    world = capped(10)
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=60))
    first, second = await world.send(ANN, BOB)
    assert [first.state, second.state] == ["queued", "queued"]
    assert counted(world) == 2
    await world.services.sending.cancel((await world.message(first.id)).key)
    await world.pass_time(minutes=3)
    assert counted(world) == gone(world) == 1


async def test_what_expires_while_it_waits_is_given_back() -> None:
    world = capped(10)
    world.carrier.fail_next(CarrierThrottled("too fast", retry_after_s=600))
    await world.services.sending.send(replace(world.text(ANN), not_after_ms=world.now_ms + 60_000))
    await world.pass_time(minutes=3)
    assert [one.state for one in world.messages()] == [State.EXPIRED]
    assert counted(world) == 0


async def test_a_scheduled_text_waits_for_the_next_day_when_the_cap_is_reached_at_its_time() -> None:
    world = capped(1)
    later = replace(world.text(ANN), send_at_ms=world.now_ms + 3_600_000)
    (answer,) = await world.services.sending.send(later)
    await world.send(BOB)
    await world.pass_time(hours=2)
    waiting = await world.message(answer.id)
    assert (waiting.state, waiting.reason) == (State.QUEUED, Reason.DAILY_CAP)
    await world.pass_time(hours=10, minutes=1)
    assert (await world.message(answer.id)).state is State.SENT
    assert [counted(world, days_ago=1), counted(world)] == [1, 1]


async def test_what_waits_for_the_next_day_can_be_canceled_and_expires() -> None:
    world = capped(1)
    at_ms = world.now_ms + 60_000
    (canceled,) = await world.services.sending.send(replace(world.text(ANN), send_at_ms=at_ms))
    (expired,) = await world.services.sending.send(
        replace(world.text(CAT), send_at_ms=at_ms, not_after_ms=at_ms + 3_600_000)
    )
    await world.send(BOB)
    await world.pass_time(minutes=5)
    await world.services.sending.cancel((await world.message(canceled.id)).key)
    await world.pass_time(hours=2)
    assert (await world.message(canceled.id)).state is State.CANCELED
    assert (await world.message(expired.id)).state is State.EXPIRED
    await world.pass_time(hours=11)
    assert world.row_count("Batches") == 0
    assert len(world.carrier.sent) == 1


async def test_a_campaign_goes_as_far_as_the_cap_and_waits_for_the_next_days() -> None:
    world = capped(5)
    to = people(12)
    campaign = await start(world, request(world, to, sender=SHORT_CODE))
    await world.pass_time(minutes=1)
    progress = await world.services.campaign_progress.of(campaign.id)
    assert await counts(world, campaign) == {"sent": 5, "queued": 7}
    assert progress.held_until_ms == 1000 * datetime(2026, 3, 3, tzinfo=UTC).timestamp()
    await world.pass_time(hours=12, minutes=2)
    assert await counts(world, campaign) == {"sent": 10, "queued": 2}
    await world.pass_time(hours=24)
    assert await counts(world, campaign) == {"sent": 12}
    assert (await world.services.campaign_progress.of(campaign.id)).held_until_ms is None
    assert [counted(world, days_ago=2), counted(world, days_ago=1), counted(world)] == [5, 5, 2]


async def test_a_campaign_of_many_chunks_asks_the_cap_a_few_times_and_no_chunk_more_than_it_must() -> None:
    world = capped(250)
    campaign = await start(world, request(world, people(2000), sender=SHORT_CODE))
    await world.pass_time(minutes=10)
    assert await counts(world, campaign) == {"sent": 250, "queued": 1750}
    touched = [one for one in await world.services.campaigns.chunks(campaign) if one.hold.turn]
    assert len(touched) <= 8
    assert counted(world) == 250


async def test_a_campaign_counts_for_its_caller() -> None:
    world = capped(by_caller=3)
    wanted = replace(request(world, people(5), sender=SHORT_CODE), caller="shop")
    campaign = await start(world, wanted)
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"sent": 3, "queued": 2}
    assert counted(world, "caller.shop") == 3


async def test_a_campaign_gives_back_what_did_not_go() -> None:
    world = capped(100)
    to = people(7)
    await world.services.opt_out_lists.add(None, to[:2])
    world.carrier.reject_next(to[3], 400)
    campaign = await start(world, request(world, to, sender=SHORT_CODE))
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"sent": 4, "suppressed": 2, "failed": 1}
    assert counted(world) == gone(world) == 4


async def test_a_paused_campaign_holds_nothing() -> None:
    world = capped(1000)
    campaign = await start(world, request(world, people(300)))

    async def pause(_request: SendRequest) -> None:
        if len(world.carrier.requests) == 5:
            await world.services.campaigns.set_status(campaign.id, Status.PAUSED)

    world.carrier.on_send = pause
    await world.pass_time(minutes=20)
    assert counted(world) == gone(world) == len(world.carrier.sent) < 300


async def test_a_held_campaign_goes_on_at_once_when_the_cap_is_raised() -> None:
    world = capped(5)
    campaign = await start(world, request(world, people(12), sender=SHORT_CODE))
    await world.pass_time(minutes=5)
    raised = capped(50, over=world)
    await raised.pass_time(minutes=1)
    assert await counts(raised, campaign) == {"sent": 12}


async def test_at_the_cap_an_opt_out_is_recorded_and_its_answer_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    world = capped(1)
    await world.send(ANN)
    with caplog.at_level(logging.WARNING):
        await world.receive("STOP", to=SHORT_CODE)
    assert await world.blocked(sender=SHORT_CODE)
    assert len(world.carrier.sent) == 1
    assert "DailyCapReached" in caplog.text


async def test_reaching_the_cap_is_logged_for_the_alert(caplog: pytest.LogCaptureFixture) -> None:
    world = capped(1)
    await world.send(ANN)
    with caplog.at_level(logging.WARNING), pytest.raises(DailyCapReached):
        await world.send(BOB)
    assert "The daily cap is reached" in caplog.text


async def test_a_text_costs_one_change_of_the_counters_and_a_chunk_one() -> None:
    world = capped(1000)
    await world.send(ANN, BOB)
    assert world.row_count("DailyUse") == 2
    await start(world, request(world, people(99), sender=SHORT_CODE))
    await world.pass_time(minutes=1)
    assert len(world.carrier.sent) == 101
    assert world.row_count("DailyUse") == 3


async def test_what_was_counted_on_days_that_are_over_is_deleted() -> None:
    world = capped(10)
    await world.send(ANN)
    world.clock.advance(days=1)
    assert await world.services.daily_caps.clear() == 0
    world.clock.advance(days=1)
    await world.send(BOB)
    assert await world.services.daily_caps.clear() == 2
    assert counted(world) == 1


async def test_a_forecast_says_when_the_cap_would_hold_the_campaign_up() -> None:
    world = capped(150)
    await world.send(ANN)
    forecast = await world.services.campaign_plans.forecast(request(world, people(300)))
    assert forecast.held_ms is not None
    assert 0 < forecast.held_ms - world.now_ms < 60_000
    assert forecast.ends_ms >= 1000 * datetime(2026, 3, 4, tzinfo=UTC).timestamp()
    assert (await world.services.campaign_plans.forecast(request(world, people(149)))).held_ms is None


async def test_what_went_of_a_group_is_not_sent_again_when_the_cap_cuts_the_groups_that_follow() -> None:
    world = capped(6)
    values = [{"name": ("Ann", "Bob")[place % 2]} for place in range(6)]
    requests: list[SendRequest] = []

    async def throttle_the_first(wanted: SendRequest) -> None:
        requests.append(wanted)
        if len(requests) == 1:
            raise CarrierThrottled("too fast", retry_after_s=20)

    world.carrier.on_send = throttle_the_first
    wanted = request(world, people(6), text="Hi {{name}}", sender=SHORT_CODE, values=values)
    campaign = await start(world, wanted)
    await world.pass_time(hours=25)
    assert Counter(one.to for sent in requests[1:] for one in sent.addressees) == dict.fromkeys(people(6), 1)
    assert (await world.services.campaigns.get(campaign.id)).status is Status.DONE


async def test_a_refused_text_that_is_sent_with_the_same_key_later_is_counted() -> None:
    world = capped(5)
    world.carrier.fail_next(CarrierRefused("no"))
    with pytest.raises(CarrierRefused):
        await world.send(ANN, BOB, key="key")
    assert counted(world) == 0
    world.clock.advance(seconds=8)
    await world.send(ANN, BOB, key="key")
    assert (len(world.carrier.sent), counted(world)) == (2, 2)


async def interrupted(world: World) -> None:
    """End the lease of the one request that there is."""
    table = world.tables.table("Idempotency")
    [record] = table._from(None, Range())
    await table.replace(replace(record, values={**record.values, "leaseMs": 0}))


@pytest.mark.parametrize("seconds", [4, 120])
@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_repeat_of_a_request_that_was_done_without_its_caller_counts_nothing(
    monkeypatch: pytest.MonkeyPatch, is_taken: bool, seconds: int
) -> None:
    world = capped(5)
    if not is_taken:
        world.carrier.fail_next(*[CarrierUnavailable("down")] * 50)
    wanted = replace(world.text(ANN), not_after_ms=world.now_ms + 1000 * seconds)
    finish, failures = Idempotency.finish, [StorageUnavailable("down")]

    async def fail_once(self: Idempotency, running: Running, answer: str) -> None:
        if failures:
            raise failures.pop()
        await finish(self, running, answer)

    monkeypatch.setattr(Idempotency, "finish", fail_once)
    with pytest.raises(StorageUnavailable):
        await world.services.sending.send(wanted, "key")
    # The record is still leased; a caller who is told that storage is down gives it up.
    await interrupted(world)
    await world.pass_time(seconds=4 * seconds)
    before = counted(world)
    (answer,) = await world.services.sending.send(wanted, "key")
    await world.pass_time(minutes=10)
    assert answer.state == ("sent" if is_taken else "expired")
    assert (before, counted(world), world.row_count("Batches")) == (int(is_taken), int(is_taken), 0)


async def test_a_caller_who_was_overtaken_before_it_began_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = capped(5)
    world.carrier.fail_next(*[CarrierUnavailable("down")] * 50)
    wanted = replace(world.text(ANN), not_after_ms=world.now_ms + 120_000)
    begin, calls = Batches.open, 0

    async def overtaken(self: Batches, batch: Batch) -> Batch | None:
        nonlocal calls
        calls += 1
        if calls == 1:
            world.clock.advance(seconds=61)
            await world.services.sending.send(wanted, "key")
            await world.pass_time(minutes=10)
        return await begin(self, batch)

    monkeypatch.setattr(Batches, "open", overtaken)
    (answer,) = await world.services.sending.send(wanted, "key")
    await world.pass_time(minutes=10)
    assert (answer.state, calls) == ("expired", 2)
    assert (counted(world), world.row_count("Batches")) == (0, 0)
