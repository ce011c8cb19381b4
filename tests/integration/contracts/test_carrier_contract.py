"""One suite for the carrier, run against the fake and against the ACS client over real HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from shared.edges.acs import AcsCarrier, open_carrier
from shared.edges.carrier_memory import MemoryCarrier
from shared.ports.carrier import Addressee, Carrier, SendRequest, SendResult
from shared.rules.errors import CarrierRefused, CarrierSilent, CarrierThrottled, CarrierUnavailable
from tests.integration.contracts.acs_server import (
    NOW,
    AcsServer,
    StoppedClock,
    acs_server,
    dropped,
    status,
)

ADA = "+14255550101"
BEN = "+14255550102"


class Bench(Protocol):
    """A carrier and the strings that a test pulls."""

    carrier: Carrier

    def sent(self) -> list[tuple[str, str, str]]:
        """Return (to, text, repeatability id) of what went out, in order."""
        ...

    def refuse(self) -> None:
        """Make the next call a refusal for good."""
        ...

    def throttle(self, seconds: int) -> None:
        """Make the next call a "too fast" that names a time."""
        ...

    def be_unavailable(self) -> None:
        """Make the next call fail before anything is taken."""
        ...

    def be_silent(self) -> None:
        """Make the next call take the texts and lose the answer."""
        ...

    def reject(self, to: str, http_status: int) -> None:
        """Make the next call answer so for this recipient."""
        ...

    def go_down(self) -> None:
        """Make the carrier's probe fail."""
        ...


class MemoryBench:
    """The fake's strings."""

    def __init__(self) -> None:
        self.memory = MemoryCarrier()
        self.carrier: Carrier = self.memory

    def sent(self) -> list[tuple[str, str, str]]:
        return [(text.to, text.text, text.repeatability_id) for text in self.memory.sent]

    def refuse(self) -> None:
        self.memory.fail_next(CarrierRefused("no"))

    def throttle(self, seconds: int) -> None:
        self.memory.fail_next(CarrierThrottled("too fast", retry_after_s=seconds))

    def be_unavailable(self) -> None:
        self.memory.fail_next(CarrierUnavailable("not now"))

    def be_silent(self) -> None:
        self.memory.fail_next(CarrierSilent("…"))

    def reject(self, to: str, http_status: int) -> None:
        self.memory.reject_next(to, http_status)

    def go_down(self) -> None:
        self.memory.answers_probe = False


class AcsBench:
    """The strings of the test server behind the real client."""

    def __init__(self, server: AcsServer, carrier: AcsCarrier) -> None:
        self.server = server
        self.carrier: Carrier = carrier

    def sent(self) -> list[tuple[str, str, str]]:
        return self.server.sent

    def refuse(self) -> None:
        self.server.script.append(status(400, {"From": ["Invalid From phone number format"]}))

    def throttle(self, seconds: int) -> None:
        self.server.script.append(status(429, Retry_After=str(seconds)))

    def be_unavailable(self) -> None:
        self.server.script.append(status(503))

    def be_silent(self) -> None:
        self.server.script.append(dropped(takes=True))

    def reject(self, to: str, http_status: int) -> None:
        self.server.rejections[to] = deque([http_status])

    def go_down(self) -> None:
        self.server.root_status = 503


@pytest.fixture(params=["memory", "acs"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Give a carrier and its strings."""
    if request.param == "memory":
        yield MemoryBench()
        return
    async with acs_server() as server:
        carrier = open_carrier(server.connection_string, clock=StoppedClock())
        yield AcsBench(server, carrier)
        await carrier.close()


def _request(*recipients: str, text: str = "Hello") -> SendRequest:
    return SendRequest(
        sender="+18005550100",
        text=text,
        addressees=tuple(Addressee(to, str(uuid.uuid4())) for to in recipients),
        first_sent=NOW,
        tag="tag-1",
    )


async def test_each_recipient_gets_the_text_and_a_result_in_order(bench: Bench) -> None:
    request = _request(BEN, ADA, text="naïve ☃ 😀 \"quoted\" \\ 'text'\nline two")

    results = await bench.carrier.send(request)

    assert [result.to for result in results] == [BEN, ADA]
    assert all(result.accepted and result.http_status == 202 for result in results)
    assert len({result.message_id for result in results} - {None, ""}) == 2
    assert bench.sent() == [(who.to, request.text, who.repeatability_id) for who in request.addressees]


async def test_a_hundred_recipients_go_in_one_request(bench: Bench) -> None:
    recipients = [f"+1425555{number:04}" for number in range(100)]

    results = await bench.carrier.send(_request(*recipients))

    assert [result.to for result in results] == recipients
    assert len(bench.sent()) == 100


async def test_a_repeat_is_answered_the_same_and_sent_once(bench: Bench) -> None:
    request = _request(ADA, BEN)

    first = await bench.carrier.send(request)
    second = await bench.carrier.send(request)

    assert second == first
    assert len(bench.sent()) == 2


async def test_a_new_id_is_a_new_text(bench: Bench) -> None:
    first = await bench.carrier.send(_request(ADA))
    second = await bench.carrier.send(_request(ADA))

    assert first[0].message_id != second[0].message_id
    assert len(bench.sent()) == 2


async def test_a_recipient_may_be_rejected_while_others_are_accepted(bench: Bench) -> None:
    bench.reject(ADA, 400)

    results = await bench.carrier.send(_request(ADA, BEN))

    assert results[0] == SendResult(ADA, accepted=False, http_status=400)
    assert results[1].accepted
    assert [to for to, _, _ in bench.sent()] == [BEN]


async def test_a_rejected_recipient_may_be_accepted_on_a_repeat(bench: Bench) -> None:
    bench.reject(ADA, 503)
    request = _request(ADA)

    first = await bench.carrier.send(request)
    second = await bench.carrier.send(request)

    assert (first[0].accepted, first[0].http_status) == (False, 503)
    assert second[0].accepted
    assert len(bench.sent()) == 1


async def test_a_refused_request_sends_nothing(bench: Bench) -> None:
    bench.refuse()

    with pytest.raises(CarrierRefused):
        await bench.carrier.send(_request(ADA))

    assert bench.sent() == []


async def test_a_throttled_request_sends_nothing_and_names_the_wait(bench: Bench) -> None:
    bench.throttle(7)

    with pytest.raises(CarrierThrottled) as caught:
        await bench.carrier.send(_request(ADA))

    assert caught.value.retry_after_s == 7
    assert bench.sent() == []


async def test_an_unavailable_carrier_sends_nothing_and_takes_the_same_request_later(bench: Bench) -> None:
    bench.be_unavailable()
    request = _request(ADA)

    with pytest.raises(CarrierUnavailable):
        await bench.carrier.send(request)
    assert bench.sent() == []

    assert (await bench.carrier.send(request))[0].accepted
    assert len(bench.sent()) == 1


async def test_a_lost_answer_is_silence_and_the_repeat_sends_nothing_twice(bench: Bench) -> None:
    bench.be_silent()
    request = _request(ADA, BEN)

    with pytest.raises(CarrierSilent):
        await bench.carrier.send(request)
    assert len(bench.sent()) == 2

    results = await bench.carrier.send(request)

    assert all(result.accepted for result in results)
    assert len(bench.sent()) == 2


async def test_requests_at_the_same_time_keep_their_ids_apart(bench: Bench) -> None:
    requests = [_request(f"+1425555{number:04}", text=f"text {number}") for number in range(20)]

    results = await asyncio.gather(*(bench.carrier.send(request) for request in requests))

    assert all(result.accepted for (result,) in results)
    expected = [(r.addressees[0].to, r.text, r.addressees[0].repeatability_id) for r in requests]
    assert sorted(bench.sent()) == sorted(expected)


async def test_a_probe_finds_a_carrier_that_answers(bench: Bench) -> None:
    await bench.carrier.probe()


async def test_a_probe_tells_when_the_carrier_is_down(bench: Bench) -> None:
    bench.go_down()

    with pytest.raises(CarrierUnavailable):
        await bench.carrier.probe()
