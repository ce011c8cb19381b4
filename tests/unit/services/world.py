"""The whole app on fakes, for the tests of services and edges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.composition import Ports, build
from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.relay_memory import MemoryRelay
from shared.edges.settings import Settings
from shared.edges.tables_memory import MemoryTables
from shared.ports.carrier import Carrier
from shared.ports.relay import Relay
from shared.ports.tables import Range, Tables
from shared.rules.ids import MessageKey, to_ms
from shared.services.bundle import Services
from shared.services.delivery_reports import DeliveryReport
from shared.services.inbound import TextReceived
from shared.services.messages import Message, from_entity
from shared.services.recipients import recipients_of
from shared.services.sending import RecipientAnswer, Text

TOLL_FREE = "+18005550100"
SHORT_CODE = "12345"
ALPHANUMERIC = "CONTOSO"
MANAGED = "54321"
ANN = "+14255550111"
BOB = "+14255550112"
CAT = "+14255550113"

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
    """The services over fakes. `on_tables`, `on_carrier` and `on_relay` stand between, where a test sets them."""

    settings: Settings = field(default_factory=settings)
    tables: MemoryTables = field(default_factory=MemoryTables)
    carrier: MemoryCarrier = field(default_factory=MemoryCarrier)
    relay: MemoryRelay = field(default_factory=MemoryRelay)
    clock: ManualClock = field(default_factory=ManualClock)
    on_tables: Tables | None = None
    on_carrier: Carrier | None = None
    on_relay: Relay | None = None

    def __post_init__(self) -> None:
        ports = Ports(
            self.on_tables or self.tables,
            self.on_carrier or self.carrier,
            self.on_relay or self.relay,
            self.clock,
        )
        self.services: Services = build(self.settings, ports)
        self._numbers = 0

    @property
    def now_ms(self) -> int:
        """Return the time of the clock."""
        return to_ms(self.clock.now())

    def text(self, *to: str, text: str = "Hello", sender: str | None = None, tag: str = "") -> Text:
        """Return a text to be sent."""
        return Text(self.services.senders.choose(sender), recipients_of(to, None), text, tag)

    async def send(
        self, *to: str, text: str = "Hello", key: str | None = None, sender: str | None = None, tag: str = ""
    ) -> tuple[RecipientAnswer, ...]:
        """Send a text."""
        return await self.services.sending.send(self.text(*to, text=text, sender=sender, tag=tag), key)

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
        return [from_entity(entity) for entity in self.tables.table("Messages")._in_order(Range())]

    def row_count(self, table: str) -> int:
        """Return how many rows a table has."""
        return len(list(self.tables.table(table)._in_order(Range())))
