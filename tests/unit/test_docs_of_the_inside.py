"""What the documentation says of tables and notices, held to what the services write and tell."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from docs import reference
from shared.composition import Ports, build
from shared.edges.carrier_memory import MemoryCarrier
from shared.edges.clock_manual import ManualClock
from shared.edges.queue_memory import MemoryQueues
from shared.edges.relay_memory import MemoryRelay
from shared.edges.settings import Settings
from shared.edges.tables_memory import MemoryTable, MemoryTables
from shared.edges.webhook_memory import MemoryWebhook
from shared.ports.tables import Range, scan
from shared.ports.webhook import Receipt
from shared.rules.auto_replies import AutoReplies, AutoReplyRule
from shared.rules.choices import ChoiceWords
from shared.rules.ids import conversation_id, digest, to_ms
from shared.rules.states import State
from shared.services.activity import ActivityLog
from shared.services.bundle import Services
from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import Row
from shared.services.conversation import Conversation, Decision
from shared.services.delivery_reports import DeliveryReport
from shared.services.inbound import TextReceived
from shared.services.late_marks import LateMarks
from shared.services.quick_replies import QuickReply
from shared.services.recipients import recipients_of
from shared.services.sending import Text
from shared.services.work import SENDS_QUEUE
from tests.support.pages import DOCS, json_blocks, sections
from tests.unit.services.arrivals import arrivals

NUMBER, SENDER = "+14255550123", "+18005550100"


@dataclass(slots=True)
class NotedTables:
    """Tables in memory that note which were asked for."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    names: set[str] = field(default_factory=set)

    def table(self, name: str) -> MemoryTable:
        """Return the table of that name."""
        self.names.add(name)
        return self.tables.table(name)


async def test_architecture_names_every_table_and_column() -> None:
    tables = NotedTables()
    await _a_little_of_everything(tables, MemoryRelay())

    written = {
        name: {_plain(column) async for entity in scan(tables.table(name), Range()) for column in entity.values}
        for name in tables.names
    }

    assert _columns_in_the_architecture() == written


@pytest.mark.parametrize(
    "heading",
    [
        "Sms.TextReceived",
        "Sms.ChoiceReceived",
        "Sms.MessageSettled",
        "Sms.OptOutChanged",
        "Sms.WorkFailed",
        "Sms.DeliveryRateDropped",
    ],
)
async def test_notice_has_the_fields_of_its_examples(heading: str) -> None:
    relay = MemoryRelay()
    await _a_little_of_everything(NotedTables(), relay)
    [fields] = {frozenset(notice.data) for notice in relay.notices if notice.type == heading}

    examples = [json.loads(body) for body in json_blocks(sections(DOCS / "events.md")[heading])]

    assert [set(example["data"]) for example in examples] == [set(fields), set(fields)]
    assert [example.get("eventType") or example.get("type") for example in examples] == [heading, heading]
    assert ["specversion" in example for example in examples] == [False, True]


def test_every_notice_is_described() -> None:
    code = (DOCS.parent / "shared" / "services" / "notices.py").read_text("utf-8")
    described = {heading for heading in sections(DOCS / "events.md") if heading.startswith("Sms.")}
    assert set(re.findall(r'"(Sms\.\w+)"', code)) == described


def _plain(column: str) -> str:
    return re.sub(r"^hour\d\d$", "hour12", column)


def _columns_in_the_architecture() -> dict[str, set[str]]:
    text = sections(DOCS / "architecture.md")["Tables"]
    columns: dict[str, set[str]] = {}
    for table, cell in re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\|[^|]*\|([^|]*)\|$", text, re.MULTILINE):
        columns.setdefault(table, set()).update(re.findall(r"`(\w+)`", cell))
    return columns


async def _a_little_of_everything(tables: NotedTables, relay: MemoryRelay) -> None:
    """Send texts and campaigns now and later, have one reported, take a stranger's report and a STOP, and fail."""
    clock, carrier = ManualClock(), MemoryCarrier()
    webhook = MemoryWebhook(lambda _: Receipt(503, 60))
    ports = Ports(tables, carrier, relay, clock, MemoryQueues(clock), webhook)
    limits = ("SMS_DAILY_SEGMENTS", "SMS_RECIPIENT_TEXTS_PER_HOUR", "SMS_REQUESTS_PER_MINUTE")
    services = build(Settings.from_environment({**reference.LEAST, **dict.fromkeys(limits, "100")}), ports)
    await services.request_rates.admit("caller")
    await services.rollups.roll()
    await services.sending.send(_hello(services))
    later = to_ms(clock.now() + timedelta(days=1))
    await services.sending.send(replace(_hello(services), send_at_ms=later))
    await _a_campaign(services)
    for tag in (*(sent.tag for sent in carrier.sent), "of another app"):
        report = DeliveryReport("m", SENDER, NUMBER, "Delivered", "", to_ms(clock.now()), tag)
        await services.delivery_reports.receive(report)
    [campaign], _ = await services.campaigns.page(1, None)
    await services.campaign_progress.of(campaign.id)
    await _a_campaign(services, later)
    await services.inbound.receive(TextReceived("i", SENDER, NUMBER, "STOP", later))
    await services.auto_replies.put(AutoReplies((AutoReplyRule("Hello", pattern="*"),)), lambda _: True)
    await services.inbound.receive(TextReceived("j", SENDER, "+14255550177", "Hi", to_ms(clock.now())))
    await services.failures.keep(SENDS_QUEUE, "not JSON")
    await _a_choice(services, clock)
    await _an_inbox(services)
    await services.deliveries.run(digest("lane", f"conversations/{conversation_id(SENDER, NUMBER)}"))
    await _a_drop(services, tables, clock)
    began_ms = to_ms(clock.now())
    clock.advance(hours=2)
    await services.rollups.roll()
    await services.inbound.receive(TextReceived("late", SENDER, NUMBER, "Hello", began_ms))


async def _a_choice(services: Services, clock: ManualClock) -> None:
    """Ask somebody, who confirms."""
    asking = replace(_hello(services), recipients=recipients_of(["+14255550166"], None), words=ChoiceWords(("YES",)))
    await services.sending.send(asking)
    await services.inbound.receive(TextReceived("c", SENDER, "+14255550166", "yes", to_ms(clock.now())))


async def _an_inbox(services: Services) -> None:
    """Decide something about a conversation, keep a note and a quick reply."""

    async def accept(_: Conversation) -> None:
        pass

    conversation = conversation_id(SENDER, NUMBER)
    await services.conversations.change(conversation, Decision(assignee="Kim"), accept)
    await services.notes.add(conversation, "call back", "key.a", "k")
    await services.quick_replies.put((QuickReply("Hours", "From 9 to 18"),), lambda _: True)


async def _a_drop(services: Services, tables: NotedTables, clock: ManualClock) -> None:
    """Let many texts arrive, and six hours later few."""
    log = ActivityLog(tables.table("Activity"), LateMarks(tables.table("Rollups"), clock))
    for state in (State.DELIVERED, State.EXPIRED, State.FAILED):
        await log.record(arrivals(to_ms(clock.now()), 200, state))
        clock.advance(hours=4)
        await services.rollups.roll()
    await services.delivery_drops.watch()


def _hello(services: Services) -> Text:
    return Text(services.senders.choose(None), recipients_of([NUMBER], None), "Hello")


async def _a_campaign(services: Services, send_at_ms: int = 0) -> None:
    rows = [Row(1, NUMBER), Row(2, "nobody")]
    sender = services.senders.choose(None)
    request = CampaignRequest("News", sender, "News", rows, quiet=False, send_at_ms=send_at_ms)
    campaign = await services.campaign_plans.start(request, f"key {send_at_ms}")
    await services.releases.go_on(campaign.id, 0)
