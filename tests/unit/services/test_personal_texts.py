"""Campaigns in which texts differ: at the sender's rate all the same, and each text on its own where one fails."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from shared.ports.carrier import SendRequest
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, SmsError
from shared.rules.ids import to_ms
from tests.unit.services.campaigning import copies, counts, people, request, start
from tests.unit.services.world import SHORT_CODE, World, settings


def fast() -> World:
    """Return a world whose default sender may send 100 a second."""
    senders = [{"sender": SHORT_CODE, "type": "shortCode", "perMinute": 6_000}]
    return World(settings(SMS_SENDERS=json.dumps(senders), SMS_DEFAULT_SENDER=SHORT_CODE))


def names(count: int) -> list[dict[str, str]]:
    """Return another name for each."""
    return [{"name": f"N{number}"} for number in range(count)]


async def test_a_group_of_differing_texts_goes_in_its_own_second() -> None:
    world = fast()
    left_ms: list[int] = []

    async def note(_request: SendRequest) -> None:
        left_ms.append(world.now_ms)

    world.carrier.on_send = note
    to = people(198)
    campaign = await start(world, request(world, to, text="Hi {{name}}", values=names(198)))
    await world.pass_time(minutes=1)
    assert await counts(world, campaign) == {"sent": 198}
    assert {one.to: one.text for one in world.carrier.sent} == {one: f"Hi N{place}" for place, one in enumerate(to)}
    assert len(left_ms) == 198
    assert max(left_ms) - min(left_ms) <= 3_000


async def test_recipients_of_one_text_share_a_request_though_others_stand_between_them() -> None:
    world = fast()
    values = [{"name": ("Ann", "Bob")[place % 2]} for place in range(60)]
    await start(world, request(world, people(60), text="Hi {{name}}", values=values))
    await world.pass_time(minutes=1)
    assert sorted(len(one.addressees) for one in world.carrier.requests) == [30, 30]


def at(text: str, error: SmsError, times: int = 1) -> Callable[[SendRequest], Awaitable[None]]:
    """Return what fails the first requests of one text, and lets all others pass."""
    left = [error] * times

    async def fail(wanted: SendRequest) -> None:
        if wanted.text == text and left:
            raise left.pop()

    return fail


@pytest.mark.parametrize(
    "error", [CarrierSilent("no answer"), CarrierThrottled("slower", retry_after_s=30), CarrierThrottled("slower")]
)
async def test_one_text_that_is_not_taken_goes_later_and_the_others_once(error: SmsError) -> None:
    world = fast()
    world.carrier.on_send = at("Hi N7", error)
    campaign = await start(world, request(world, people(50), text="Hi {{name}}", values=names(50)))
    await world.pass_time(minutes=10)
    assert await counts(world, campaign) == {"sent": 50}
    assert copies(world, people(50)) == [1] * 50


async def test_one_text_that_is_refused_for_good_fails_alone() -> None:
    world = fast()
    world.carrier.on_send = at("Hi N7", CarrierRefused("no"))
    campaign = await start(world, request(world, people(50), text="Hi {{name}}", values=names(50)))
    await world.pass_time(minutes=10)
    assert await counts(world, campaign) == {"failed": 1, "sent": 49}


async def test_a_refused_text_fails_though_another_is_throttled_beside_it() -> None:
    world = fast()
    refuse = at("Hi N7", CarrierRefused("no"))
    throttle = at("Hi N8", CarrierThrottled("slower", retry_after_s=30))

    async def both(wanted: SendRequest) -> None:
        await refuse(wanted)
        await throttle(wanted)

    world.carrier.on_send = both
    campaign = await start(world, request(world, people(50), text="Hi {{name}}", values=names(50)))
    await world.pass_time(minutes=10)
    assert await counts(world, campaign) == {"failed": 1, "sent": 49}
    assert sum(copies(world, people(50))) == 49


async def test_after_a_429_nothing_of_the_group_leaves_before_its_time() -> None:
    world = fast()
    left_ms: list[int] = []
    throttle = at("Hi N3", CarrierThrottled("slower", retry_after_s=60))

    async def note(wanted: SendRequest) -> None:
        left_ms.append(world.now_ms)
        await throttle(wanted)

    world.carrier.on_send = note
    begun_ms = to_ms(world.clock.now())
    await start(world, request(world, people(90), text="Hi {{name}}", values=names(90)))
    await world.pass_time(minutes=10)
    # What left together with the refused one had left already; the next look is before the next ones.
    at_once = [one for one in left_ms if one < begun_ms + 5_000]
    assert 1 <= len(at_once) <= 32
    assert min(one for one in left_ms if one not in at_once) >= at_once[0] + 60_000
