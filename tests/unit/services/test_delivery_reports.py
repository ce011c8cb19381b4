"""Delivery reports: each moves its message forward, whenever it comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.rules.delivery_codes import DELIVERY_CODES
from shared.rules.errors import RelayUnavailable
from shared.rules.states import State
from tests.unit.services.world import ANN, BOB, SHORT_CODE, World


@pytest.mark.parametrize("code", sorted(DELIVERY_CODES))
async def test_each_code_ends_the_message(code: str) -> None:
    world = World()
    (answer,) = await world.send(ANN, tag="t")
    known = DELIVERY_CODES[code]
    status = "Delivered" if code == "2000" else "Failed"
    await world.services.delivery_reports.receive(world.report(ANN, status, f"ErrorCode: {code}."))
    message = await world.message(answer.id)
    assert (message.state.value, message.reason or None) == (known.outcome.value, known.reason)
    assert message.history.current.code == code
    assert await world.blocked() is known.suppresses
    notice = world.relay.notices[0]
    assert (notice.type, notice.data["id"], notice.data["state"]) == ("Sms.MessageSettled", answer.id, message.state)
    assert (notice.data["deliveryCode"], notice.data["tag"]) == (code, "t")
    assert [one.type for one in world.relay.notices[1:]] == ["Sms.OptOutChanged"] * known.suppresses


async def test_an_opt_out_at_the_carrier_is_of_that_sender_and_from_the_report() -> None:
    world = World()
    await world.send(ANN, sender=SHORT_CODE)
    await world.services.delivery_reports.receive(world.report(ANN, "Failed", "4007"))
    (change,) = await world.services.opt_out_lists.history(ANN)
    assert (change.source.value, change.scopes, change.keyword) == ("deliveryReport", (SHORT_CODE,), "")
    assert not await world.blocked()


async def test_a_repeated_report_changes_nothing() -> None:
    world = World()
    (answer,) = await world.send(ANN)
    report = world.report(ANN, "Failed", "4007")
    for _ in range(5):
        await world.services.delivery_reports.receive(report)
    message = await world.message(answer.id)
    assert [step.state for step in message.history.steps] == [State.SENDING, State.SENT, State.FAILED]
    assert len(await world.services.opt_out_lists.history(ANN)) == 1
    assert len({one.id for one in world.relay.notices}) == 2


@pytest.mark.parametrize("first", ["Delivered", "Failed"])
async def test_delivered_wins_over_failed_in_either_order(first: str) -> None:
    world = World()
    (answer,) = await world.send(ANN)
    second = "Failed" if first == "Delivered" else "Delivered"
    for status in (first, second):
        await world.services.delivery_reports.receive(world.report(ANN, status, "4006" if status == "Failed" else ""))
    assert (await world.message(answer.id)).state is State.DELIVERED


async def test_a_late_report_settles_an_unknown_message() -> None:
    world = World()
    (answer,) = await world.send(ANN)
    await world.services.delivery_reports.receive(world.report(ANN, "Failed", "5002"))
    assert (await world.message(answer.id)).state is State.UNKNOWN
    world.clock.advance(hours=20)
    await world.services.delivery_reports.receive(world.report(ANN, "Delivered"))
    assert (await world.message(answer.id)).state is State.DELIVERED


async def test_a_report_names_the_sender_without_its_plus_and_still_finds_the_message() -> None:
    world = World()
    (answer,) = await world.send(ANN)
    report = world.report(ANN)
    await world.services.delivery_reports.receive(replace(report, sender=report.sender.removeprefix("+")))
    assert (await world.message(answer.id)).state is State.DELIVERED


@pytest.mark.parametrize(
    "tag", ["", "someone else's", "98227547199999-00000000-0000-0000-0000-000000000000", "98227547199999-x"]
)
async def test_a_report_that_is_not_ours_is_kept(tag: str) -> None:
    world = World()
    await world.send(ANN)
    await world.services.delivery_reports.receive(replace(world.report(ANN), tag=tag))
    assert world.row_count("KeptEvents") == 1
    assert [one.state for one in world.messages()] == [State.SENT]
    assert world.relay.notices == []


async def test_a_report_for_another_recipient_under_our_tag_is_kept() -> None:
    world = World()
    await world.send(ANN)
    await world.services.delivery_reports.receive(replace(world.report(ANN), recipient=BOB))
    assert world.row_count("KeptEvents") == 1


async def test_each_report_of_a_foreign_message_is_kept_and_each_once() -> None:
    world = World()
    await world.send(ANN)
    failed = replace(world.report(ANN, "Failed", "4006"), tag="")
    for report in (failed, replace(failed, status="Delivered", details=""), failed):
        await world.services.delivery_reports.receive(report)
    assert world.row_count("KeptEvents") == 2


async def test_an_opt_out_in_a_foreign_report_is_recorded_all_the_same() -> None:
    world = World()
    await world.send(ANN)
    await world.services.delivery_reports.receive(replace(world.report(ANN, "Failed", "4007"), tag=""))
    assert await world.blocked()
    assert [one.type for one in world.relay.notices] == ["Sms.OptOutChanged"]


async def test_after_a_relay_failure_the_redelivery_tells_the_application() -> None:
    world = World()
    await world.send(ANN)
    world.relay.fail_next()
    report = world.report(ANN, "Failed", "4007")
    with pytest.raises(RelayUnavailable):
        await world.services.delivery_reports.receive(report)
    await world.services.delivery_reports.receive(report)
    assert [one.type for one in world.relay.notices] == ["Sms.MessageSettled", "Sms.OptOutChanged"]


async def test_a_message_that_is_still_open_is_not_told_of() -> None:
    world = World()
    (answer,) = await world.send(ANN)
    await world.services.delivery_reports.receive(world.report(ANN, "InTransit"))
    message = await world.message(answer.id)
    assert (message.state, message.reason) == (State.UNKNOWN, "reportUnclear")
