"""The limits of each sender type, in a sliding window of carrier time."""

from __future__ import annotations

from local.carrier.clock import ScaledClock
from local.carrier.rate_limits import RateLimits
from local.carrier.senders import Sender, SenderType
from tests.integration.carrier.harness import SHORT_CODE, Stand, sms
from tests.support.waiting import eventually

HUNDRED = [f"+1425555{index:04d}" for index in range(100)]
TOLL_FREE = Sender("+18005550100", SenderType.TOLL_FREE)


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.at = 0.0

    def read(self) -> float:
        """Return the time shown."""
        return self.at


def limits() -> tuple[RateLimits, Hands]:
    """Return fresh limits and the clock that they read."""
    hands = Hands()
    return RateLimits(ScaledClock(hands.read)), hands


def test_requests_are_limited_even_when_units_are_not() -> None:
    counted, _ = limits()
    assert [counted.admit(TOLL_FREE, 0) for _ in range(201)] == [True] * 200 + [False]


def test_units_are_limited_even_when_requests_are_not() -> None:
    counted, _ = limits()
    assert [counted.admit(TOLL_FREE, units) for units in (100, 99, 2, 1, 1)] == [True, True, False, True, False]


def test_the_window_slides() -> None:
    counted, hands = limits()
    assert counted.admit(TOLL_FREE, 150)
    hands.at = 30
    assert counted.admit(TOLL_FREE, 50)
    hands.at = 59.9
    assert not counted.admit(TOLL_FREE, 1)
    hands.at = 60
    assert counted.admit(TOLL_FREE, 150)
    assert not counted.admit(TOLL_FREE, 1)


def test_a_refused_request_counts_as_a_request_but_its_units_do_not() -> None:
    counted, hands = limits()
    assert counted.admit(TOLL_FREE, 200)
    for _ in range(199):
        assert not counted.admit(TOLL_FREE, 1)
    hands.at = 59
    assert not counted.admit(TOLL_FREE, 1)
    hands.at = 60.5
    assert counted.admit(TOLL_FREE, 200)


def test_each_number_has_its_own_limit() -> None:
    counted, _ = limits()
    assert counted.admit(TOLL_FREE, 200)
    assert counted.admit(Sender("+18005550101", SenderType.TOLL_FREE), 200)


def test_alphanumeric_senders_share_the_limit_of_the_resource() -> None:
    counted, _ = limits()
    assert counted.admit(Sender("CONTOSO", SenderType.ALPHANUMERIC), 600)
    assert not counted.admit(Sender("FABRIKAM", SenderType.ALPHANUMERIC), 1)


async def test_a_toll_free_number_sends_two_full_requests_a_minute(stand: Stand) -> None:
    statuses = [(await stand.post_sms(sms(*HUNDRED))).status for _ in range(3)]
    assert statuses == [202, 202, 429]
    assert len(await stand.values("/messages")) == 200
    assert [one["httpStatus"] for one in await stand.values("/requests")] == statuses


async def test_a_short_code_sends_far_more(stand: Stand) -> None:
    statuses = [(await stand.post_sms(sms(*HUNDRED, sender=SHORT_CODE))).status for _ in range(5)]
    assert statuses == [202] * 5


async def test_429_has_retry_after_only_when_the_switch_says_so(stand: Stand) -> None:
    for _ in range(2):
        await stand.send(*HUNDRED)
    assert "Retry-After" not in (await stand.post_sms(sms(*HUNDRED))).headers
    await stand.trouble(throttleRetryAfter=7)
    reply = await stand.post_sms(sms(*HUNDRED))
    assert (reply.headers["Retry-After"], reply.body["error"]["code"]) == ("7", "TooManyRequests")


async def test_limits_can_be_switched_off(stand: Stand) -> None:
    await stand.trouble(rateLimits=False)
    for _ in range(4):
        await stand.send(*HUNDRED)


async def test_the_window_passes_faster_with_the_time_scale(stand: Stand) -> None:
    await stand.trouble(timeScale=600)
    for _ in range(2):
        await stand.send(*HUNDRED)

    async def admitted() -> bool:
        return (await stand.post_sms(sms(*HUNDRED))).status == 202

    await eventually(admitted)
