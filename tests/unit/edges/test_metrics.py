"""The metrics of the invariants: what is measured, and for how long a value is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.edges.telemetry import OtelTelemetry
from shared.ports.telemetry import Metric
from shared.services.fence import Fence, Fences
from tests.unit.edges.telling import Told
from tests.unit.services.world import ALPHANUMERIC, ANN, BOB, CAT, SHORT_CODE


@pytest.fixture
def told() -> Told:
    """Give exporters in memory."""
    return Told()


async def test_a_text_that_left_after_the_opt_out_was_stored_is_a_leak_and_others_are_none(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = told.world()
    await world.send(BOB)
    assert told.values(Metric.LEAKS) == {}

    for person in (ANN, CAT):
        await world.receive("STOP", person)
    world.clock.advance(seconds=1)

    async def blind(_fences: Fences, _sender: str, _recipients: Sequence[str]) -> Fence:
        return Fence(read_at=world.clock.now())

    monkeypatch.setattr(Fences, "read", blind)
    await world.send(ANN, BOB, CAT)
    await world.send(ANN, text="Again")

    assert told.values(Metric.LEAKS) == {"": 3}


async def test_the_age_of_the_oldest_is_of_what_is_due_and_has_not_gone(told: Told) -> None:
    world = told.world()
    await world.services.releases.run()
    assert told.values(Metric.OLDEST_QUEUED) == {"single": 0, "campaign": 0}

    later = world.now_ms + 60_000
    await world.services.sending.send(replace(world.text(ANN), send_at_ms=later))
    await world.services.releases.run()
    assert told.values(Metric.OLDEST_QUEUED)["single"] == 0

    world.clock.time += timedelta(minutes=6)
    await world.services.releases.run()
    assert told.values(Metric.OLDEST_QUEUED)["single"] == 300

    await world.work_off()
    await world.services.releases.run()
    assert told.values(Metric.OLDEST_QUEUED)["single"] == 0


async def test_the_unknown_rate_is_of_the_texts_whose_time_for_reports_is_over(told: Told) -> None:
    world = told.world()
    await world.send(ANN)
    await world.send(BOB)
    await world.send(CAT)
    await world.services.delivery_reports.receive(world.report(ANN))
    await world.services.missing_reports.settle()
    assert told.values(Metric.UNKNOWN_RATE) == {}

    world.clock.time += timedelta(hours=25)
    await world.services.missing_reports.settle()
    assert told.values(Metric.UNKNOWN_RATE) == {"": pytest.approx(2 / 3)}

    await world.services.missing_reports.settle()
    assert told.values(Metric.UNKNOWN_RATE) == {"": pytest.approx(2 / 3)}


async def test_the_pace_is_that_of_a_type_of_sender(told: Told) -> None:
    world = told.world()
    await world.send(ANN, BOB)
    await world.send(ANN, BOB, CAT, sender=ALPHANUMERIC)
    await world.send(ANN, sender=SHORT_CODE)

    assert told.values(Metric.PACE_USED) == {"tollFree": 0.01, "alphanumeric": 0.005, "shortCode": 1 / 6_000}


@pytest.mark.parametrize("metric", [one for one in Metric if not one.is_count])
def test_a_value_is_given_as_long_as_it_says_how_things_are(told: Told, metric: Metric) -> None:
    told.telemetry.measured(metric, 0.25, "tollFree")
    told.now_s = metric.good_for_s
    assert told.values(metric) == {"tollFree": 0.25}
    told.now_s += 1
    assert told.values(metric) == {}


def test_metrics_without_a_provider_go_nowhere() -> None:
    for metric in Metric:
        OtelTelemetry().measured(metric, 1)
