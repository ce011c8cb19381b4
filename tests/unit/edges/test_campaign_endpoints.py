"""The endpoints of campaigns: what goes in and out, in each form, and every way to get it wrong."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from shared.rules.errors import StorageUnavailable
from shared.services.campaign_rows import MAX_ROWS
from shared.services.work import CAMPAIGNS_QUEUE
from tests.unit.edges.calling import Caller, calling, error_of, read
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, BOB, CAT, SHORT_CODE, TOLL_FREE, World, settings

GOOD: dict[str, Any] = {
    "name": "Spring",
    "from": SHORT_CODE,
    "text": "Hello {{name}}",
    "quietHours": False,
    "recipients": [{"to": ANN, "vars": {"name": "Ann"}}, {"to": BOB, "vars": {"name": "Bob"}}],
}
OPTIONS = {name: value for name, value in GOOD.items() if name != "recipients"}
CSV = f"to,name\n{ANN},Ann\n{BOB},Bob\n".encode()
QUERY = "name=Spring&from=12345&text=Hello%20%7B%7Bname%7D%7D&quietHours=false"
FORM_TYPE = "multipart/form-data; boundary=XYZ"
UNKNOWN = "0" * 32


def form(options: object = OPTIONS, file: bytes = CSV) -> bytes:
    """Return a form of options and file."""
    parts = [(b"application/json", json.dumps(options).encode()), (b"text/csv", file)]
    lines = [b"--XYZ\r\nContent-Type: " + kind + b"\r\n\r\n" + content + b"\r\n" for kind, content in parts]
    return b"".join(lines) + b"--XYZ--\r\n"


async def start(caller: Caller, body: object = GOOD, **headers: str) -> func.HttpResponse:
    """Start a campaign from JSON; headers are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await caller.post("start_campaign", "campaigns?code=secret", body, headers=named)


async def start_csv(caller: Caller, query: str = QUERY, file: bytes = CSV, **headers: str) -> func.HttpResponse:
    """Start a campaign from a CSV file with its options in the query."""
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "text/csv"}
    return await caller.post("start_campaign", f"campaigns?{query}", raw=file, headers=named)


async def start_form(caller: Caller, content: bytes) -> func.HttpResponse:
    """Start a campaign from a form."""
    return await caller.post("start_campaign", "campaigns", raw=content, headers={"Content-Type": FORM_TYPE})


async def shown(caller: Caller, campaign_id: str) -> Any:
    """Return a campaign as it is shown."""
    return read(await caller.get("get_campaign", f"campaigns/{campaign_id}", route={"id": campaign_id}))


async def act(caller: Caller, what: str, campaign_id: str) -> func.HttpResponse:
    """Pause, resume or cancel."""
    return await caller.post(f"{what}_campaign", f"campaigns/{campaign_id}/{what}", route={"id": campaign_id})


async def listed(caller: Caller, campaign_id: str, query: str = "") -> func.HttpResponse:
    """Return the recipients."""
    url = f"campaigns/{campaign_id}/recipients{query}"
    return await caller.get("list_campaign_recipients", url, route={"id": campaign_id})


async def test_a_campaign_is_accepted_with_its_address(caller: Caller) -> None:
    response = await start(caller, GOOD | {"tag": "t", "sendAt": "2030-01-01T10:00:00+02:00"})

    assert response.status_code == 202
    answer = read(response)
    assert response.headers["Operation-Location"] == f"https://app.example/api/campaigns/{answer['id']}"
    del answer["id"], answer["createdAt"]
    assert answer == {
        "name": "Spring",
        "status": "running",
        "from": SHORT_CODE,
        "text": "Hello {{name}}",
        "tag": "t",
        "sendAt": "2030-01-01T08:00:00.000Z",
        "quietHours": False,
        "deliveryReport": True,
        "recipients": 2,
        "duplicates": 0,
        "errorCount": 0,
    }


async def test_json_csv_and_form_send_the_same(world: World, caller: Caller) -> None:
    for response in (await start(caller), await start_csv(caller), await start_form(caller, form())):
        assert response.status_code == 202
    await world.pass_time(minutes=1)

    for person, text in ((ANN, "Hello Ann"), (BOB, "Hello Bob")):
        assert [(one.sender, one.text) for one in world.carrier.sent_to(person)] == [(SHORT_CODE, text)] * 3


async def test_options_of_a_query_are_all_read(caller: Caller) -> None:
    query = "name=N&text=Hi&tag=t&sendAt=2030-01-01T10:00:00Z&notAfter=2030-01-01T11:00:00%2B00:00&deliveryReport=false"

    answer = read(await start_csv(caller, query))

    names = ("name", "from", "text", "tag", "sendAt", "notAfter", "quietHours", "deliveryReport")
    assert [answer[name] for name in names] == [
        "N",
        TOLL_FREE,
        "Hi",
        "t",
        "2030-01-01T10:00:00.000Z",
        "2030-01-01T11:00:00.000Z",
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("change", "code", "target"),
    [
        ({"name": ""}, "TooShort", "name"),
        ({"name": "x" * 129}, "TooLong", "name"),
        ({"text": ""}, "TooShort", "text"),
        ({"text": "x" * 2049}, "TooLong", "text"),
        ({"from": "+18005550199"}, "UnknownSender", "from"),
        ({"sendAt": "2030-01-01T10:00:00"}, "InvalidValue", "sendAt"),
        ({"sendAt": 1893492000}, "InvalidValue", "sendAt"),
        ({"sendAt": "9999-01-01T10:00:00Z"}, "TimeOutOfRange", "sendAt"),
        ({"quietHours": "no"}, "InvalidValue", "quietHours"),
        ({"recipients": []}, "TooFew", "recipients"),
        ({"recipients": [{"vars": {}}]}, "MissingField", "recipients[0].to"),
        ({"recipients": [{"to": ANN, "vars": {"name": 1}}]}, "InvalidValue", "recipients[0].vars.name"),
        ({"recipients": [{"to": ANN, "name": "Ann"}]}, "UnknownField", "recipients[0].name"),
        ({"to": ANN}, "UnknownField", "to"),
        ({"notAfter": "2001-01-01T00:00:00Z"}, "NotAfterTooEarly", "notAfter"),
        (
            {"sendAt": "2030-01-01T10:00:00Z", "notAfter": "2030-01-01T10:00:00Z"},
            "NotAfterTooEarly",
            "notAfter",
        ),
        ({"recipients": [{"to": "x"}]}, "NoRecipients", None),
    ],
)
async def test_a_wrong_campaign_is_refused_by_name(
    caller: Caller, change: dict[str, object], code: str, target: str | None
) -> None:
    assert error_of(await start(caller, GOOD | change)) == (400, code, target)
    assert read(await caller.get("list_campaigns", "campaigns")) == {"value": []}


@pytest.mark.parametrize(
    ("query", "file", "code", "target"),
    [
        ("text=Hi", CSV, "MissingField", "name"),
        (QUERY + "&to=1", CSV, "UnknownField", "to"),
        (QUERY + "&api-version=1", CSV, "UnsupportedApiVersionValue", "api-version"),
        (QUERY.replace("false", "perhaps"), CSV, "InvalidValue", "quietHours"),
        (QUERY + "&sendAt=2030-01-01T10:00:00+02:00", CSV, "InvalidValue", "sendAt"),
        (QUERY, b"", "EmptyBody", None),
        (QUERY, b"name\nAnn\n", "InvalidCsv", None),
        (QUERY, b"\xff\xfe", "InvalidEncoding", None),
        (QUERY, b"to,name\n" + b"x,y\n" * (MAX_ROWS + 1), "TooMany", None),
    ],
)
async def test_a_wrong_file_is_refused_by_name(
    caller: Caller, query: str, file: bytes, code: str, target: str | None
) -> None:
    assert error_of(await start_csv(caller, query, file)) == (400, code, target)


@pytest.mark.parametrize(
    ("content", "code", "target"),
    [
        (form({"name": "N"}), "MissingField", "text"),
        (form(OPTIONS | {"recipients": []}), "UnknownField", "recipients"),
        (form(OPTIONS | {"quietHours": "false"}), "InvalidValue", "quietHours"),
        (form().replace(b"XYZ--", b"XYZ"), "InvalidForm", None),
        (b"", "EmptyBody", None),
    ],
)
async def test_a_wrong_form_is_refused_by_name(caller: Caller, content: bytes, code: str, target: str | None) -> None:
    assert error_of(await start_form(caller, content)) == (400, code, target)


async def test_a_form_takes_no_options_in_the_query(caller: Caller) -> None:
    headers = {"Content-Type": FORM_TYPE}
    response = await caller.post("start_campaign", "campaigns?name=N", raw=form(), headers=headers)
    assert error_of(response) == (400, "UnknownField", "name")


async def test_another_content_type_is_refused(caller: Caller) -> None:
    response = await caller.post("start_campaign", "campaigns", raw=b"x", headers={"Content-Type": "text/plain"})
    assert error_of(response) == (415, "UnsupportedMediaType", "Content-Type")


async def test_a_campaign_may_have_16_mib_and_no_more(caller: Caller) -> None:
    most = 16 * 1024 * 1024
    row = f"{ANN},{'x' * 1000}\n".encode()
    file = b"to,filler\n" + row * (most // len(row) - 1)
    within = file + b"\n" * (most - len(file))
    query = "name=N&text=Hi"
    assert (await start_csv(caller, query, within)).status_code == 202
    assert error_of(await start_csv(caller, query, within + b"\n")) == (413, "PayloadTooLarge", None)


async def test_other_endpoints_still_take_1_mib(caller: Caller) -> None:
    response = await caller.post("send_message", "messages", raw=b" " * (1024 * 1024 + 1))
    assert error_of(response) == (413, "PayloadTooLarge", None)


async def test_the_same_key_starts_one_campaign(world: World, caller: Caller) -> None:
    first, again = await start(caller, Idempotency_Key="k"), await start(caller, Idempotency_Key="k")
    await world.pass_time(minutes=1)

    assert read(first) == read(again)
    assert len(world.carrier.sent_to(ANN)) == 1
    other = await start(caller, GOOD | {"name": "Other"}, Idempotency_Key="k")
    assert error_of(other) == (409, "IdempotencyKeyReused", "Idempotency-Key")


@pytest.mark.parametrize("change", [{"recipients": GOOD["recipients"][:1]}, {"quietHours": True}, {"from": TOLL_FREE}])
async def test_a_key_belongs_to_the_whole_request(caller: Caller, change: dict[str, object]) -> None:
    await start(caller, Idempotency_Key="k")
    assert error_of(await start(caller, GOOD | change, Idempotency_Key="k"))[0] == 409


async def test_without_a_key_each_request_is_a_campaign(caller: Caller) -> None:
    assert read(await start(caller))["id"] != read(await start(caller))["id"]


async def test_a_key_is_free_again_when_nothing_was_started(caller: Caller) -> None:
    wrong = GOOD | {"recipients": [{"to": "x"}]}
    assert error_of(await start(caller, wrong, Idempotency_Key="k"))[0] == 400
    assert (await start(caller, Idempotency_Key="k")).status_code == 202


async def test_a_campaign_that_storage_interrupted_is_started_by_a_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    fault = Fault(at=3, when="before", error=StorageUnavailable("Not now."))
    faulty = World(
        tables=world.tables, clock=world.clock, queues=world.queues, on_tables=FaultyTables(world.tables, fault)
    )
    with calling(faulty, monkeypatch) as caller:
        assert error_of(await start(caller, Idempotency_Key="k"))[0] == 503
    with calling(world, monkeypatch) as caller:
        assert (await start(caller, Idempotency_Key="k")).status_code == 202
        assert len(read(await caller.get("list_campaigns", "campaigns"))["value"]) == 1


async def test_a_forecast_tells_and_sends_nothing(world: World, caller: Caller) -> None:
    await caller.post("add_opt_outs", "opt-outs/add", {"recipients": [CAT]})
    people = [{"to": to, "vars": {"name": "’Ann’"}} for to in (ANN, ANN, CAT, "x", BOB)] + [{"to": "+14255550114"}]

    response = await caller.post("forecast_campaign", "campaigns/forecast", GOOD | {"recipients": people})

    assert response.status_code == 200
    answer = read(response)
    now = world.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert answer == {
        "recipients": 2,
        "duplicates": 1,
        "optedOut": 1,
        "notAllowed": 0,
        "inQuietHours": 0,
        "errorCount": 2,
        "errors": [
            {"row": 4, "code": "NotAPhoneNumber", "message": answer["errors"][0]["message"]},
            {"row": 6, "code": "MissingPlaceholder", "message": "The text needs a value for `name`."},
        ],
        "segments": {
            "total": 2,
            "avoidable": 0,
            "byEncoding": {"GSM-7": {"texts": 0, "segments": 0}, "UCS-2": {"texts": 2, "segments": 2}},
            "characters": [{"character": "’", "inTemplate": False, "texts": 2, "segments": 0, "instead": "'"}],
        },
        "cost": {"amount": "0", "unpricedSegments": 2},
        "pacePerMinute": 6000,
        "startsAt": now,
        "endsAt": answer["endsAt"],
        "durationSeconds": answer["durationSeconds"],
    }
    assert read(await caller.get("list_campaigns", "campaigns")) == {"value": []}
    await world.pass_time(minutes=1)
    assert world.carrier.requests == []


async def test_a_forecast_of_a_file_is_the_same(caller: Caller) -> None:
    of_json = await caller.post("forecast_campaign", "campaigns/forecast", GOOD)
    of_csv = await caller.post(
        "forecast_campaign", f"campaigns/forecast?{QUERY}", raw=CSV, headers={"Content-Type": "text/csv"}
    )
    assert read(of_csv) == read(of_json)


async def test_progress_is_told_from_beginning_to_end(world: World, caller: Caller) -> None:
    people = [{"to": to, "vars": {"name": "you"}} for to in (ANN, ANN, BOB, "x")]
    campaign_id = read(await start(caller, GOOD | {"recipients": people}))["id"]

    before = await shown(caller, campaign_id)
    assert (before["counts"], before["progress"], before["pacePerMinute"]) == ({"queued": 2}, 0.0, 6000)
    assert before["estimatedEndAt"] >= before["createdAt"]
    assert (before["recipients"], before["duplicates"], before["errorCount"]) == (2, 1, 1)
    assert [(one["row"], one["code"]) for one in before["errors"]] == [(4, "NotAPhoneNumber")]

    await world.pass_time(minutes=1)
    after = await shown(caller, campaign_id)
    assert (after["status"], after["counts"], after["progress"]) == ("done", {"sent": 2}, 1.0)
    assert "estimatedEndAt" not in after


async def test_a_campaign_whose_sender_is_gone_is_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    with calling(world, monkeypatch) as caller:
        campaign_id = read(await start(caller))["id"]
    fewer = json.dumps([{"sender": TOLL_FREE, "type": "tollFree"}])
    later = World(settings=settings(SMS_SENDERS=fewer), tables=world.tables, clock=world.clock, queues=world.queues)
    with calling(later, monkeypatch) as caller:
        answer = await shown(caller, campaign_id)
    assert (answer["from"], "pacePerMinute" in answer, "estimatedEndAt" in answer) == (SHORT_CODE, False, False)


async def test_a_recipient_that_waits_is_shown_and_canceled_by_its_id(world: World, caller: Caller) -> None:
    campaign_id = read(await start(caller, GOOD | {"sendAt": "2030-01-01T10:00:00Z"}))["id"]
    message_id = read(await listed(caller, campaign_id))["value"][0]["id"]

    async def ask(name: str, method: str) -> Any:
        return read(await caller.http(name, method, f"messages/{message_id}", route={"id": message_id}))

    assert (await ask("get_message", "GET"))["state"] == "scheduled"
    canceled = await ask("cancel_message", "DELETE")
    assert (canceled["state"], canceled["reason"]["code"]) == ("canceled", "canceled")
    assert await ask("cancel_message", "DELETE") == canceled == await ask("get_message", "GET")
    assert (await shown(caller, campaign_id))["counts"]["canceled"] == 1
    assert len(world.carrier.requests) == 0


async def test_pause_holds_resume_goes_on_and_cancel_ends(world: World, caller: Caller) -> None:
    people = [{"to": f"+1425555{number:04d}"} for number in range(350)]
    body = GOOD | {"from": TOLL_FREE, "text": "Hi", "recipients": people}
    campaign_id = read(await start(caller, body))["id"]
    assert (await shown(caller, campaign_id))["estimatedEndAt"] > (await shown(caller, campaign_id))["createdAt"]

    await do_one_chunk(world)
    paused = await act(caller, "pause", campaign_id)
    assert (paused.status_code, read(paused)["status"]) == (200, "paused")
    answer = await shown(caller, campaign_id)
    gone = answer["counts"]["sent"]
    assert 0 < gone <= 100
    assert (answer["progress"], "estimatedEndAt" in answer) == (round(gone / 350, 4), False)
    await world.pass_time(minutes=10)
    assert (await shown(caller, campaign_id))["counts"] == {"queued": 350 - gone, "sent": gone}

    assert read(await act(caller, "resume", campaign_id))["status"] == "running"
    await do_one_chunk(world)
    more = (await shown(caller, campaign_id))["counts"]["sent"]
    assert gone < more <= 200

    assert read(await act(caller, "cancel", campaign_id))["status"] == "canceled"
    await world.pass_time(minutes=10)
    answer = await shown(caller, campaign_id)
    assert (answer["status"], answer["progress"]) == ("canceled", 1.0)
    assert answer["counts"] == {"canceled": 350 - more, "sent": more}
    assert sum(len(request.addressees) for request in world.carrier.requests) == more
    assert read(await act(caller, "resume", campaign_id))["status"] == "canceled"


async def do_one_chunk(world: World) -> None:
    """Let the host do the first message of the queue."""
    queue = world.queues.queue(CAMPAIGNS_QUEUE)
    taken = queue.take(world.clock.now())
    assert taken
    await world.services.work.send_chunk(taken.body)
    queue.done(taken)


async def test_a_campaign_waits_for_its_time_however_far(world: World, caller: Caller) -> None:
    at = (world.clock.now() + timedelta(days=30)).isoformat()
    campaign_id = read(await start(caller, GOOD | {"sendAt": at}))["id"]
    assert (await shown(caller, campaign_id))["counts"] == {"scheduled": 2}

    world.clock.time += timedelta(days=29, hours=23, minutes=50)
    await world.pass_time(minutes=9)
    assert world.carrier.requests == []
    await world.pass_time(minutes=2)
    assert (await shown(caller, campaign_id))["counts"] == {"sent": 2}


async def test_recipients_come_in_pages_and_by_state(world: World, caller: Caller) -> None:
    await caller.post("add_opt_outs", "opt-outs/add", {"recipients": [BOB]})
    people = [{"to": to} for to in (ANN, BOB, CAT)]
    campaign_id = read(await start(caller, GOOD | {"text": "Hi", "recipients": people}))["id"]
    await world.pass_time(minutes=1)

    found, query = [], "?maxpagesize=2"
    while query:
        page = read(await listed(caller, campaign_id, query))
        assert len(page["value"]) <= 2
        found += page["value"]
        query = page.get("nextLink", "").partition("/recipients")[2]

    assert sorted((one["row"], one["to"], one["state"], one.get("reason")) for one in found) == [
        (1, ANN, "sent", None),
        (2, BOB, "suppressed", "optedOut"),
        (3, CAT, "sent", None),
    ]
    of_bob = read(await listed(caller, campaign_id, "?state=suppressed"))["value"]
    assert [one["to"] for one in of_bob] == [BOB]
    message = await caller.get("get_message", "messages/x", route={"id": of_bob[0]["id"]})
    assert read(message)["to"] == BOB


async def test_pages_go_through_many_chunks_and_miss_nobody(caller: Caller) -> None:
    numbers = [f"+1425{number:07d}" for number in range(5550000, 5551250)]
    campaign_id = read(await start(caller, GOOD | {"text": "Hi", "recipients": [{"to": to} for to in numbers]}))["id"]

    found: list[str] = []
    query = "?maxpagesize=300"
    while query:
        page = read(await listed(caller, campaign_id, query))
        found += [one["to"] for one in page["value"]]
        query = page.get("nextLink", "").partition("/recipients")[2]

    assert sorted(found) == numbers


async def test_the_whole_list_is_one_file_that_no_spreadsheet_runs(world: World, caller: Caller) -> None:
    campaign_id = read(await start(caller))["id"]
    await world.pass_time(minutes=1)

    response = await listed(caller, campaign_id, "?format=csv")

    assert (response.mimetype, response.headers["Content-Disposition"]) == (
        "text/csv",
        'attachment; filename="recipients.csv"',
    )
    header, *rows = csv.reader(io.StringIO(response.get_body().decode()))
    assert header == ["row", "to", "state", "reason", "choice", "id"]
    assert [row[:4] for row in rows] == [["1", f"'{ANN}", "sent", ""], ["2", f"'{BOB}", "sent", ""]]


@pytest.mark.parametrize(
    ("query", "code", "target"),
    [
        ("?skipToken=x", "InvalidSkipToken", "skipToken"),
        ("?state=lost", "InvalidValue", "state"),
        ("?format=xml", "InvalidValue", "format"),
    ],
)
async def test_a_wrong_query_of_recipients_is_refused(caller: Caller, query: str, code: str, target: str) -> None:
    campaign_id = read(await start(caller))["id"]
    assert error_of(await listed(caller, campaign_id, query)) == (400, code, target)


async def test_campaigns_are_listed_the_newest_first(world: World, caller: Caller) -> None:
    for name in ("first", "second", "third"):
        await start(caller, GOOD | {"name": name})
        world.clock.time += timedelta(seconds=1)

    page = read(await caller.get("list_campaigns", "campaigns?maxpagesize=2"))
    rest = read(await caller.get("list_campaigns", page["nextLink"].partition("/api/")[2]))

    assert [one["name"] for one in page["value"] + rest["value"]] == ["third", "second", "first"]


@pytest.mark.parametrize("name", ["forecast", "Forecast"])
async def test_a_method_of_campaigns_is_not_one_of_the_forecast(caller: Caller, name: str) -> None:
    answer = await caller.get("get_campaign", f"campaigns/{name}", route={"id": name})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("campaign_id", [UNKNOWN, "a/b", "campaign", "X" * 600])
async def test_an_unknown_campaign_is_not_found(caller: Caller, campaign_id: str) -> None:
    expected = (404, "CampaignNotFound", "id")
    for name in ("pause", "resume", "cancel"):
        assert error_of(await act(caller, name, campaign_id)) == expected
    assert error_of(await listed(caller, campaign_id)) == expected
    assert error_of(await caller.get("get_campaign", "campaigns/x", route={"id": campaign_id})) == expected
