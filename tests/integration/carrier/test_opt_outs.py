"""Opt-outs: the network's, the service's list, and the keyword rules of each kind of sender."""

from __future__ import annotations

import json

import pytest

from local.carrier.opt_outs import START_REPLY, STOP_REPLY, Action, action_of
from local.carrier.senders import OptOutHandler, Sender, SenderType, parse_sender
from tests.integration.carrier.harness import PERSON, SHORT_CODE, TOLL_FREE, Json, Stand, running

API = "api-version=2026-01-23"


async def end_of(stand: Stand, sender: str = TOLL_FREE) -> str:
    """Send a text and return the details of its report."""
    await stand.trouble(reportDelayMs=0)
    (item,) = await stand.send(PERSON, sender=sender)
    assert item["httpStatusCode"] == 202
    details: str = (await stand.reported(item["messageId"]))["deliveryStatusDetails"]
    return details


async def thread(stand: Stand) -> list[Json]:
    """Return the texts on the person's handset."""
    messages: list[Json] = (await stand.get("/handsets"))["handsets"][0]["messages"]
    return messages


async def operate(stand: Stand, action: str, *recipients: str, sender: str = TOLL_FREE) -> list[Json]:
    """Call an opt-out operation and return its items."""
    body = {"from": sender, "recipients": [{"to": one} for one in recipients]}
    reply = await stand.signed("POST", f"/sms/optouts:{action}?{API}", _encoded(body))
    assert reply.status == 200, reply.body
    items: list[Json] = reply.body["value"]
    return items


def _encoded(body: object) -> bytes:
    return json.dumps(body).encode()


async def test_the_network_answers_stop_on_the_handset_and_blocks(stand: Stand) -> None:
    await stand.inbound(" stop ")
    asked, answered = await thread(stand)
    assert (asked["direction"], asked["state"]) == ("fromHandset", "received")
    assert (answered["direction"], answered["network"], answered["text"]) == ("toHandset", True, STOP_REPLY)
    assert await stand.values("/messages") == []
    assert await end_of(stand) == "4007: Sender blocked for given recipient."


@pytest.mark.parametrize("word", ["START", "unstop"])
async def test_the_network_lifts_its_block_when_the_person_asks(stand: Stand, word: str) -> None:
    await stand.inbound("STOP")
    await stand.inbound(word)
    assert (await thread(stand))[-1]["text"] == START_REPLY
    assert await end_of(stand) == "2000: No Error"


async def test_the_replies_are_the_default_texts() -> None:
    assert STOP_REPLY.endswith("unsubscribed to messages from this number. Reply START to resubscribe")
    assert START_REPLY.endswith("re-subscribed to messages from this number. Reply STOP to unsubscribe")


@pytest.mark.parametrize("word", ["UNSUBSCRIBE", "CANCEL", "END", "QUIT", "STOPALL", "STOP.", "please stop", "HELP"])
async def test_the_network_acts_on_stop_alone(stand: Stand, word: str) -> None:
    await stand.inbound(word)
    assert len(await thread(stand)) == 1
    assert await end_of(stand) == "2000: No Error"


@pytest.mark.parametrize("word", ["STOP", "START", "Hello"])
async def test_every_text_is_relayed_as_an_event(stand: Stand, word: str) -> None:
    answer = await stand.inbound(word)
    (record,) = await stand.values("/events")
    assert record["event"]["data"]["message"] == word
    assert record["event"]["id"] == answer["eventId"]


async def test_a_block_holds_for_one_sender_only(stand: Stand) -> None:
    await stand.inbound("STOP")
    assert await end_of(stand, sender=SHORT_CODE) == "2000: No Error"


async def test_nobody_handles_stop_to_the_short_code(stand: Stand) -> None:
    await stand.inbound("STOP", sender=SHORT_CODE)
    assert len(await thread(stand)) == 1
    assert await end_of(stand, sender=SHORT_CODE) == "2000: No Error"


async def test_opt_outs_can_be_switched_off(stand: Stand) -> None:
    await stand.trouble(optOutMode="off")
    await stand.inbound("STOP")
    assert len(await thread(stand)) == 1
    assert await end_of(stand) == "2000: No Error"


MANAGED = Sender("67890", SenderType.SHORT_CODE, OptOutHandler.SERVICE)


@pytest.mark.parametrize("word", ["stop", "Quit", "END", "revoke", "opt out", "CANCEL", "unsubscribe"])
def test_the_service_knows_more_words_for_a_short_code_that_it_manages(word: str) -> None:
    assert action_of(MANAGED, word) is Action.STOP


def test_the_service_relays_help_without_acting_on_it() -> None:
    assert action_of(MANAGED, "HELP") is None


async def test_the_list_can_be_added_to_checked_and_removed_from(stand: Stand) -> None:
    assert await operate(stand, "check", PERSON) == [{"to": PERSON, "httpStatusCode": 200, "isOptedOut": False}]
    assert await operate(stand, "add", PERSON) == [{"to": PERSON, "httpStatusCode": 200}]
    assert (await operate(stand, "check", PERSON))[0]["isOptedOut"] is True
    assert (await end_of(stand)).startswith("4007")
    assert await operate(stand, "remove", PERSON) == [{"to": PERSON, "httpStatusCode": 200}]
    assert await end_of(stand) == "2000: No Error"


async def test_stop_puts_the_pair_on_the_list(stand: Stand) -> None:
    await stand.inbound("STOP")
    assert (await operate(stand, "check", PERSON))[0]["isOptedOut"] is True


async def test_removing_from_the_list_does_not_lift_the_block_of_the_network(stand: Stand) -> None:
    await stand.inbound("STOP")
    await operate(stand, "remove", PERSON)
    assert (await operate(stand, "check", PERSON))[0]["isOptedOut"] is False
    assert (await end_of(stand)).startswith("4007")


async def test_a_bad_recipient_is_refused_alone(stand: Stand) -> None:
    bad, good = await operate(stand, "add", "+123", PERSON)
    message = "Invalid recipient phone number format"
    assert bad == {"to": "+123", "httpStatusCode": 400, "errorMessage": message}
    assert good["httpStatusCode"] == 200


@pytest.mark.parametrize("action", ["add", "remove", "check"])
async def test_an_operation_needs_a_signature_an_owned_sender_and_recipients(stand: Stand, action: str) -> None:
    path = f"/sms/optouts:{action}?{API}"
    valid = {"from": TOLL_FREE, "recipients": [{"to": PERSON}]}
    assert (await stand.call("POST", path, valid)).status == 401
    assert (await stand.signed("POST", path, _encoded({**valid, "from": "FABRIKAM"}))).status == 401
    assert (await stand.signed("POST", path, _encoded({**valid, "recipients": []}))).status == 400
    many = [{"to": PERSON}] * 101
    assert (await stand.signed("POST", path, _encoded({**valid, "recipients": many}))).status == 400


async def test_there_is_no_other_operation(stand: Stand) -> None:
    assert (await stand.signed("POST", f"/sms/optouts:list?{API}", b"{}")).status == 404


async def test_the_service_answers_and_lists_for_a_short_code_that_it_manages() -> None:
    async with running(senders=(MANAGED,)) as stand:
        await stand.inbound("Unsubscribe", sender="67890")
        assert [one["text"] for one in await thread(stand)] == ["Unsubscribe", STOP_REPLY]
        assert (await end_of(stand, sender="67890")).startswith("4007")
        await operate(stand, "remove", PERSON, sender="67890")
        assert await end_of(stand, sender="67890") == "2000: No Error"


@pytest.mark.parametrize(
    ("written", "sender"),
    [
        ("67890:shortCode:service", MANAGED),
        ("+18885550111:tollFree:carrier", Sender("+18885550111", SenderType.TOLL_FREE, OptOutHandler.CARRIER)),
        ("FABRIKAM:alphanumeric", Sender("FABRIKAM", SenderType.ALPHANUMERIC)),
    ],
)
def test_a_sender_is_read_from_the_command_line(written: str, sender: Sender) -> None:
    assert parse_sender(written) == sender


@pytest.mark.parametrize("written", ["67890", "67890:longCode", "67890:shortCode:me", "+1:tollFree", "1:2:3:4", ""])
def test_a_badly_written_sender_is_refused(written: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is argparse's business
        parse_sender(written)
