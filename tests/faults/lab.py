"""The app in the process of the test, on real storage and a real carrier, with a proxy in between and its own time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import TextBase64DecodePolicy
from azure.storage.queue.aio import QueueServiceClient

from devtools.azurite import ACCOUNT, ACCOUNT_KEY
from shared.composition import Ports, build
from shared.edges.acs import open_carrier
from shared.edges.queue_azure import API_VERSION, AzureQueues, open_queues
from shared.edges.relay_none import NoRelay
from shared.edges.settings import Settings
from shared.edges.tables_azure import AzureTables, open_tables
from shared.ports.tables import Range, scan
from shared.rules.errors import SmsError
from shared.rules.ids import to_ms
from shared.rules.states import State
from shared.services.bundle import Services
from shared.services.delivery_reports import DeliveryReport
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.support.azurite import Azurite
from tests.support.fault_proxy import FaultProxy, Kind, Plan, doors
from tests.support.workers import SENDER, CarrierControl

# Longer than a worker's lease, shorter than two of them in the repeat window.
_A_LEASE = timedelta(seconds=70)
_ROUNDS = 12
_LONGEST_SLEEP_S = 0.01


@dataclass(slots=True)
class JumpingClock:
    """The machine's clock, set ahead by as much as was slept or jumped, so that nobody waits."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Jump ahead instead of waiting."""
        await asyncio.sleep(min(seconds, _LONGEST_SLEEP_S))
        self.ahead += timedelta(seconds=max(0.0, seconds - _LONGEST_SLEEP_S))


@dataclass(slots=True)
class Lab:
    """One app behind one proxy, with tables and queues of its own; a worker that has died is followed by another."""

    settings: Settings
    ports: Ports
    proxy: FaultProxy
    queues: QueueServiceClient
    prefix: str
    carrier: CarrierControl
    clock: JumpingClock
    services: Services
    # As the storage has them, without the proxy.
    tables: AzureTables
    refused: list[str] = field(default_factory=list)

    def restart(self) -> None:
        """Let another worker take the place of the one that there was."""
        self.services = build(self.settings, self.ports)

    async def strike(self, plan: Plan, work: Callable[[], Awaitable[object]]) -> bool:
        """Do the work while the plan is in force; tell whether it was done."""
        self.proxy.begin(plan)
        task = asyncio.ensure_future(work())
        death = asyncio.create_task(self.proxy.died.wait())
        try:
            await asyncio.wait([task, death], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return True
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        except SmsError as error:
            self.refused.append(error.code)
        finally:
            death.cancel()
            self.proxy.end()
            if plan.kind is Kind.DEATH:
                self.restart()
        return False

    async def count_calls(self, work: Callable[[], Awaitable[object]]) -> list[str]:
        """Do the work without a fault and give its calls."""
        self.proxy.begin(None)
        await work()
        calls = list(self.proxy.calls)
        self.proxy.end()
        return calls

    async def recover(self) -> None:
        """Let time pass with the timer and the queues at work, until nothing is left to do."""
        self.restart()
        for _ in range(_ROUNDS):
            self.clock.ahead += _A_LEASE
            await self.services.releases.run()
            while await self.work_off():
                pass
            if not await self.open_work():
                return
        raise AssertionError(f"still open after {_ROUNDS} rounds: {await self.open_work()}")

    async def work_off(self) -> int:
        """Do what is to be seen in the queues, as the host would; give how many messages that were."""
        done = await self._work_off(SENDS_QUEUE, self.services.work.send_batch)
        return done + await self._work_off(CAMPAIGNS_QUEUE, self.services.work.send_chunk)

    async def _work_off(self, name: str, work: Callable[[str], Awaitable[None]]) -> int:
        queue = self.queues.get_queue_client(self.prefix + name, message_decode_policy=TextBase64DecodePolicy())
        done = 0
        try:
            async for message in queue.receive_messages(messages_per_page=16, max_messages=16):
                await work(message.content)
                await queue.delete_message(message)
                done += 1
        except ResourceNotFoundError:
            return done
        return done

    async def open_work(self) -> list[str]:
        """Name what is still to be done: open batches, and campaigns that have not ended."""
        batches = [entity.row async for entity in scan(self.tables.table("Batches"), Range())]
        # Without those that were never there: a fault came before the last write, which makes a campaign one.
        running = [campaign.id async for campaign in self.services.campaigns.running()]
        return batches + running

    async def outbound(self, recipients: Sequence[str]) -> dict[str, list[State]]:
        """Give the states of the stored messages to each recipient; a campaign's copy in a conversation is not one."""
        states: dict[str, list[State]] = {recipient: [] for recipient in recipients}
        columns = ("recipient", "direction", "home", "state")
        async for row in scan(self.tables.table("Messages"), Range(), columns):
            recipient, is_ours = str(row.values["recipient"]), row.values["direction"] == "outbound"
            if recipient in states and is_ours and not row.values["home"]:
                states[recipient].append(State(str(row.values["state"])))
        return states

    async def report_all(self, recipients: Sequence[str]) -> None:
        """Let the carrier's reports for these recipients come in."""
        for recipient in recipients:
            for message in await self.carrier.messages(recipient):
                await self.services.delivery_reports.receive(self._report(message))

    def _report(self, message: Mapping[str, Any]) -> DeliveryReport:
        return DeliveryReport(
            message_id=message["messageId"],
            sender=message["from"],
            recipient=message["to"],
            status="Delivered",
            details="2000: Message Delivered Successfully",
            received_ms=to_ms(self.clock.now()),
            tag=message["tag"],
        )


@asynccontextmanager
async def lab(azurite: Azurite, carrier: CarrierControl, key: str, name: str) -> AsyncIterator[Lab]:
    """Give an app with tables and queues whose names begin with `name` (letters and digits)."""
    proxy = FaultProxy()
    upstreams = {
        "queue": f"http://127.0.0.1:{azurite.ports.queue}",
        "table": f"http://127.0.0.1:{azurite.ports.table}",
        "carrier": carrier.url,
    }
    async with doors(proxy, upstreams) as door:
        storage = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        storage += f"TableEndpoint={door['table']}/{ACCOUNT};QueueEndpoint={door['queue']}/{ACCOUNT};"
        acs = f"endpoint={door['carrier']}/;accesskey={key}"
        senders = json.dumps([{"sender": SENDER, "type": "tollFree", "perMinute": 1_000_000}])
        environment = {
            "AzureWebJobsStorage": storage,
            "ACS_CONNECTION_STRING": acs,
            "SMS_SENDERS": senders,
            "SMS_DEFAULT_SENDER": SENDER,
            "SMS_TABLE_PREFIX": name,
            "SMS_QUIET_HOURS": '{"*":"00:00-24:00"}',
        }
        settings = Settings.from_environment(environment)
        clock = JumpingClock()
        sms, through, work = open_carrier(acs), open_tables(storage, prefix=name), _queues(storage, name)
        ports = Ports(tables=through, carrier=sms, relay=NoRelay(), clock=clock, queues=work)
        direct = azurite.connection_string
        tables = open_tables(direct, prefix=name)
        async with QueueServiceClient.from_connection_string(direct, api_version=API_VERSION) as queues:
            services = build(settings, ports)
            yield Lab(settings, ports, proxy, queues, f"{name.lower()}-", carrier, clock, services, tables)
        await asyncio.gather(tables.close(), sms.close(), through.close(), work.close())


def _queues(storage: str, name: str) -> AzureQueues:
    return open_queues(storage, prefix=f"{name.lower()}-")
