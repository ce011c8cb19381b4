"""The endpoints that list, count and check, and the opt-out list."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.rules.errors import StorageUnavailable
from tests.unit.edges.calling import BASE, Caller, calling, error_of, read
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World

CSV = {"Content-Type": "text/csv"}


async def pages(caller: Caller, name: str, url: str, **route: str) -> list[Any]:
    """Follow `nextLink` and return the entries of all pages."""
    found: list[Any] = []
    following: str | None = url
    while following:
        answer = read(await caller.get(name, following, route=route))
        found += answer["value"]
        link = answer.get("nextLink")
        assert link is None or link.startswith(BASE)
        following = link and link.removeprefix(BASE)
    return found


async def test_opt_outs_are_added_checked_and_removed(caller: Caller) -> None:
    body = {"recipients": [ANN, "x"]}
    added = await caller.post("add_opt_outs", "opt-outs/add", body)
    assert added.status_code == 200
    ann, bad = read(added)["value"]
    assert ann == {"to": ANN, "httpStatusCode": 200}
    assert (bad["to"], bad["httpStatusCode"]) == ("x", 400)
    assert bad["errorMessage"]
    checked = read(await caller.post("check_opt_outs", "opt-outs/check", {"from": SHORT_CODE, "recipients": [ANN]}))
    assert checked == {"value": [{"to": ANN, "httpStatusCode": 200, "isOptedOut": True}]}
    removed = read(await caller.post("remove_opt_outs", "opt-outs/remove", {"recipients": [ANN]}))
    assert removed == {"value": [{"to": ANN, "httpStatusCode": 200}]}
    assert not await caller.world.blocked()


@pytest.mark.parametrize("action", ["check", "add", "remove"])
@pytest.mark.parametrize(
    ("body", "code", "target"),
    [
        ({}, "MissingField", "recipients"),
        ({"recipients": []}, "TooFew", "recipients"),
        ({"recipients": [ANN] * 101}, "TooMany", "recipients"),
        ({"recipients": ANN}, "InvalidValue", "recipients"),
        ({"recipients": [{"to": ANN}]}, "InvalidValue", "recipients[0]"),
        ({"recipients": [ANN], "to": 1}, "UnknownField", "to"),
        ({"recipients": [ANN], "from": "NOBODY"}, "UnknownSender", "from"),
    ],
)
async def test_a_wrong_list_is_refused_by_name(
    caller: Caller, action: str, body: object, code: str, target: str
) -> None:
    assert error_of(await caller.post(f"{action}_opt_outs", f"opt-outs/{action}", body)) == (400, code, target)


async def test_the_history_of_a_person_is_newest_first(caller: Caller) -> None:
    await caller.world.receive("STOP", ago_s=10)
    await caller.world.receive("START", ago_s=5)
    answer = await caller.post("opt_out_history", "opt-outs/history", {"recipient": ANN})
    assert read(answer)["value"] == [
        {
            "at": "2026-03-02T11:59:55.000Z",
            "state": "optedIn",
            "scopes": [TOLL_FREE],
            "sender": TOLL_FREE,
            "source": "sms",
            "keyword": "START",
        },
        {
            "at": "2026-03-02T11:59:50.000Z",
            "state": "optedOut",
            "scopes": [TOLL_FREE],
            "sender": TOLL_FREE,
            "source": "sms",
            "keyword": "STOP",
        },
    ]
    wrong = await caller.post("opt_out_history", "opt-outs/history", {"recipient": "Ann"})
    assert error_of(wrong)[:2] == (400, "NotAPhoneNumber")


async def test_opt_outs_are_listed_in_pages_whose_links_hold_no_key(caller: Caller) -> None:
    people = [f"+1425555{number:04}" for number in range(7)]
    await caller.post("add_opt_outs", "opt-outs/add", {"recipients": people})
    first = await caller.get("list_opt_outs", "opt-outs?maxpagesize=3&code=secret&clientId=me&api-version=2026-11-01")
    query = parse_qs(urlsplit(read(first)["nextLink"]).query)
    assert set(query) == {"maxpagesize", "api-version", "skipToken"}
    found = await pages(caller, "list_opt_outs", "opt-outs?maxpagesize=3&code=secret")
    assert sorted(one["recipient"] for one in found) == people
    assert found[0] | {"recipient": ""} == {
        "recipient": "",
        "scope": "*",
        "since": "2026-03-02T12:00:00.000Z",
        "source": "api",
    }


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("maxpagesize=0", "maxpagesize"),
        ("maxpagesize=1001", "maxpagesize"),
        ("maxpagesize=x", "maxpagesize"),
        ("skipToken=x", "skipToken"),
        ("format=xml", "format"),
        ("page=2", "page"),
        # The host leaves out what has no value; the address still has it.
        ("page=", "page"),
        ("maxpagesize=", "maxpagesize"),
        ("format=", "format"),
        ("api-version=", "api-version"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(caller: Caller, query: str, target: str) -> None:
    status, _, of = error_of(await caller.get("list_opt_outs", f"opt-outs?{query}"))
    assert (status, of) == (400, target)


async def test_the_list_goes_out_as_csv_and_comes_back(caller: Caller) -> None:
    await caller.world.receive("STOP", ANN)
    await caller.post("add_opt_outs", "opt-outs/add", {"recipients": [BOB]})
    answer = await caller.get("list_opt_outs", "opt-outs?format=csv")
    assert (answer.mimetype, answer.charset) == ("text/csv", "utf-8")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="opt-outs.csv"'
    again = await caller.post("add_opt_outs", "opt-outs/add", raw=answer.get_body(), headers=CSV)
    assert read(again) == {"changed": 0, "unchanged": 2}
    fresh = f"\ufeffrecipient\r\n{CAT}\r\n".encode()
    loaded = await caller.post(
        "add_opt_outs", "opt-outs/add", raw=fresh, headers={"Content-Type": "text/csv; charset=utf-8"}
    )
    assert read(loaded) == {"changed": 1, "unchanged": 0}


async def test_a_wrong_file_is_refused_with_its_lines(caller: Caller) -> None:
    answer = await caller.post("add_opt_outs", "opt-outs/add", raw=b"recipient\nx\n", headers=CSV)
    assert error_of(answer)[:2] == (400, "InvalidCsv")
    assert [one["target"] for one in read(answer)["error"]["details"]] == ["line 2"]


@pytest.mark.parametrize("action", ["check", "remove"])
async def test_a_file_is_taken_only_where_it_makes_sense(caller: Caller, action: str) -> None:
    answer = await caller.post(f"{action}_opt_outs", f"opt-outs/{action}", raw=b"recipient\n", headers=CSV)
    assert error_of(answer)[:2] == (415, "UnsupportedMediaType")


async def test_an_upload_of_another_kind_is_told_what_is_taken(caller: Caller) -> None:
    answer = await caller.post("add_opt_outs", "opt-outs/add", raw=b"x", headers={"Content-Type": "text/plain"})
    assert error_of(answer)[:2] == (415, "UnsupportedMediaType")
    assert "text/csv" in read(answer)["error"]["message"]


async def test_conversations_and_their_messages_are_listed(caller: Caller) -> None:
    await caller.world.send(ANN, text="one")
    await caller.world.send(BOB, text="two")
    caller.world.clock.advance(minutes=1)
    await caller.world.receive("three", ANN)
    found = await pages(caller, "list_conversations", "conversations?maxpagesize=1")
    assert [(one["sender"], one["recipient"], one["lastMessage"]["text"]) for one in found] == [
        (TOLL_FREE, ANN, "three"),
        (TOLL_FREE, BOB, "two"),
    ]
    ann = found[0]["id"]
    messages = await pages(caller, "list_conversation_messages", f"conversations/{ann}/messages?maxpagesize=1", id=ann)
    assert [(one["text"], one["direction"]) for one in messages] == [("three", "inbound"), ("one", "outbound")]


@pytest.mark.parametrize("id", ["x", "' or 1 eq 1", "0" * 32])
async def test_an_unknown_conversation_is_not_found(caller: Caller, id: str) -> None:  # noqa: A002 - the route's own name
    answer = await caller.get("list_conversation_messages", "conversations/x/messages", route={"id": id})
    assert error_of(answer) == (404, "ConversationNotFound", "id")


async def test_analytics_are_counted_by_bucket_and_in_all(caller: Caller) -> None:
    await caller.world.send(ANN, BOB, tag="news")
    await caller.world.services.delivery_reports.receive(caller.world.report(ANN))
    url = "analytics?from=2026-03-01T00:00:00Z&to=2026-03-03T00:00:00Z&interval=hour&groupBy=tag"
    answer = read(await caller.get("get_analytics", url))
    counts = {
        "sent": 2,
        "delivered": 1,
        "failed": 0,
        "unknown": 0,
        "suppressed": 0,
        "inbound": 0,
        "optOuts": 0,
        "optIns": 0,
        "segments": 2,
        "leaks": 0,
        "accepted": 2,
        "canceled": 0,
        "expired": 0,
        "responses": 0,
        "confirms": 0,
        "cancels": 0,
        "helps": 0,
        "cost": "0",
        "unpricedSegments": 2,
        "msToCarrier": {"p50": 0, "p95": 0, "p99": 0},
        "msToReport": {"p50": 0, "p95": 0, "p99": 0},
        "deliveryRate": 0.5,
        "responseRate": 0.0,
        "optOutRate": 0.0,
    }
    assert answer == {
        "from": "2026-03-01T00:00:00.000Z",
        "to": "2026-03-03T00:00:00.000Z",
        "interval": "hour",
        "groupBy": "tag",
        "value": [{**counts, "start": "2026-03-02T12:00:00.000Z", "group": "news"}],
        "totals": counts,
        "hoursOfDay": [{"hour": 12, "sent": 2, "inbound": 0}],
    }


async def test_analytics_come_as_csv_too(caller: Caller) -> None:
    await caller.world.send(ANN, tag="=1+1")
    url = "analytics?from=2026-03-01T00:00:00Z&to=2026-03-03T00:00:00Z&groupBy=tag&format=csv"
    answer = await caller.get("get_analytics", url)
    heads, row = csv.reader(io.StringIO(answer.get_body().decode()))
    assert answer.mimetype == "text/csv"
    shown = dict(zip(heads, row, strict=True))
    assert (shown["start"], shown["group"], shown["sent"]) == ("2026-03-02T00:00:00.000Z", "'=1+1", "1")


@pytest.mark.parametrize(
    ("query", "code", "target"),
    [
        ("", "InvalidRequest", None),
        ("from=2026-03-01T00:00:00Z", "MissingField", "to"),
        ("from=2026-03-01T00:00:00&to=2026-03-02T00:00:00Z", "InvalidValue", "from"),
        ("from=2026-03-01T00:00:00Z&to=yesterday", "InvalidValue", "to"),
        ("from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z", "InvalidTimeRange", "to"),
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "InvalidTimeRange", "to"),
        ("from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z&interval=hour", "InvalidTimeRange", "to"),
        ("from=2024-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "InvalidTimeRange", "to"),
        ("from=0001-01-01T00:00:00%2B14:00&to=2000-02-01T00:00:00Z", "TimeOutOfRange", "from"),
        ("from=2999-12-01T00:00:00Z&to=9999-12-31T23:59:59-14:00", "TimeOutOfRange", "to"),
        ("from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&interval=week", "InvalidValue", "interval"),
        ("from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&groupBy=text", "InvalidValue", "groupBy"),
    ],
)
async def test_a_wrong_time_range_is_refused_by_name(caller: Caller, query: str, code: str, target: str | None) -> None:
    assert error_of(await caller.get("get_analytics", f"analytics?{query}")) == (400, code, target)


async def test_health_is_ready_when_all_answers(caller: Caller) -> None:
    answer = await caller.get("health", "health")
    assert answer.status_code == 200
    assert read(answer) == {
        "status": "ready",
        "checks": [{"name": "storage", "status": "ready"}, {"name": "carrier", "status": "ready"}],
    }


async def test_health_names_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = World()
    world = World(on_tables=FaultyTables(plain.tables, Fault(0, "before", StorageUnavailable("Storage is down."))))
    world.carrier.answers_probe = False
    with calling(world, monkeypatch) as caller:
        answer = await caller.get("health", "health")
    assert error_of(answer) == (503, "NotReady", None)
    details = read(answer)["error"]["details"]
    assert [(one["code"], one["target"]) for one in details] == [
        ("StorageUnavailable", "storage"),
        ("CarrierUnavailable", "carrier"),
    ]
