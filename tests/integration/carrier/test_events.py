"""The shapes of the two events."""

from __future__ import annotations

import re

import pytest

from tests.integration.carrier.harness import PERSON, SHORT_CODE, TOLL_FREE, Json, Stand
from tests.support.waiting import eventually

TICKS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def text_event(stand: Stand, **switches: object) -> Json:
    """Return the event of an inbound text."""
    await stand.trouble(**switches)
    await stand.inbound("Hi " + "a" * 200)
    return (await stand.values("/events"))[-1]["event"]


async def report_of(stand: Stand, **switches: object) -> Json:
    """Return the event of a delivery report."""
    await stand.trouble(reportDelayMs=0, **switches)
    await stand.send(PERSON, tag="t-3")

    async def last_event() -> Json:
        events = await stand.values("/events")
        return events[-1]["event"] if events else None

    return await eventually(last_event)


async def test_an_inbound_text_in_the_event_grid_schema(stand: Stand) -> None:
    event = await text_event(stand)
    data = event.pop("data")
    assert SECONDS.fullmatch(event.pop("eventTime"))
    assert event.pop("topic").endswith("/providers/microsoft.communication/communicationservices/carrier")
    assert event == {
        "id": data["messageId"],
        "subject": "/phonenumber/18005550100",
        "eventType": "Microsoft.Communication.SMSReceived",
        "dataVersion": "1.0",
        "metadataVersion": "1",
    }
    assert TICKS.fullmatch(data.pop("receivedTimestamp"))
    del data["messageId"]
    assert data == {
        "from": "14255550123",
        "to": "18005550100",
        "message": "Hi " + "a" * 200,
        "segmentCount": 2,
    }


async def test_a_report_in_the_event_grid_schema_has_the_mixed_casing_of_the_newest_sample(stand: Stand) -> None:
    event = await report_of(stand)
    assert event["eventType"] == "Microsoft.Communication.SMSDeliveryReportReceived"
    assert (event["dataVersion"], event["metadataVersion"]) == ("1.0", "1")
    data = event["data"]
    assert event["id"] == data.pop("messageId")
    assert TICKS.fullmatch(data.pop("receivedTimestamp"))
    (attempt,) = data.pop("deliveryAttempts")
    assert TICKS.fullmatch(attempt.pop("timestamp"))
    assert attempt == {"segmentsSucceeded": 1, "segmentsFailed": 0}
    assert data == {
        "from": "18005550100",
        "to": PERSON,
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "2000: No Error",
        "Tag": "t-3",
    }


async def test_cloud_events_have_their_own_envelope_and_the_same_data(stand: Stand) -> None:
    event = await text_event(stand, schema="cloudEvents")
    assert TICKS.fullmatch(event["time"])
    assert event["data"]["message"].startswith("Hi")
    assert set(event) == {"id", "source", "subject", "data", "type", "time", "specversion"}
    assert (event["type"], event["specversion"]) == ("Microsoft.Communication.SMSReceived", "1.0")


async def test_camel_casing_is_camel_throughout(stand: Stand) -> None:
    data = (await report_of(stand, casing="camel"))["data"]
    assert data["tag"] == "t-3"
    assert all(key[0].islower() for key in data)


async def test_pascal_casing_is_pascal_throughout(stand: Stand) -> None:
    data = (await report_of(stand, casing="pascal"))["data"]
    assert all(key[0].isupper() for key in [*data, *data["DeliveryAttempts"][0]])
    assert (data["Tag"], data["DeliveryStatusDetails"]) == ("t-3", "2000: No Error")


async def test_numbers_have_a_plus_when_the_switch_says_so(stand: Stand) -> None:
    text = await text_event(stand, plusInFrom=True)
    assert (text["data"]["from"], text["data"]["to"]) == (PERSON, TOLL_FREE)
    assert (await report_of(stand))["data"]["from"] == TOLL_FREE


async def test_a_short_code_and_a_name_are_written_as_they_are(stand: Stand) -> None:
    await stand.inbound("Hi", sender=SHORT_CODE)
    (record,) = await stand.values("/events")
    assert (record["event"]["data"]["to"], record["event"]["subject"]) == ("12345", "/phonenumber/12345")


async def test_a_report_without_a_tag_has_no_tag(stand: Stand) -> None:
    await stand.trouble(reportDelayMs=0)
    (item,) = await stand.send(PERSON)
    await stand.reported(item["messageId"])
    (record,) = await stand.values("/events")
    assert "Tag" not in record["event"]["data"]


@pytest.mark.parametrize(
    ("style", "pattern"),
    [("prefixed", r"Incoming_\d{14}[0-9a-f-]{36}"), ("prefixedRegion", r"Incoming_\d{14}[0-9a-f-]{36}_noam")],
)
async def test_an_inbound_id_has_the_style_in_force(stand: Stand, style: str, pattern: str) -> None:
    event = await text_event(stand, messageIdStyle=style)
    assert re.fullmatch(pattern, event["id"])
    assert event["id"] == event["data"]["messageId"]
