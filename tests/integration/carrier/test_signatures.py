"""The signature check, against the documented scheme and the real SDK."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from azure.communication.sms.aio import SmsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError

from local.carrier.carrier import ACCESS_KEY
from local.carrier.signatures import hash_of, sign
from tests.integration.carrier.harness import PERSON, TOLL_FREE, Stand, sms

PATH = "/sms?api-version=2021-03-07"
OTHER_KEY = base64.b64encode(b"another key altogether").decode()
UNAUTHORIZED = {"error": {"code": "Unauthorized", "message": ""}}


def test_a_computed_vector_gives_its_hash_and_signature() -> None:
    body = (
        b'{"from":"+18005551234","smsRecipients":[{"to":"+14255550123"}],"message":"hi",'
        b'"smsSendOptions":{"enableDeliveryReport":true}}'
    )
    key = base64.b64decode("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    date = "Thu, 10 Aug 2023 12:39:55 GMT"
    assert hash_of(body) == "UW3smgu6lqMym4uDLEdw8Mn0yu28I5r0qe6vq7dPpCY="
    signature = sign(key, "POST", PATH, date, "127.0.0.1:7311", hash_of(body))
    assert signature == "fJJogKPvC7VxXmzVhgH8KS+dZjriXXpAWujXeS4gkEM="


async def test_the_sdk_with_the_right_key_is_let_in(stand: Stand) -> None:
    async with stand.sdk() as client:
        (result,) = await client.send(TOLL_FREE, PERSON, "Grüße 你好 😀")
    assert result.successful


async def test_the_sdk_with_another_key_is_refused(stand: Stand) -> None:
    async with SmsClient(stand.url, AzureKeyCredential(OTHER_KEY)) as client:
        with pytest.raises(ClientAuthenticationError):
            await client.send(TOLL_FREE, PERSON, "Hello")


async def test_a_refusal_has_the_body_that_the_service_gives(stand: Stand) -> None:
    body = json.dumps(sms(PERSON)).encode()
    reply = await stand.raw("POST", PATH, body, stand.signature("POST", PATH, body, key=OTHER_KEY))
    assert (reply.status, reply.body) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_date_more_than_five_minutes_off_is_refused(stand: Stand, minutes: int) -> None:
    body = json.dumps(sms(PERSON)).encode()
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert (await stand.raw("POST", PATH, body, stand.signature("POST", PATH, body, at=at))).status == 401


@pytest.mark.parametrize("minutes", [-4, 4])
async def test_a_date_within_five_minutes_is_let_in(stand: Stand, minutes: int) -> None:
    body = json.dumps(sms(PERSON)).encode()
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert (await stand.raw("POST", PATH, body, stand.signature("POST", PATH, body, at=at))).status == 202


async def test_a_changed_body_is_refused(stand: Stand) -> None:
    headers = stand.signature("POST", PATH, json.dumps(sms(PERSON, text="one")).encode())
    reply = await stand.raw("POST", PATH, json.dumps(sms(PERSON, text="two")).encode(), headers)
    assert reply.status == 401


async def test_a_signature_for_another_path_is_refused(stand: Stand) -> None:
    body = json.dumps(sms(PERSON)).encode()
    headers = stand.signature("POST", "/sms?api-version=2022-07-07", body)
    assert (await stand.raw("POST", PATH, body, headers)).status == 401


@pytest.mark.parametrize("header", ["x-ms-date", "x-ms-content-sha256", "Authorization"])
async def test_a_missing_header_is_refused(stand: Stand, header: str) -> None:
    body = json.dumps(sms(PERSON)).encode()
    headers = stand.signature("POST", PATH, body)
    del headers[header]
    assert (await stand.raw("POST", PATH, body, headers)).status == 401


async def test_a_bearer_token_is_refused(stand: Stand) -> None:
    reply = await stand.signed("POST", PATH, b"{}", Authorization="Bearer abc")
    assert reply.status == 401


async def test_the_same_signature_may_come_again_as_sdks_repeat_it_on_retries(stand: Stand) -> None:
    body = json.dumps(sms(PERSON)).encode()
    headers = stand.signature("POST", PATH, body)
    statuses = [(await stand.raw("POST", PATH, body, headers)).status for _ in range(3)]
    assert statuses == [202, 202, 202]


async def test_the_hash_is_of_the_bytes_received_so_raw_utf_8_is_fine(stand: Stand) -> None:
    body = json.dumps(sms(PERSON, text="héllo 😀"), ensure_ascii=False).encode()
    assert (await stand.signed("POST", PATH, body)).status == 202
    (message,) = await stand.values("/messages")
    assert message["text"] == "héllo 😀"


async def test_lax_authentication_lets_unsigned_requests_in(stand: Stand) -> None:
    await stand.trouble(authentication="lax")
    assert (await stand.call("POST", PATH, sms(PERSON))).status == 202


async def test_the_access_key_is_the_one_in_the_connection_string(stand: Stand) -> None:
    overview = await stand.get("")
    assert overview["connectionString"] == f"endpoint={stand.url}/;accesskey={ACCESS_KEY}"
