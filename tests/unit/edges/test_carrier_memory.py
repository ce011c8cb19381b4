"""What only the fake carrier has: a hook in the call, and scripts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.edges.carrier_memory import MemoryCarrier
from shared.ports.carrier import Addressee, SendRequest
from shared.rules.errors import CarrierSilent, CarrierThrottled, CarrierUnavailable

ADA = "+14255550101"
REQUEST = SendRequest("12345", "Hi", (Addressee(ADA, "id-1"),), datetime(2026, 3, 14, tzinfo=UTC), "tag")


async def test_the_hook_runs_before_anything_is_taken() -> None:
    seen: list[tuple[SendRequest, int]] = []
    carrier = MemoryCarrier()

    async def note(request: SendRequest) -> None:
        seen.append((request, len(carrier.sent)))

    carrier.on_send = note
    await carrier.send(REQUEST)

    assert seen == [(REQUEST, 0)]
    assert len(carrier.sent_to(ADA)) == 1


async def test_what_the_hook_raises_is_what_the_caller_gets() -> None:
    async def die(request: SendRequest) -> None:
        raise KeyboardInterrupt

    carrier = MemoryCarrier(on_send=die)

    with pytest.raises(KeyboardInterrupt):
        await carrier.send(REQUEST)
    assert carrier.sent == []


async def test_failures_come_in_the_order_they_were_set() -> None:
    carrier = MemoryCarrier()
    carrier.fail_next(CarrierThrottled("1"), CarrierSilent("2"), CarrierUnavailable("3"))

    for error in (CarrierThrottled, CarrierSilent, CarrierUnavailable):
        with pytest.raises(error):
            await carrier.send(REQUEST)
    assert (await carrier.send(REQUEST))[0].accepted

    assert len(carrier.requests) == 4
    assert len(carrier.sent) == 1


async def test_a_text_is_kept_with_what_it_was_sent_with() -> None:
    carrier = MemoryCarrier()

    (result,) = await carrier.send(REQUEST)

    (text,) = carrier.sent_to(ADA)
    assert (text.message_id, text.sender, text.text, text.tag) == (result.message_id, "12345", "Hi", "tag")
    assert carrier.sent_to("+14255550199") == []
