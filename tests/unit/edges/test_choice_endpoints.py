"""Words by which a text can be answered: how they are asked for, refused and shown."""

from __future__ import annotations

import pytest

from tests.unit.edges.calling import Caller, error_of, read
from tests.unit.services.world import ANN

ASKING = {"to": ANN, "text": "Tomorrow at 9?", "confirmWords": ["C", "YES"], "cancelWords": ["X"]}
FILE = {"Content-Type": "text/csv"}
CSV = f"to\n{ANN}\n".encode()


async def ask(caller: Caller) -> str:
    """Send the reminder, let five minutes pass, and return its id."""
    id_ = str(read(await caller.post("send_message", "messages", ASKING))["value"][0]["id"])
    caller.world.clock.advance(minutes=5)
    return id_


async def test_a_message_shows_its_words_and_what_was_chosen(caller: Caller) -> None:
    id_ = await ask(caller)
    before = await caller.get("get_message", f"messages/{id_}", route={"id": id_})
    shown = read(before)
    assert (shown["confirmWords"], shown["cancelWords"]) == (["C", "YES"], ["X"])
    assert "choice" not in shown
    await caller.world.receive("yes.")
    after = await caller.get("get_message", f"messages/{id_}", route={"id": id_})
    assert (read(after)["choice"], read(after)["chosenAt"]) == ("confirm", "2026-03-02T12:04:59.000Z")
    assert after.headers["ETag"] != before.headers["ETag"]


async def test_an_explanation_says_what_was_chosen_and_when(caller: Caller) -> None:
    id_ = await ask(caller)
    await caller.world.receive("x")
    timeline = read(await caller.get("explain_message", f"messages/{id_}/explain", route={"id": id_}))["timeline"]
    assert timeline[-1] == {"at": "2026-03-02T12:04:59.000Z", "happened": "The person canceled."}


async def test_a_thread_shows_the_choice_on_the_message_that_asked(caller: Caller) -> None:
    id_ = await ask(caller)
    await caller.world.receive("C")
    conversation = id_.partition(".")[0]
    url = f"conversations/{conversation}/messages"
    thread = read(await caller.get("list_conversation_messages", url, route={"id": conversation}))["value"]
    assert [(one["text"], one.get("choice")) for one in thread] == [("C", None), ("Tomorrow at 9?", "confirm")]


async def test_a_message_that_asks_nothing_shows_nothing_of_it(caller: Caller) -> None:
    answer = read(await caller.post("send_message", "messages", {"to": ANN, "text": "Hello"}))
    id_ = answer["value"][0]["id"]
    shown = read(await caller.get("get_message", f"messages/{id_}", route={"id": id_}))
    assert not {"confirmWords", "cancelWords", "choice", "chosenAt"} & shown.keys()


@pytest.mark.parametrize(
    ("words", "code", "target"),
    [
        ({"confirmWords": ["Y", "START"]}, "InvalidChoiceWord", "confirmWords[1]"),
        ({"cancelWords": ["CANCEL"]}, "InvalidChoiceWord", "cancelWords[0]"),
        ({"confirmWords": ["1"], "cancelWords": ["1"]}, "InvalidChoiceWord", "cancelWords[0]"),
        ({"confirmWords": [""]}, "TooShort", "confirmWords[0]"),
        ({"confirmWords": ["x" * 33]}, "TooLong", "confirmWords[0]"),
        ({"confirmWords": [str(number) for number in range(21)]}, "TooMany", "confirmWords"),
        ({"confirmWords": [1]}, "InvalidValue", "confirmWords[0]"),
        ({"confirmWords": {"a": "b"}}, "InvalidValue", "confirmWords"),
    ],
)
async def test_wrong_words_are_refused_by_name_and_nothing_is_sent(
    caller: Caller, words: dict[str, object], code: str, target: str
) -> None:
    asked = {"to": ANN, "text": "Tomorrow?", **words}
    assert error_of(await caller.post("send_message", "messages", asked)) == (400, code, target)
    campaign = {"name": "N", "text": "Tomorrow?", "recipients": [{"to": ANN}], **words}
    assert error_of(await caller.post("start_campaign", "campaigns", campaign)) == (400, code, target)
    assert error_of(await caller.post("forecast_campaign", "campaigns/forecast", campaign)) == (400, code, target)
    await caller.world.pass_time(minutes=1)
    assert caller.world.carrier.sent == []


async def test_a_query_has_the_words_of_a_file_with_commas_between_them(caller: Caller) -> None:
    query = "name=N&text=Tomorrow%3F&quietHours=false&confirmWords=C,%20YES&cancelWords=NO"
    answer = read(await caller.http("start_campaign", "POST", f"campaigns?{query}", raw=CSV, headers=FILE))
    assert (answer["confirmWords"], answer["cancelWords"]) == (["C", "YES"], ["NO"])
    await caller.world.pass_time(minutes=1)
    await caller.world.receive("no")
    url = f"campaigns/{answer['id']}/recipients"
    listed = await caller.get("list_campaign_recipients", url, route={"id": answer["id"]})
    assert [one["choice"] for one in read(listed)["value"]] == ["cancel"]
    file = await caller.get("list_campaign_recipients", f"{url}?format=csv", route={"id": answer["id"]})
    assert file.get_body().decode().splitlines()[1].startswith(f"2,'{ANN},sent,,cancel,")


async def test_the_same_key_with_other_words_is_another_request(caller: Caller) -> None:
    key = {"Idempotency-Key": "k"}
    assert (await caller.post("send_message", "messages", ASKING, headers=key)).status_code == 202
    assert (await caller.post("send_message", "messages", ASKING, headers=key)).status_code == 202
    other = {**ASKING, "confirmWords": ["OK"]}
    assert error_of(await caller.post("send_message", "messages", other, headers=key))[:2] == (
        409,
        "IdempotencyKeyReused",
    )
