"""Groups of a campaign that were interrupted, and requests that were refused: what the next try must not do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.ports.carrier import SendRequest
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierUnavailable, StorageUnavailable
from shared.services.activity import Activity, ActivityLog
from shared.services.analytics import Interval
from shared.services.fence import Fence, Fences
from shared.services.pacer import Pacer
from tests.unit.services.campaigning import copies, counts, people, request, start
from tests.unit.services.world import TOLL_FREE, World

_MINUTE_MS = 60_000
# Shortly before eight in the evening at the places of the test's numbers.
_BEFORE_NIGHT = datetime(2026, 3, 3, 3, 59, 40, tzinfo=UTC)


async def test_a_silent_group_is_unknown_and_not_repeated_after_its_last_moment() -> None:
    world = World()
    to = people(3)
    world.carrier.fail_next(CarrierSilent("no answer"))
    campaign = await start(world, request(world, to, not_after_ms=world.now_ms + 2_000))
    await world.pass_time(minutes=2)
    assert len(world.carrier.requests) == 1
    assert await counts(world, campaign) == {"unknown": 3}


async def test_a_silent_group_is_unknown_and_not_repeated_in_quiet_hours() -> None:
    world = World()
    world.clock.time = _BEFORE_NIGHT
    to = people(3)

    async def be_silent_until_night(_request: SendRequest) -> None:
        world.clock.advance(seconds=30)
        world.carrier.fail_next(CarrierSilent("no answer"))

    world.carrier.on_send = be_silent_until_night
    campaign = await start(world, request(world, to, quiet=True))
    await world.pass_time(minutes=2)
    assert len(world.carrier.requests) == 1
    assert await counts(world, campaign) == {"unknown": 3}


async def test_what_was_recorded_and_not_counted_is_counted_by_the_next_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    to = people(3)
    world.carrier.reject_next(to[0], 503)
    record, failures = ActivityLog.record, [StorageUnavailable("down")]

    async def fail_once(self: ActivityLog, activities: list[Activity]) -> tuple[Activity, ...]:
        if failures:
            raise failures.pop()
        return await record(self, activities)

    monkeypatch.setattr(ActivityLog, "record", fail_once)
    await start(world, request(world, to))
    await world.pass_time(minutes=5)
    assert not failures
    hour = 60 * _MINUTE_MS
    report = await world.services.analytics.report(world.now_ms - hour, world.now_ms + hour, Interval.HOUR, None)
    assert (report.totals["sent"], report.totals["failed"]) == (2, 1)
    assert copies(world, to) == [0, 1, 1]


async def test_requests_that_are_refused_count_as_sent_at_the_senders_rate() -> None:
    world = World()
    to = people(100)
    units: list[tuple[int, int]] = []

    async def refuse(wanted: SendRequest) -> None:
        units.append((world.now_ms, len(wanted.addressees)))
        if to[-1] in [one.to for one in wanted.addressees]:
            raise CarrierRefused("no", target="recipients")

    world.carrier.on_send = refuse
    await world.send(*to, sender=TOLL_FREE)
    await world.pass_time(minutes=10)
    assert copies(world, to) == [1] * 99 + [0]
    for begin, _ in units:
        assert sum(size for at, size in units if begin <= at < begin + _MINUTE_MS) <= 200


async def test_a_report_waits_for_hours_for_a_group_that_nobody_could_record() -> None:
    world = World()
    to = people(1)
    world.carrier.fail_next(CarrierSilent("no answer"), *[CarrierUnavailable("away")] * 20)
    await start(world, request(world, to))
    await world.work_off()
    report = world.report(to[0])
    world.clock.advance(hours=5)
    with pytest.raises(StorageUnavailable):
        await world.services.delivery_reports.receive(report)
    world.clock.advance(hours=1)
    await world.services.delivery_reports.receive(report)
    assert world.row_count("KeptEvents") == 1


@pytest.mark.parametrize("in_campaign", [True, False])
async def test_who_opts_out_while_storage_is_too_slow_to_look_is_suppressed_and_not_unknown(
    monkeypatch: pytest.MonkeyPatch, in_campaign: bool
) -> None:
    world = World()
    to = people(3)
    fresh, failures = Fences.fresh, [StorageUnavailable("slow")]

    async def fail_once(self: Fences, fence: Fence, sender: str, recipients: list[str]) -> Fence:
        if failures:
            await world.services.opt_out_lists.add(None, to[:1])
            raise failures.pop()
        return await fresh(self, fence, sender, recipients)

    monkeypatch.setattr(Fences, "fresh", fail_once)
    if in_campaign:
        await start(world, request(world, to))
    else:
        await world.send(*to)
    await world.pass_time(minutes=5)
    assert copies(world, to) == [0, 1, 1]
    hour = 60 * _MINUTE_MS
    report = await world.services.analytics.report(world.now_ms - hour, world.now_ms + hour, Interval.HOUR, None)
    assert (report.totals["suppressed"], report.totals["unknown"]) == (1, 0)


async def test_what_waits_for_a_moment_of_its_own_while_storage_is_gone_is_sent_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    to = people(3)
    reserve, failures = Pacer.reserve, [StorageUnavailable("down")]
    asked: list[str] = []

    async def refuse(wanted: SendRequest) -> None:
        asked.extend(one.to for one in wanted.addressees)
        if to[1] in [one.to for one in wanted.addressees]:
            raise CarrierRefused("no", target="recipients")

    async def fail_once(self: Pacer, sender: str, units: int) -> int:
        if units == 2 and failures:
            raise failures.pop()
        return await reserve(self, sender, units)

    world.carrier.on_send = refuse
    monkeypatch.setattr(Pacer, "reserve", fail_once)
    campaign = await start(world, request(world, to))
    await world.pass_time(minutes=5)
    assert not failures
    assert copies(world, to) == [1, 0, 1]
    # Once in the whole that was refused, once in its half: what that half came to was not lost.
    assert asked.count(to[0]) == 2
    assert await counts(world, campaign) == {"sent": 2, "failed": 1}
