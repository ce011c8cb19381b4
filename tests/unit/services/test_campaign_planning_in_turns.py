"""Planning a large campaign takes seconds; what else the process has to do must not wait for it."""

from __future__ import annotations

import asyncio

from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import Row
from tests.unit.services.world import World


async def test_other_work_goes_on_while_a_large_campaign_is_planned() -> None:
    services = World().services
    rows = [Row(number, f"+1425{number:07d}") for number in range(2_000_001, 2_003_001)]
    request = CampaignRequest(name="Closing", sender=services.senders.choose(None), text="We close at six.", rows=rows)
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(other_work())
    forecast = await services.campaign_plans.forecast(request)
    other.cancel()

    assert forecast.recipients == len(rows)
    assert turns >= len(rows) / 250
