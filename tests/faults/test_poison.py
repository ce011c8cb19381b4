"""Queue messages that cannot be done: they go to poison alone, are shown, and come back with one call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueServiceClient

from devtools.ports import free_ports
from shared.edges.queue_azure import API_VERSION
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.faults.books import books_of, everybody_has_ended, numbers_of
from tests.support.fault_proxy import FaultProxy, doors
from tests.support.waiting import eventually
from tests.support.workers import Api, Json, Stage, api_of, carrier_control, stage

pytestmark = pytest.mark.timeout(400)

_MALFORMED = ("not JSON", "[]", "{}", '{"campaign": "x"}', '{"campaign": "x", "chunk": "0"}', '{"batchRow": 1}')
_NEIGHBOURS = 500
_BROKEN = 300
_SETTINGS = {
    # A message that failed is tried again after a second, not after half a minute.
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
    # So that it is the resending that brings work back, not the timer.
    "AzureWebJobs.release_due.Disabled": "true",
}


async def test_malformed_messages_hurt_no_neighbours_and_all_comes_back(
    tmp_path: Path, seed: int, say: Callable[[str], None]
) -> None:
    port, proxy = free_ports(), FaultProxy()
    with stage(tmp_path, workers=2, table_door=port, settings=_SETTINGS) as parts:
        tables = {"table": f"http://127.0.0.1:{parts.azurite.ports.table}"}
        async with (
            doors(proxy, tables, {"table": port}),
            api_of(parts.workers) as api,
            carrier_control(parts.carrier_url) as carrier,
        ):
            await carrier.trouble(rateLimits=False, timeScale=5)
            await _put_malformed(parts)
            neighbours = await _start(api, 0, _NEIGHBOURS, delay_s=0)
            singles = [await _schedule(api, place) for place in range(10)]
            await everybody_has_ended(api, [neighbours], within_seconds=90)
            for one in singles:
                await eventually(lambda one=one: _is_delivered(api, one), 60)  # type: ignore[misc]  # mypy cannot type a default in a lambda
            await eventually(lambda: _failures(api, 2 * len(_MALFORMED)), 90)

            # Work in order that fails all its tries, because a table does not answer.
            broken = await _start(api, 1, _BROKEN, delay_s=4)
            proxy.broken = "SmsCampaigns"
            failed = await eventually(lambda: _failures(api, 2 * len(_MALFORMED) + _BROKEN // 100), 150)
            proxy.broken = ""
            before = await books_of(api, carrier, [broken])
            assert before.taken == 0

            status, answer = await api.ask("POST", "failures/resend")
            assert (status, answer) == (200, {"resent": len(failed)})
            await everybody_has_ended(api, [broken], within_seconds=60)
            again = await eventually(lambda: _failures(api, 2 * len(_MALFORMED)), 90)
            books = await books_of(api, carrier, [neighbours, broken])
    assert (books.lost, books.twice) == (0, 0), books.doubles
    assert books.states == {"delivered": _NEIGHBOURS + _BROKEN}
    # What cannot be mended fails again, and none of it is lost on the way.
    assert sorted(one["body"] for one in again) == sorted(2 * _MALFORMED)
    say(
        f"{2 * len(_MALFORMED)} malformed messages in poison, {_NEIGHBOURS} texts and {len(singles)} single sends "
        f"beside them unharmed; {len(failed)} failures sent again: {_BROKEN} texts gone, the malformed listed again"
    )


async def _put_malformed(parts: Stage) -> None:
    connection = parts.azurite.connection_string
    async with QueueServiceClient.from_connection_string(connection, api_version=API_VERSION) as service:
        for name in (SENDS_QUEUE, CAMPAIGNS_QUEUE):
            queue = service.get_queue_client(f"sms-{name}", message_encode_policy=TextBase64EncodePolicy())
            with suppress(ResourceExistsError):
                await queue.create_queue()
            for body in _MALFORMED:
                await queue.send_message(body)


async def _start(api: Api, run: int, count: int, delay_s: int) -> str:
    recipients = [{"to": number} for number in numbers_of(run, count)]
    fields = {"sendAt": (datetime.now(UTC) + timedelta(seconds=delay_s)).isoformat()} if delay_s else {}
    return await api.start_campaign(recipients, "Hello", f"run-{run}", **fields)


async def _schedule(api: Api, place: int) -> str:
    at = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    number = numbers_of(9, place + 1)[place]
    status, answer = await api.ask("POST", "messages", {"to": number, "text": "Later", "sendAt": at})
    assert status == 202, answer
    return str(answer["value"][0]["id"])


async def _is_delivered(api: Api, message_id: str) -> bool:
    _, message = await api.ask("GET", f"messages/{message_id}")
    return bool(message["state"] == "delivered")


async def _failures(api: Api, count: int) -> list[Json] | None:
    status, answer = await api.ask("GET", "failures", params={"maxpagesize": "1000"})
    assert status == 200, answer
    return answer["value"] if len(answer["value"]) == count else None
