"""Campaign plans: what a campaign would be, counted, and made one exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.rules.errors import Conflict, InvalidRequest
from shared.rules.ids import from_ms
from shared.services.campaign_plans import Forecast
from shared.services.campaign_rows import Row, RowError
from tests.unit.services.campaigning import copies, people, request, start
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, World, settings

PARIS = "+33612345678"
NOON_IN_SEATTLE = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


async def forecast(world: World, *to: str, **options: object) -> Forecast:
    """Return the forecast of a campaign to these."""
    return await world.services.campaign_plans.forecast(request(world, to, **options))  # type: ignore[arg-type]  # passed on


async def test_each_row_is_counted_as_what_it_is() -> None:
    world = World(settings(SMS_COUNTRIES="US"))
    await world.services.opt_out_lists.add(None, [BOB])
    found = await forecast(world, ANN, "+1 (425) 555-0111", BOB, CAT, "nobody", PARIS)
    assert (found.recipients, found.duplicates, found.opted_out, found.not_allowed) == (2, 1, 1, 1)
    assert [(one.row, one.code) for one in found.errors] == [(5, "NotAPhoneNumber"), (6, "CountryNotAllowed")]
    assert world.carrier.requests == []
    assert world.row_count("Campaigns") == 0


async def test_a_row_without_a_value_is_an_error_of_that_row() -> None:
    world = World()
    wanted = request(world, [ANN, BOB], text="Hi {{name}}", values=[{"name": "Ann"}])
    found = await world.services.campaign_plans.forecast(wanted)
    assert found.recipients == 1
    assert [(one.row, one.code) for one in found.errors] == [(2, "MissingPlaceholder")]


async def test_an_opt_out_of_another_sender_is_none_here() -> None:
    world = World()
    await world.services.opt_out_lists.add(SHORT_CODE, [ANN])
    assert (await forecast(world, ANN)).opted_out == 0
    assert (await forecast(world, ANN, sender=SHORT_CODE)).opted_out == 1


async def test_segments_and_cost_are_of_those_who_would_be_texted() -> None:
    world = World(settings(SMS_PRICES='{"US": 0.01, "*": 0.05}'))
    await world.services.opt_out_lists.add(None, [BOB])
    found = await forecast(world, ANN, BOB, PARIS, text="x" * 161)
    assert found.segments.segments == 4
    assert found.cost.amount == Decimal("0.12")


@pytest.mark.parametrize(("count", "minutes"), [(1, 0), (198, 1), (1_980, 10)])
async def test_the_time_it_takes_is_that_of_the_rate(count: int, minutes: int) -> None:
    world = World()
    found = await forecast(world, *people(count))
    assert found.starts_ms == world.now_ms
    assert found.ends_ms - found.starts_ms == pytest.approx(minutes * 60_000, rel=0.05)


async def test_those_in_quiet_hours_wait_for_their_morning() -> None:
    world = World()
    world.clock.time = NOON_IN_SEATTLE
    found = await forecast(world, ANN, PARIS, quiet=True)
    assert found.quiet == 1
    assert found.ends_ms == int(datetime(2026, 3, 3, 8, 0, tzinfo=UTC).timestamp() * 1000)
    assert (await forecast(world, ANN, PARIS)).quiet == 0


async def test_a_campaign_that_the_night_interrupts_ends_when_it_was_forecast_to() -> None:
    world = World()
    world.clock.time = NOON_IN_SEATTLE + timedelta(hours=7, minutes=58)
    to = people(900)
    wanted = request(world, to, quiet=True)
    found = await world.services.campaign_plans.forecast(wanted)
    campaign = await start(world, wanted)
    await world.pass_time(minutes=4)
    assert 350 < sum(copies(world, to)) < 410
    of_night = await world.services.campaign_progress.of(campaign.id)
    world.clock.time = from_ms(found.ends_ms) - timedelta(minutes=4)
    await world.pass_time(minutes=4, seconds=30)
    assert copies(world, to) == [1] * len(to)
    (last_ms,) = {max(one.trace.requested_ms for one in world.messages())}
    assert abs(last_ms - found.ends_ms) < 30_000
    assert of_night.ends_ms is not None
    # A chunk is taken up a minute before its morning.
    assert abs(last_ms - of_night.ends_ms) < 90_000


async def test_a_campaign_for_later_begins_then() -> None:
    world = World()
    later = world.now_ms + 3_600_000
    found = await forecast(world, ANN, send_at_ms=later)
    assert (found.starts_ms, found.ends_ms) == (later, later)


async def test_a_repeat_with_the_same_key_is_the_same_campaign() -> None:
    world = World()
    plans = world.services.campaign_plans
    first = await plans.start(request(world, [ANN, BOB]), "key")
    again = await plans.start(request(world, [ANN, BOB]), "key")
    await world.pass_time(minutes=1)
    later = await plans.start(request(world, [ANN, BOB]), "key")
    assert first.id == again.id == later.id
    assert copies(world, [ANN, BOB]) == [1, 1]
    with pytest.raises(Conflict):
        await plans.start(request(world, [ANN]), "key")


async def test_starts_at_once_with_one_key_are_one_campaign() -> None:
    world = World()
    plans = world.services.campaign_plans
    found = await asyncio.gather(*(plans.start(request(world, people(120)), "key") for _ in range(8)))
    assert len({one.id for one in found}) == 1
    await world.pass_time(minutes=2)
    assert copies(world, people(120)) == [1] * 120


@pytest.mark.parametrize("problem", ["no recipients", "too late"])
async def test_what_cannot_be_a_campaign_leaves_the_key_free(problem: str) -> None:
    world = World()
    plans = world.services.campaign_plans
    good = request(world, [ANN])
    bad = replace(good, rows=[Row(1, "nobody")]) if problem == "no recipients" else replace(good, not_after_ms=1)
    with pytest.raises(InvalidRequest):
        await plans.start(bad, "key")
    assert world.row_count("Campaigns") == 0
    assert (await plans.start(request(world, [ANN]), "key")).recipients == 1


async def test_rows_that_cannot_be_texted_are_kept_with_the_campaign() -> None:
    world = World()
    rows: list[Row | RowError] = [
        Row(1, ANN),
        Row(2, "nobody"),
        RowError(3, "TooManyCells", "Put it in quotes."),
        Row(4, ANN),
    ]
    campaign = await world.services.campaign_plans.start(replace(request(world, []), rows=rows), "key")
    assert (campaign.recipients, campaign.duplicates, campaign.errors) == (1, 1, 2)
    progress = await world.services.campaign_progress.of(campaign.id)
    assert [(one.row, one.code) for one in progress.errors] == [(2, "NotAPhoneNumber"), (3, "TooManyCells")]
