"""The whole app on fakes, for the tests of services and edges."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.composition import Ports, build
from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.relay_memory import MemoryRelay
from shared.edges.settings import Settings
from shared.edges.tables_memory import MemoryTables
from shared.ports.carrier import Carrier
from shared.ports.queue import Queues
from shared.ports.relay import Relay
from shared.ports.tables import Range, Tables
from shared.ports.telemetry import NoTelemetry, Telemetry
from shared.ports.webhook import Webhook
from shared.rules.choices import NO_WORDS, ChoiceWords
from shared.rules.errors import SmsError
from shared.rules.ids import MessageKey, to_ms
from shared.services.bundle import Services
from shared.services.delivery_reports import DeliveryReport
from shared.services.inbound import TextReceived
from shared.services.messages import Message, from_entity
from shared.services.outbox import NOTICES_QUEUE
from shared.services.recipients import recipients_of
from shared.services.sending import RecipientAnswer, Text
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE
from tests.unit.services.faults import Fault, FaultyQueues, FaultyTables

TOLL_FREE = "+18005550100"
SHORT_CODE = "12345"
ALPHANUMERIC = "CONTOSO"
MANAGED = "54321"
ANN = "+14255550111"
BOB = "+14255550112"
CAT = "+14255550113"

# How often the timer of the app runs.
TICK = timedelta(seconds=15)

STOP_REPLY = "You have successfully been unsubscribed to messages from this number. Reply START to resubscribe"
START_REPLY = "You have successfully been re-subscribed to messages from this number. Reply STOP to unsubscribe"

ENVIRONMENT = {
    "ACS_CONNECTION_STRING": "endpoint=https://example.communication.azure.com/;accesskey=a2V5",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "SMS_DEFAULT_SENDER": TOLL_FREE,
    "SMS_SENDERS": json.dumps(
        [
            {"sender": TOLL_FREE, "type": "tollFree"},
            {"sender": SHORT_CODE, "type": "shortCode"},
            {"sender": ALPHANUMERIC, "type": "alphanumeric"},
            {"sender": MANAGED, "type": "shortCode", "optOuts": "carrier"},
        ]
    ),
    "SMS_HELP_REPLY": "Contoso. Reply STOP to unsubscribe.",
}


def settings(**changes: str) -> Settings:
    """Return the settings of the tests, some of them changed."""
    return Settings.from_environment({**ENVIRONMENT, **changes})


@dataclass
class World:
    """The services over fakes. What begins with `on_` stands between, where a test sets it."""

    settings: Settings = field(default_factory=settings)
    tables: MemoryTables = field(default_factory=MemoryTables)
    carrier: MemoryCarrier = field(default_factory=MemoryCarrier)
    relay: MemoryRelay = field(default_factory=MemoryRelay)
    clock: ManualClock = field(default_factory=ManualClock)
    queues: MemoryQueues = None  # type: ignore[assignment]  # made below: it needs the clock
    on_tables: Tables | None = None
    on_carrier: Carrier | None = None
    on_relay: Relay | None = None
    on_queues: Queues | None = None
    webhook: Webhook | None = None
    telemetry: Telemetry = field(default_factory=NoTelemetry)

    def __post_init__(self) -> None:
        self.queues = self.queues or MemoryQueues(self.clock)
        ports = Ports(
            self.on_tables or self.tables,
            self.on_carrier or self.carrier,
            self.on_relay or self.relay,
            self.clock,
            self.on_queues or self.queues,
            self.webhook,
            self.telemetry,
        )
        self.services: Services = build(self.settings, ports)
        self._numbers = 0

    def behind(self, fault: Fault) -> World:
        """Return a worker over this world whose storage, tables and queues, stands behind the fault."""
        return World(
            settings=self.settings,
            tables=self.tables,
            carrier=self.carrier,
            relay=self.relay,
            clock=self.clock,
            queues=self.queues,
            on_tables=FaultyTables(self.tables, fault),
            on_queues=FaultyQueues(self.queues, fault),
            webhook=self.webhook,
        )

    @property
    def now_ms(self) -> int:
        """Return the time of the clock."""
        return to_ms(self.clock.now())

    def text(
        self,
        *to: str,
        text: str = "Hello",
        sender: str | None = None,
        tag: str = "",
        words: ChoiceWords = NO_WORDS,
    ) -> Text:
        """Return a text to be sent."""
        return Text(self.services.senders.choose(sender), recipients_of(to, None), text, tag, words=words)

    async def send(
        self,
        *to: str,
        text: str = "Hello",
        key: str | None = None,
        sender: str | None = None,
        tag: str = "",
        words: ChoiceWords = NO_WORDS,
    ) -> tuple[RecipientAnswer, ...]:
        """Send a text."""
        return await self.services.sending.send(self.text(*to, text=text, sender=sender, tag=tag, words=words), key)

    def received(self, text: str, person: str = ANN, to: str = TOLL_FREE, ago_s: float = 1) -> TextReceived:
        """Return a text that came in, each with an id of its own."""
        self._numbers += 1
        return TextReceived(f"in-{self._numbers}", to, person, text, self.now_ms - int(ago_s * 1000))

    async def receive(self, text: str, person: str = ANN, to: str = TOLL_FREE, ago_s: float = 1) -> TextReceived:
        """Take a text that came in."""
        received = self.received(text, person, to, ago_s)
        await self.services.inbound.receive(received)
        return received

    def report(self, to: str, status: str = "Delivered", details: str = "", n: int = -1) -> DeliveryReport:
        """Return a report for the n-th text that went to someone, by default the last."""
        sent = self.carrier.sent_to(to)[n]
        return DeliveryReport(sent.message_id, sent.sender, to, status, details, self.now_ms, sent.tag)

    async def work_off(self) -> int:
        """Do what can be seen in the queues now, as the host does; return how many messages that were."""
        count = 0
        for name, do in (
            (SENDS_QUEUE, self.services.work.send_batch),
            (CAMPAIGNS_QUEUE, self.services.work.send_chunk),
            (NOTICES_QUEUE, self.services.work.deliver_lane),
        ):
            queue = self.queues.queue(name)
            while taken := queue.take(self.clock.now()):
                count += 1
                try:
                    await do(taken.body)
                except SmsError:
                    queue.fail(taken)
                else:
                    queue.done(taken)
        return count

    async def pass_time(self, **by: float) -> None:
        """Let time pass, with the host at work: the timer every 15 seconds, and what comes out of the queues."""
        until = self.clock.now() + timedelta(**by)
        while True:
            # A timer that fails is run again at its next time.
            with contextlib.suppress(SmsError):
                await self.services.releases.run()
            with contextlib.suppress(SmsError):
                await self.services.deliveries.wake()
            await self.work_off()
            if self.clock.now() >= until:
                return
            names = (SENDS_QUEUE, CAMPAIGNS_QUEUE, NOTICES_QUEUE)
            visible = [at for name in names if (at := self.queues.queue(name).next_at())]
            following = min([self.clock.now() + TICK, until, *visible])
            self.clock.time = max(following, self.clock.now() + timedelta(milliseconds=1))

    async def blocked(self, person: str = ANN, sender: str = TOLL_FREE) -> bool:
        """Tell whether the person is opted out of the sender."""
        (answer,) = await self.services.opt_out_lists.check(sender, [person])
        return bool(answer.opted_out)

    async def message(self, public_id: str | None) -> Message:
        """Return a stored message by its id."""
        key = MessageKey.parse(public_id or "")
        assert key
        found = await self.services.messages.get(key)
        assert found
        return found

    def messages(self) -> Sequence[Message]:
        """Return every stored message."""
        return [from_entity(entity) for entity in self.tables.table("Messages")._from(None, Range())]

    def row_count(self, table: str) -> int:
        """Return how many rows a table has."""
        return len(list(self.tables.table(table)._from(None, Range())))
