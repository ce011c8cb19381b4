"""Analytics: the totals are the states of the messages, whatever came twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.ports.carrier import SendRequest, SendResult
from shared.rules.errors import CarrierSilent
from shared.services.analytics import Interval, Report
from shared.services.fence import Fence, Fences
from shared.services.tallies import GroupBy, Tally
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World, settings

HOUR = 3_600_000


async def report(
    world: World, *, hours: int = 24, interval: Interval = Interval.HOUR, group_by: GroupBy | None = None
) -> Report:
    """Return the analytics of the last hours."""
    end = world.now_ms + 1
    return await world.services.analytics.report(end - hours * HOUR, end, interval, group_by)


def counts(tally: Tally) -> Sequence[int]:
    """Return sent, delivered, failed, unknown, suppressed."""
    return [tally["sent"], tally["delivered"], tally["failed"], tally["unknown"], tally["suppressed"]]


async def test_nothing_is_no_bucket_and_no_rate() -> None:
    found = await report(World())
    assert found.buckets == ()
    assert (found.totals.delivery_rate, found.totals.response_rate, found.totals.opt_out_rate) == (None, None, None)


async def test_each_end_is_counted_once() -> None:
    world = World()
    await world.services.opt_out_lists.add(None, [CAT])
    world.carrier.reject_next("+14255550120", 400)
    people = [ANN, BOB, CAT, "+14255550114", "+14255550115", "+14255550120", "no number"]
    await world.send(*people, text="x" * 161)
    for person, status, code in (
        (ANN, "Delivered", ""),
        (BOB, "Failed", "4006"),
        ("+14255550114", "Failed", "5002"),
    ):
        for _ in range(3):
            await world.services.delivery_reports.receive(world.report(person, status, code))
    totals = (await report(world)).totals
    assert counts(totals) == [4, 1, 2, 1, 1]
    assert (totals["accepted"], totals["segments"], totals["opt_outs"]) == (6, 8, 1)
    assert (totals.delivery_rate, totals.opt_out_rate) == (0.25, 0.25)


async def test_what_the_carrier_may_not_have_had_is_not_counted_as_sent() -> None:
    world = World()
    world.carrier.fail_next(CarrierSilent("no answer"))
    await world.send(ANN)
    assert counts((await report(world)).totals) == [0, 0, 0, 0, 0]
    world.clock.advance(minutes=10)
    await world.pass_time(minutes=5)
    assert counts((await report(world)).totals) == [0, 0, 0, 1, 0]


async def test_buckets_begin_on_the_hour_or_at_midnight() -> None:
    world = World()
    await world.send(ANN)
    world.clock.advance(minutes=59, seconds=59)
    await world.send(ANN)
    world.clock.advance(hours=13)
    await world.send(ANN)
    hours = await report(world, interval=Interval.HOUR)
    days = await report(world, interval=Interval.DAY)
    assert [one.tally["sent"] for one in hours.buckets] == [2, 1]
    assert [one.tally["sent"] for one in days.buckets] == [2, 1]
    assert all(one.start_ms % HOUR == 0 for one in hours.buckets)
    assert all(one.start_ms % (24 * HOUR) == 0 for one in days.buckets)
    assert hours.totals["sent"] == days.totals["sent"] == 3


async def test_the_range_is_from_its_start_up_to_but_without_its_end() -> None:
    world = World()
    await world.send(ANN)
    at = world.now_ms
    analytics = world.services.analytics
    spans = [(at, at + 1, 1), (at - 1, at, 0), (at + 1, at + 2, 0), (at - 5 * HOUR, at + 5 * HOUR, 1)]
    for start, end, sent in spans:
        assert (await analytics.report(start, end, Interval.HOUR, None)).totals["sent"] == sent


async def test_groups_are_by_tag_sender_country_or_reason() -> None:
    world = World()
    await world.send(ANN, tag="a")
    await world.send(BOB, tag="b", sender=SHORT_CODE)
    await world.services.delivery_reports.receive(world.report(BOB, "Failed", "4006"))
    await world.receive("hello", CAT, ago_s=0)

    async def groups(by: GroupBy) -> dict[str | None, tuple[int, int, int]]:
        found = await report(world, group_by=by)
        return {one.group: (one.tally["sent"], one.tally["failed"], one.tally["inbound"]) for one in found.buckets}

    assert await groups(GroupBy.TAG) == {"a": (1, 0, 0), "b": (1, 1, 0), "": (0, 0, 1)}
    assert await groups(GroupBy.SENDER) == {TOLL_FREE: (1, 0, 1), SHORT_CODE: (1, 1, 0)}
    assert await groups(GroupBy.REASON) == {"": (1, 0, 1), "unreachable": (1, 1, 0)}
    assert await groups(GroupBy.COUNTRY) == {"US": (2, 1, 1)}
    assert [one.group for one in (await report(world)).buckets] == [None]


async def test_groups_add_up_to_the_totals() -> None:
    world = World()
    await world.send(ANN, BOB, tag="a")
    await world.send(ANN, tag="b")
    await world.receive("hi", ANN, ago_s=0)
    for by in (None, *GroupBy):
        found = await report(world, group_by=by)
        assert sum(one.tally["sent"] for one in found.buckets) == found.totals["sent"] == 3


async def test_a_response_is_a_text_within_the_window_that_is_no_opt_out() -> None:
    world = World(settings(SMS_RESPONSE_WINDOW_HOURS="2"))
    await world.send(ANN, BOB, CAT, "+14255550114")
    world.clock.advance(hours=1)
    await world.receive("thanks", ANN, ago_s=0)
    await world.receive("again", ANN, ago_s=0)
    await world.receive("STOP", BOB, ago_s=0)
    world.clock.advance(hours=2)
    await world.receive("too late", CAT, ago_s=0)
    totals = (await report(world)).totals
    assert (totals.response_rate, totals["inbound"], totals.opt_out_rate) == (0.25, 4, 0.25)


async def test_a_response_after_the_range_still_counts_for_its_text() -> None:
    world = World()
    await world.send(ANN)
    end = world.now_ms + 1
    world.clock.advance(hours=70)
    await world.receive("at last", ANN, ago_s=0)
    found = await world.services.analytics.report(end - HOUR, end, Interval.HOUR, None)
    assert (found.totals.response_rate, found.totals["inbound"]) == (1.0, 0)


async def test_a_text_before_ours_is_no_response() -> None:
    world = World()
    await world.receive("hello?", ANN, ago_s=10)
    await world.send(ANN)
    assert (await report(world)).totals.response_rate == 0.0


async def test_opt_outs_and_opt_ins_are_counted_where_they_took_effect() -> None:
    world = World()
    await world.receive("STOP", ANN, ago_s=2 * 3600)
    await world.receive("START", ANN, ago_s=0)
    found = await report(world)
    assert [(one.tally["opt_outs"], one.tally["opt_ins"]) for one in found.buckets] == [(1, 0), (0, 1)]


async def test_a_text_that_left_after_the_opt_out_was_stored_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.receive("STOP", person=ANN)
    world.clock.advance(seconds=1)

    async def blind(fences: Fences, sender: str, recipients: Sequence[str]) -> Fence:
        return Fence(read_at=world.clock.now())

    monkeypatch.setattr(Fences, "read", blind)
    await world.send(ANN, BOB)
    totals = (await report(world)).totals
    assert (totals["sent"], totals["leaks"]) == (2, 1)
    # What is heard of it later does not make it undone.
    await world.services.delivery_reports.receive(world.report(ANN))
    assert (await report(world)).totals["leaks"] == 1


async def test_an_opt_out_while_the_request_is_under_way_is_no_leak() -> None:
    carrier = _Carrier()
    world = carrier.world = World(on_carrier=carrier)
    await world.send(ANN)
    totals = (await report(world)).totals
    assert await world.blocked(ANN)
    assert (totals["sent"], totals["leaks"]) == (1, 0)


class _Carrier(MemoryCarrier):
    """A carrier that takes its time, in which Ann writes STOP."""

    world: World

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Take the request, slowly."""
        self.world.clock.advance(milliseconds=100)
        await self.world.receive("STOP", person=ANN, ago_s=0)
        self.world.clock.advance(milliseconds=100)
        return await super().send(request)
