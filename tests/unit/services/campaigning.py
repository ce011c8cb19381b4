"""Campaigns in the tests of services."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from shared.rules.choices import NO_WORDS, ChoiceWords
from shared.rules.states import State
from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import Row
from shared.services.campaigns import Campaign, Chunk
from shared.services.messages import Message
from tests.unit.services.world import World

_NUMBERS = itertools.count(1)


def people(count: int, first: int = 0) -> list[str]:
    """Return numbers of one place."""
    return [f"+1425555{number:04}" for number in range(first, first + count)]


def request(
    world: World,
    to: Sequence[str],
    *,
    text: str = "Hello",
    sender: str | None = None,
    values: Sequence[dict[str, str]] = (),
    send_at_ms: int = 0,
    not_after_ms: int = 0,
    quiet: bool = False,
    delivery_report: bool = True,
    words: ChoiceWords = NO_WORDS,
) -> CampaignRequest:
    """Return a campaign to be started; quiet hours are not kept unless the test is about them."""
    filled = itertools.chain(values, itertools.repeat({}))
    rows = [Row(number, one, vars_) for number, (one, vars_) in enumerate(zip(to, filled, strict=False), start=1)]
    return CampaignRequest(
        name="News",
        sender=world.services.senders.choose(sender),
        text=text,
        rows=rows,
        tag="news",
        send_at_ms=send_at_ms,
        not_after_ms=not_after_ms,
        quiet=quiet,
        delivery_report=delivery_report,
        words=words,
        fingerprint=f"{text}{list(to)}",
    )


async def start(world: World, wanted: CampaignRequest) -> Campaign:
    """Start a campaign."""
    return await world.services.campaign_plans.start(wanted, f"campaign-{next(_NUMBERS)}")


async def counts(world: World, campaign: Campaign) -> dict[str, int]:
    """Return how many recipients are in each state, as the app says."""
    return dict((await world.services.campaign_progress.of(campaign.id)).counts)


def sizes(world: World) -> list[int]:
    """Return how many recipients each request to the carrier had."""
    return [len(one.addressees) for one in world.carrier.requests]


def copies(world: World, to: Sequence[str]) -> list[int]:
    """Return how many texts each of these got."""
    got = Counter(one.to for one in world.carrier.sent)
    return [got[one] for one in to]


def by_number(world: World) -> dict[str, Message]:
    """Return the messages of campaigns where they were sent from, not their copies, by recipient."""
    return {one.recipient: one for one in world.messages() if one.campaign and not one.home}


def states(world: World) -> Counter[State]:
    """Return how many messages of campaigns are in each state."""
    return Counter(one.state for one in by_number(world).values())


async def only_chunk(world: World, campaign: Campaign) -> Chunk:
    """Return the chunk of a campaign that has one."""
    (chunk,) = await world.services.campaigns.chunks(campaign)
    return chunk
