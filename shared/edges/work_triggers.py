"""Queue messages and timers: handed to the services, and whatever goes wrong told to the host without content.

The host logs the text of an exception and tries a queue message again, five times in all (host.json); then it goes to
the poison queue, where `failed` takes it from.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TypeVar

import azure.functions as func
from pydantic.alias_generators import to_camel

from shared.edges.defects import place_of
from shared.edges.invocations import note
from shared.rules.errors import InternalError, SmsError
from shared.rules.ids import from_ms
from shared.services.bundle import Services
from shared.services.outbox import NOTICES_QUEUE
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE

_LOG = logging.getLogger("sms.work")

_LOGGED = (
    "accepted", "sent", "delivered", "failed", "unknown", "suppressed", "inbound", "responses", "opt_outs", "opt_ins",
    "leaks", "segments",
)  # fmt: skip

T = TypeVar("T")


async def batch(services: Services, message: func.QueueMessage) -> None:
    """Go on with the batch that a message names."""
    await _do(SENDS_QUEUE, services.work.send_batch(_body_of(message)))


async def chunk(services: Services, message: func.QueueMessage) -> None:
    """Go on with the chunk of a campaign that a message names."""
    await _do(CAMPAIGNS_QUEUE, services.work.send_chunk(_body_of(message)))


async def lane(services: Services, message: func.QueueMessage) -> None:
    """Post what waits in the lane of notices that a message names."""
    await _do(NOTICES_QUEUE, services.work.deliver_lane(_body_of(message)))


async def failed(services: Services, queue: str, message: func.QueueMessage) -> None:
    """Keep a message that came out of the poison queue of `queue`."""
    await _do(f"{queue}-poison", services.failures.keep(queue, _body_of(message)))


async def release(services: Services) -> None:
    """Wake what is due."""
    await _do("release", services.releases.run())


async def wake_lanes(services: Services) -> None:
    """Wake the lanes of notices that are due."""
    await _do("lanes", services.deliveries.wake())


async def settle(services: Services) -> None:
    """Call unknown what no delivery report came for."""
    count = await _do("missing reports", services.missing_reports.settle())
    note(unknown=count)
    if count:
        _LOG.info("No delivery report came for %s texts in time.", count)


async def roll_up(services: Services) -> None:
    """Add up closed hours, and log each: the alerts and the workbook of infra/ read these lines."""
    for hour in await _do("roll-ups", services.rollups.roll()):
        note(hours=1)
        counts = " ".join(f"{to_camel(name)}={hour.totals[name]}" for name in _LOGGED)
        cost = hour.totals.cost(services.prices).amount
        _LOG.info("An hour was added up: hour=%s %s cost=%s", from_ms(hour.hour_ms).isoformat(), counts, f"{cost:f}")
    for drop in await _do("delivery rates", services.delivery_drops.watch()):
        _LOG.warning("The delivery rate of a %s dropped from %.3f to %.3f.", drop.of, drop.before.rate, drop.now.rate)


async def clear(services: Services) -> None:
    """Delete what broken uploads of campaigns left, and what was counted for limits whose time is over."""
    await _do("daily caps", services.daily_caps.clear())
    await _do("recipient limits", services.recipient_limits.clear())
    count = await _do("broken uploads", services.broken_uploads.clear())
    note(deleted=count)
    if count:
        _LOG.info("Rows of %s campaigns were deleted whose upload had broken off.", count)


async def _do(what: str, work: Awaitable[T]) -> T:
    try:
        return await work
    except SmsError:
        raise
    except Exception as error:  # noqa: BLE001 - the last boundary: the host would log the exception's text
        _LOG.error("A defect while doing %s: %s at %s", what, type(error).__name__, place_of(error))
        raise InternalError("The work could not be done; the log says more.") from None


def _body_of(message: func.QueueMessage) -> str:
    # What is not UTF-8 is not ours; it must still be kept where a person can see it.
    body: bytes = message.get_body()
    return body.decode("utf-8", "replace")
