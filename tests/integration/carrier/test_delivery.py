"""What becomes of an accepted message: arrival, report, time-outs, and the report that can be asked for."""

from __future__ import annotations

import pytest

from local.carrier.codes import MAGIC, Magic, status_of
from tests.integration.carrier.harness import PERSON, QUICK, Json, Receiver, Stand, sms
from tests.support.waiting import eventually

CODES = [magic for magic in MAGIC.values() if magic.item_status == 202 and magic.reported and not magic.late]
REFUSED = [magic for magic in MAGIC.values() if magic.item_status != 202]
NO_REPORT, LATE, EARLY = "+14255559001", "+14255559002", "+14255559003"


def number(magic: Magic) -> str:
    """Return a recipient with this magic."""
    return f"+1425555{magic.suffix}"


async def bubble(stand: Stand) -> Json:
    """Return the newest text on the handset with the newest activity."""
    return (await stand.get("/handsets"))["handsets"][0]["messages"][-1]


async def arrived(stand: Stand) -> Json:
    """Return the newest text when it is no longer on its way."""

    async def settled() -> Json:
        newest = await bubble(stand)
        return newest if newest["state"] != "onItsWay" else None

    return await eventually(settled)


@pytest.mark.parametrize("magic", CODES, ids=lambda magic: magic.suffix)
async def test_a_magic_recipient_gets_its_code(subscribed: Stand, receiver: Receiver, magic: Magic) -> None:
    await subscribed.trouble(**QUICK)
    (item,) = await subscribed.send(number(magic), tag="t-1")
    assert item["successful"] is True
    report = (await eventually(receiver.reports))[0]["data"]
    assert report["messageId"] == item["messageId"]
    assert report["deliveryStatus"] == status_of(magic.code)
    assert report["deliveryStatusDetails"] == (magic.details or report["deliveryStatusDetails"])
    assert magic.details or report["deliveryStatusDetails"].startswith(f"{magic.code}: ")
    assert report["Tag"] == "t-1"
    (message,) = await subscribed.values("/messages")
    assert (message["deliveryStatus"], message["deliveryCode"]) == (status_of(magic.code), magic.code)
    assert (await bubble(subscribed))["code"] == magic.code


@pytest.mark.parametrize("magic", REFUSED, ids=lambda magic: magic.suffix)
async def test_a_magic_recipient_is_refused_in_the_answer(stand: Stand, magic: Magic) -> None:
    body = sms(PERSON, number(magic))
    accepted, refused = (await stand.post_sms(body)).body["value"]
    assert accepted["httpStatusCode"] == 202
    assert refused == {
        "to": number(magic),
        "httpStatusCode": magic.item_status,
        "errorMessage": magic.item_error,
        "successful": False,
    }
    again = (await stand.post_sms(body)).body["value"][1]["httpStatusCode"]
    assert again == (202 if magic.first_time_only else magic.item_status)


async def test_no_report_ever_comes_for_the_magic_recipient(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(**QUICK)
    silent, ordinary = await subscribed.send(NO_REPORT, PERSON)
    (report,) = await eventually(receiver.reports)
    assert report["data"]["messageId"] == ordinary["messageId"]
    path = f"/deliveryReports/{silent['messageId']}?api-version=2026-01-23"
    assert (await subscribed.signed("GET", path)).status == 404
    (message,) = await subscribed.values(f"/messages?to={NO_REPORT}")
    assert (message["deliveryStatus"], message["reportedAt"]) == (None, None)


async def test_no_report_becomes_5002_when_the_request_sets_a_timeout(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(timeScale=1000)
    await subscribed.send(NO_REPORT, deliveryReportTimeoutInSeconds=60)
    (report,) = await eventually(receiver.reports)
    assert report["data"]["deliveryStatus"] == "Failed"
    assert report["data"]["deliveryStatusDetails"] == "5002: Message Delivery Timeout"


async def test_a_report_in_time_is_not_touched_by_the_timeout(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(**QUICK)
    await subscribed.send(PERSON, deliveryReportTimeoutInSeconds=60)
    (report,) = await eventually(receiver.reports)
    assert report["data"]["deliveryStatus"] == "Delivered"


async def test_a_late_report_comes_after_a_later_message_is_reported(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(timeScale=100, lateReportSeconds=60)
    (late,) = await subscribed.send(LATE)
    (prompt,) = await subscribed.send(PERSON)
    await eventually(lambda: len(receiver.reports()) == 2)
    order = [report["data"]["messageId"] for report in receiver.reports()]
    assert order == [prompt["messageId"], late["messageId"]]


async def test_late_reports_can_strike_every_message(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(lateReports=1, lateReportSeconds=3600, reportDelayMs=0)
    await subscribed.send(PERSON)
    assert (await arrived(subscribed))["state"] == "delivered"
    assert receiver.reports() == []
    await subscribed.trouble(timeScale=100_000)
    await eventually(receiver.reports)


async def test_a_report_can_come_before_the_answer(subscribed: Stand, receiver: Receiver) -> None:
    (item,) = await subscribed.send(EARLY)
    (report,) = receiver.reports()
    assert report["data"]["messageId"] == item["messageId"]


async def test_a_lost_report_raises_no_event_but_can_be_asked_for(stand: Stand) -> None:
    await stand.trouble(lostReports=1, reportDelayMs=0)
    (item,) = await stand.send(PERSON)
    assert (await stand.reported(item["messageId"]))["deliveryStatus"] == "Delivered"
    assert await stand.values("/events") == []
    (message,) = await stand.values("/messages")
    assert (message["deliveryStatus"], message["reportedAt"]) == ("Delivered", None)
    assert (await bubble(stand))["state"] == "noReport"


async def test_a_report_is_sent_only_when_asked_for(stand: Stand) -> None:
    await stand.trouble(reportDelayMs=0)
    await stand.send(PERSON, enableDeliveryReport=False)
    assert (await arrived(stand))["state"] == "noReport"
    assert await stand.values("/events") == []


async def test_a_report_comes_after_the_delay_in_force(stand: Stand) -> None:
    await stand.trouble(reportDelayMs=3_600_000)
    await stand.send(PERSON)
    assert (await bubble(stand))["state"] == "onItsWay"
    await stand.trouble(timeScale=100_000)
    assert (await arrived(stand))["state"] == "delivered"


async def test_a_report_that_is_asked_for_has_the_documented_shape(stand: Stand) -> None:
    await stand.trouble(reportDelayMs=0)
    (item,) = await stand.send(PERSON, text="a" * 200, tag="t-2")
    report = await stand.reported(item["messageId"])
    (attempt,) = report.pop("deliveryAttempts")
    assert (attempt["segmentsSucceeded"], attempt["segmentsFailed"]) == (2, 0)
    assert report.pop("receivedTimestamp").endswith("Z")
    assert report == {
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "2000: No Error",
        "tag": "t-2",
        "messageId": item["messageId"],
        "from": "+18005550100",
        "to": PERSON,
    }


async def test_an_unknown_report_is_a_404_with_problem_details(stand: Stand) -> None:
    reply = await stand.signed("GET", "/deliveryReports/nothing?api-version=2026-01-23")
    assert (reply.status, reply.body["title"]) == (404, "Not Found")
    assert (await stand.call("GET", "/deliveryReports/nothing?api-version=2026-01-23")).status == 401


async def test_another_report_can_be_sent_for_a_message(subscribed: Stand, receiver: Receiver) -> None:
    await subscribed.trouble(reportDelayMs=0)
    (item,) = await subscribed.send(PERSON)
    await eventually(receiver.reports)
    command = {"messageId": item["messageId"], "code": "4321"}
    reply = await subscribed.call("POST", "/_carrier/report", command)
    assert reply.status == 202
    first, second = await eventually(lambda: receiver.reports() if len(receiver.reports()) == 2 else None)
    assert first["data"]["messageId"] == second["data"]["messageId"] == item["messageId"]
    assert (first["id"], second["id"]) == (item["messageId"], reply.body["eventId"])
    assert second["data"]["deliveryStatusDetails"].startswith("4321")
    assert (await bubble(subscribed))["state"] == "failed"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ({"messageId": "unknown", "code": "2000"}, 404),
        ({"messageId": "unknown", "code": "two thousand"}, 400),
        ({"messageId": "unknown"}, 400),
    ],
)
async def test_a_report_that_cannot_be_sent_is_an_error(stand: Stand, command: dict[str, str], status: int) -> None:
    assert (await stand.call("POST", "/_carrier/report", command)).status == status
