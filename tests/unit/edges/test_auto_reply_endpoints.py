"""`GET` and `PUT /api/auto-replies`: the document, its ETag, and what is refused."""

from __future__ import annotations

from typing import Any

import azure.functions as func
import pytest

from tests.unit.edges.calling import Caller, error_of, read
from tests.unit.services.world import ANN, SHORT_CODE, World

HOURS = {"days": ["monday", "tuesday"], "hours": "09:00-17:00", "timeZone": "Europe/Berlin"}
RULE = {"keyword": "HOURS", "text": "9 to 5"}
ALL = {
    "rules": [
        RULE | {"officeHoursOnly": False},
        {"pattern": "*x*", "text": "y", "from": SHORT_CODE, "officeHoursOnly": True},
    ],
    "officeHours": HOURS,
    "outOfOfficeText": "closed",
}


async def get(caller: Caller, **headers: str) -> func.HttpResponse:
    """Read the rules; headers are written with underscores."""
    return await caller.get("get_auto_replies", "auto-replies", headers=_named(headers))


async def put(caller: Caller, body: object, **headers: str) -> func.HttpResponse:
    """Set the rules; headers are written with underscores."""
    return await caller.http("set_auto_replies", "PUT", "auto-replies", body=body, headers=_named(headers))


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def rules(*one: dict[str, Any]) -> dict[str, Any]:
    """Return a body with these rules."""
    return {"rules": list(one)}


async def test_at_first_there_are_no_rules(caller: Caller) -> None:
    response = await get(caller)
    assert (response.status_code, read(response)) == (200, {"rules": []})


async def test_rules_are_shown_as_they_were_set_and_answer_at_once(world: World, caller: Caller) -> None:
    response = await put(caller, ALL)
    assert (response.status_code, read(response)) == (200, ALL)
    shown = await get(caller)
    assert (read(shown), shown.headers["ETag"]) == (ALL, response.headers["ETag"])
    await world.receive("hours!")
    assert [one.text for one in world.carrier.sent_to(ANN)] == ["9 to 5"]


async def test_a_reader_who_has_the_rules_is_told_so(caller: Caller) -> None:
    tag = (await put(caller, ALL)).headers["ETag"]
    assert (await get(caller, If_None_Match=tag)).status_code == 304
    await put(caller, rules())
    assert (await get(caller, If_None_Match=tag)).status_code == 200


async def test_of_two_who_read_the_same_rules_the_second_is_refused(caller: Caller) -> None:
    tag = (await get(caller)).headers["ETag"]
    first = await put(caller, rules(RULE), If_Match=tag)
    assert first.status_code == 200
    refused = await put(caller, ALL, If_Match=tag)
    assert error_of(refused) == (412, "PreconditionFailed", None)
    assert read(await get(caller)) == rules(RULE | {"officeHoursOnly": False})
    assert (await put(caller, ALL, If_Match=first.headers["ETag"])).status_code == 200


async def test_a_repeat_of_a_request_that_was_done_succeeds(caller: Caller) -> None:
    tag = (await get(caller)).headers["ETag"]
    answers = [await put(caller, ALL, If_Match=tag) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]


@pytest.mark.parametrize(
    ("written", "status"),
    [("*", 200), ('"other", {}', 200), ('"other"', 412), ("W/{}", 412), ("", 412)],
)
async def test_if_match_takes_a_star_and_lists_but_no_weak_tags(caller: Caller, written: str, status: int) -> None:
    tag = (await get(caller)).headers["ETag"]
    assert (await put(caller, ALL, If_Match=written.format(tag))).status_code == status


@pytest.mark.parametrize(
    ("body", "code", "target"),
    [
        ({}, "MissingField", "rules"),
        (rules({"text": "x"}), "InvalidValue", "rules[0]"),
        (rules(RULE, RULE | {"pattern": "*"}), "InvalidValue", "rules[1]"),
        (rules({"keyword": "a"}), "MissingField", "rules[0].text"),
        (rules({"keyword": "a", "text": ""}), "TooShort", "rules[0].text"),
        (rules({"keyword": "a", "text": "🚚" * 1025}), "TooLong", "rules[0].text"),
        (rules({"keyword": "", "text": "x"}), "TooShort", "rules[0].keyword"),
        (rules({"keyword": "a" * 65, "text": "x"}), "TooLong", "rules[0].keyword"),
        (rules({"keyword": "stop", "text": "x"}), "InvalidValue", "rules[0].keyword"),
        (rules({"keyword": "Help!", "text": "x"}), "InvalidValue", "rules[0].keyword"),
        (rules({"keyword": "a*", "text": "x"}), "InvalidValue", "rules[0].keyword"),
        (rules({"keyword": "?!", "text": "x"}), "InvalidValue", "rules[0].keyword"),
        (rules({"pattern": "*" * 65, "text": "x"}), "TooLong", "rules[0].pattern"),
        (rules(RULE | {"from": "+18005550199"}), "UnknownSender", "rules[0].from"),
        (rules(RULE | {"sender": "12345"}), "UnknownField", "rules[0].sender"),
        (rules(*[RULE] * 101), "TooMany", "rules"),
        (rules(*[RULE | {"text": "x" * 2000}] * 20), "TooLong", "rules"),
        (rules(RULE | {"officeHoursOnly": True}), "InvalidValue", None),
        (rules() | {"outOfOfficeText": "x"}, "InvalidValue", None),
        (rules() | {"officeHours": HOURS | {"days": []}}, "TooFew", "officeHours.days"),
        (rules() | {"officeHours": HOURS | {"days": ["mon"]}}, "InvalidValue", "officeHours.days[0]"),
        (rules() | {"officeHours": HOURS | {"hours": "9-17"}}, "InvalidValue", "officeHours.hours"),
        (rules() | {"officeHours": HOURS | {"hours": "22:00-06:00"}}, "InvalidValue", "officeHours.hours"),
        (rules() | {"officeHours": HOURS | {"timeZone": "Mars/Base"}}, "InvalidValue", "officeHours.timeZone"),
        (rules() | {"officeHours": HOURS | {"timeZone": "../../etc"}}, "InvalidValue", "officeHours.timeZone"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_set(
    caller: Caller, body: object, code: str, target: str | None
) -> None:
    assert error_of(await put(caller, body)) == (400, code, target)
    assert read(await get(caller)) == {"rules": []}
