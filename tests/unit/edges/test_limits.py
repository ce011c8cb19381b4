"""What callers are told when they send more than the settings allow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.edges.calling import Caller, calling, error_of, read
from tests.unit.services.campaigning import people
from tests.unit.services.capping import capped, counted
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE


@pytest.fixture
def capped_caller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Give a caller of an app with daily caps of three segments, two for each caller."""
    with calling(capped(3, by_caller=2), monkeypatch) as made:
        yield made


def keyed(key: str) -> dict[str, str]:
    return {"x_functions_key": key}


async def test_a_text_over_the_daily_cap_is_answered_429_with_the_time_until_midnight(capped_caller: Caller) -> None:
    await capped_caller.send({"to": [ANN, BOB], "text": "Hello"}, **keyed("shop"))
    refused = await capped_caller.send({"to": CAT, "text": "Hello"}, **keyed("shop"))
    assert error_of(refused) == (429, "DailyCapReached", None)
    assert refused.headers["Retry-After"] == str(12 * 3600)
    assert (await capped_caller.send({"to": CAT, "text": "Hello"}, **keyed("desk"))).status_code == 202
    assert (await capped_caller.send({"to": CAT, "text": "Hello"}, **keyed("desk"))).status_code == 429
    assert counted(capped_caller.world) == 3


async def test_a_held_campaign_says_why_and_until_when(capped_caller: Caller) -> None:
    body = {
        "name": "Spring",
        "from": SHORT_CODE,
        "text": "Hello",
        "quietHours": False,
        "recipients": [{"to": one} for one in people(4)],
    }
    headers = {"x-functions-key": "shop"}
    forecast = await capped_caller.post("forecast_campaign", "campaigns/forecast", body, headers=headers)
    assert read(forecast)["dailyCapHoldsAt"].startswith("2026-03-02T12:00:0")
    started = read(await capped_caller.post("start_campaign", "campaigns", body, headers=headers))
    await capped_caller.world.pass_time(minutes=1)
    route = {"id": started["id"]}
    shown = read(await capped_caller.get("get_campaign", f"campaigns/{started['id']}", route=route))
    assert (shown["status"], shown["reason"], shown["heldUntil"]) == ("held", "dailyCap", "2026-03-03T00:00:00.000Z")
    assert shown["counts"] == {"queued": 2, "sent": 2}
