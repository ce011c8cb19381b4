"""Parts of the carrier that are easier seen alone: segments, time, memory limits."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from local.carrier.agenda import Agenda
from local.carrier.clock import ScaledClock, utc_now
from local.carrier.messages import Message, Messages, Report
from local.carrier.segments import Encoding, Size, measure

NOW = utc_now()
GSM7, UCS2 = Encoding.GSM7, Encoding.UCS2

VECTORS = [
    ("", GSM7, 1),
    ("a" * 160, GSM7, 1),
    ("a" * 161, GSM7, 2),
    ("a" * 306, GSM7, 2),
    ("a" * 307, GSM7, 3),
    ("€" * 80, GSM7, 1),
    ("€" * 81, GSM7, 2),
    ("a" * 152 + "€" + "a" * 152, GSM7, 3),
    ("你" * 70, UCS2, 1),
    ("你" * 71, UCS2, 2),
    ("你" * 134, UCS2, 2),
    ("你" * 135, UCS2, 3),
    ("😀" * 35, UCS2, 1),
    ("😀" * 36, UCS2, 2),
    ("你" * 66 + "😀" + "你" * 66, UCS2, 3),
    ("a" * 2048, GSM7, 14),
    ("你" * 2048, UCS2, 31),
    ("Don’t", UCS2, 1),
    ("Ç" * 10, GSM7, 1),
    ("ç" * 10, UCS2, 1),
]


@pytest.mark.parametrize(("text", "encoding", "segments"), VECTORS)
def test_segments_are_packed_greedily(text: str, encoding: Encoding, segments: int) -> None:
    assert measure(text) == Size(encoding, segments)


def test_a_change_of_scale_leaves_the_time_shown_as_it_is() -> None:
    real = [100.0]
    clock = ScaledClock(lambda: real[0])
    real[0] = 110
    clock.rescale(60)
    assert clock.now() == 10
    real[0] = 111
    assert clock.now() == 70
    assert clock.real_seconds(60) == 1


async def test_the_agenda_follows_a_change_of_scale_and_keeps_the_order() -> None:
    clock = ScaledClock()
    agenda = Agenda(clock)
    done: list[str] = []
    finished = asyncio.Event()
    running = asyncio.create_task(agenda.run())
    agenda.after(7_200, finished.set)
    agenda.after(3_600, lambda: done.append("first"))
    agenda.after(3_601, lambda: done.append("second"))
    await asyncio.sleep(0)
    clock.rescale(1_000_000)
    agenda.wake()
    async with asyncio.timeout(10):
        await finished.wait()
    assert done == ["first", "second"]
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def message(number: int) -> Message:
    """Return a message with an id of its own."""
    return Message(
        message_id=f"m{number}",
        repeatability_id=f"r{number}",
        sender="12345",
        recipient=f"+142555500{number:02d}",
        text="Hi",
        tag=None,
        report_wanted=False,
        report_timeout_s=None,
        accepted_at=NOW,
        size=Size(GSM7, 1),
    )


def test_the_oldest_messages_go_first_and_from_every_index() -> None:
    store = Messages(kept=3)
    for number in range(5):
        store.add(message(number))
    assert [one.message_id for one in store.all()] == ["m2", "m3", "m4"]
    assert store.get("m0") is None
    assert store.repeat("r1") is None
    assert store.to("+14255550001") == []
    assert store.repeat("R4") == message(4)


def test_a_settled_message_keeps_its_place_and_its_count() -> None:
    store = Messages()
    for number in range(3):
        store.add(message(number))
    store.repeat("r0")
    report = Report("2000", "Delivered", "2000: No Error", NOW, NOW)
    store.settle(store.all()[0], report, NOW)
    assert [one.message_id for one in store.all()] == ["m0", "m1", "m2"]
    assert store.get("m0") == replace(message(0), request_count=2, report=report, report_sent_at=NOW)
