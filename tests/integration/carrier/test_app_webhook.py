"""The webhook of the application that does not exist, against the app's own client."""

from __future__ import annotations

import time

from shared.edges.clock_manual import ManualClock
from shared.edges.webhook_http import HttpWebhook
from shared.ports.clock import Clock, SystemClock
from shared.ports.webhook import Delivery, Receipt
from shared.rules.signatures import parse_secrets, signature_headers
from tests.integration.carrier.harness import Stand

OTHER = "whsec_" + "b3Ro" * 10
DELIVERY = Delivery("notice-1", '{"type":"Sms.TextReceived","data":{"text":"Grüße"}}')


async def post(stand: Stand, secrets: str = "", clock: Clock | None = None) -> Receipt:
    """Post a notice, signed by the secret that the carrier tells unless others are given."""
    overview = await stand.get("")
    read = parse_secrets(secrets or overview["webhookSecret"])
    webhook = HttpWebhook(overview["webhookUrl"], read, clock=clock or SystemClock(), loopback=True)
    try:
        return await webhook.post(DELIVERY)
    finally:
        await webhook.close()


async def test_a_signed_notice_is_kept(stand: Stand) -> None:
    assert (await post(stand)).status == 204
    assert await stand.values("/posted") == [
        {"id": "notice-1", "notice": {"type": "Sms.TextReceived", "data": {"text": "Grüße"}}}
    ]


async def test_one_of_several_signatures_is_enough(stand: Stand) -> None:
    secret = (await stand.get(""))["webhookSecret"]
    assert (await post(stand, f"{OTHER} {secret}")).status == 204


async def test_a_notice_with_another_secret_or_time_is_refused(stand: Stand) -> None:
    assert (await post(stand, OTHER)).status == 401
    assert (await post(stand, clock=ManualClock())).status == 401
    assert await stand.values("/posted") == []


async def test_a_notice_that_is_no_json_is_refused(stand: Stand) -> None:
    secrets = parse_secrets((await stand.get(""))["webhookSecret"])
    headers = signature_headers(secrets, "notice-1", int(time.time()), b"{")
    assert (await stand.raw("POST", "/webhooks/app", b"{", headers)).status == 400


async def test_a_reset_forgets_what_was_posted(stand: Stand) -> None:
    await post(stand)
    await stand.call("POST", "/_carrier/reset", {})
    assert await stand.values("/posted") == []
