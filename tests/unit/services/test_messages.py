"""Messages and their activity, where two workers write at once."""

from __future__ import annotations

from dataclasses import replace

from shared.rules.ids import MessageKey
from shared.rules.states import History, State, Step
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.late_marks import LateMarks
from shared.services.messages import Direction, Message, Messages
from tests.unit.services.world import ANN, TOLL_FREE, World

DRAFT = Message(
    key=MessageKey("0" * 32, "98227547199999-x"),
    direction=Direction.OUTBOUND,
    sender=TOLL_FREE,
    recipient=ANN,
    text="Hello",
    history=History((Step(State.SENDING, 1),)),
)
SENT, DELIVERED = Step(State.SENT, 2), Step(State.DELIVERED, 3, "", "2000")


def activity_log(world: World) -> ActivityLog:
    """Return the activity of a world."""
    return ActivityLog(world.tables.table("Activity"), LateMarks(world.tables.table("Rollups"), world.clock))


async def test_a_message_is_stored_once_and_the_first_one_stays() -> None:
    messages = Messages(World().tables.table("Messages"))
    first, is_new = await messages.put_new(DRAFT)
    again, is_new_again = await messages.put_new(replace(DRAFT, text="Bye"))
    assert (is_new, is_new_again) == (True, False)
    assert again == first


async def test_steps_of_two_workers_are_both_kept() -> None:
    messages = Messages(World().tables.table("Messages"))
    seen, _ = await messages.put_new(DRAFT)
    await messages.settle(seen, DELIVERED)
    settled = await messages.settle(seen, SENT, "carrier-id")
    assert [step.state for step in settled.history.steps] == [State.SENDING, State.SENT, State.DELIVERED]
    assert settled.state is State.DELIVERED
    assert await messages.get(DRAFT.key) == settled


async def test_a_message_that_was_deleted_meanwhile_is_not_made_again() -> None:
    table = World().tables.table("Messages")
    messages = Messages(table)
    seen, _ = await messages.put_new(DRAFT)
    await table.delete(DRAFT.key.partition, DRAFT.key.row)
    assert (await messages.settle(seen, SENT)).state is State.SENT
    assert await messages.get(DRAFT.key) is None


async def test_an_activity_keeps_the_greatest_step_whoever_writes_first() -> None:
    log = activity_log(World())
    sending = Activity.of(DRAFT)
    (traced,) = await log.record([sending])
    await log.merge(replace(sending, step=DELIVERED))
    (late,) = await log.record([replace(traced, step=SENT)])
    assert late.step == DELIVERED
    assert (await log.page(10, None))[0] == (late,)


async def test_activities_of_several_hours_and_of_more_than_a_transaction_are_all_written() -> None:
    log = activity_log(World())
    activities = [
        Activity(Kind.OUTBOUND, f"{98227547199999 + hour * 3_600_000}-{number:03}", "c", TOLL_FREE, SENT)
        for hour in range(2)
        for number in range(150)
    ]
    written = await log.record(activities)
    assert {one.row for one in written} == {one.row for one in activities}
    found, cursor = await log.page(1000, None)
    assert (len(found), cursor) == (300, None)
