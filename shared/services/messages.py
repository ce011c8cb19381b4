"""Messages: what was sent and what came in, one row each, a conversation per partition, newest first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

from shared.ports.tables import Entity, EntityChanged, EntityExists, Page, Range, Table, Value, Write, scan
from shared.rules.choices import NO_WORDS, Choice, ChoiceWords, Chosen
from shared.rules.ids import MessageKey, conversation_id, newest_first
from shared.rules.reasons import Reason
from shared.rules.states import WAITING, History, State, Step

EVERY_ROW = Range()
_AT_CARRIER = frozenset({State.SENT, State.DELIVERED, State.UNKNOWN})
_NOT_TAKEN = frozenset({Reason.CARRIER_REFUSED, Reason.RECIPIENT_REFUSED, Reason.RECIPIENT_UNAVAILABLE})
_WENT = frozenset({State.SENDING, State.SENT, State.DELIVERED, State.FAILED, State.UNKNOWN})


class Direction(StrEnum):
    """Which way a message went: outbound from us, inbound to us."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class Trace:
    """What proves that opt-outs were kept: when they were looked up, and when the last request left (ms; 0 is never).

    `leaked`: the recipient's opt-out had been recorded when the request left.
    """

    fenced_ms: int = 0
    requested_ms: int = 0
    leaked: bool = False


UNTRACED = Trace()


@dataclass(frozen=True, slots=True)
class Message:
    """One text to or from one person. `recipient` is the person's number in both directions.

    `words`: by which it can be answered; `chosen`: what the person has chosen by one of them.
    `traceparent`: in which trace it was accepted, as W3C writes it; empty for none.
    """

    key: MessageKey
    direction: Direction
    sender: str
    recipient: str
    text: str
    history: History
    tag: str = ""
    encoding: str = ""
    segments: int = 1
    carrier_message_id: str = ""
    keyword: str = ""
    delivery_report: bool = True
    first_sent_ms: int = 0
    handled: bool = False
    campaign: str = ""
    home: str = ""
    trace: Trace = UNTRACED
    words: ChoiceWords = NO_WORDS
    chosen: Chosen | None = None
    traceparent: str = ""
    etag: str = ""

    @property
    def id(self) -> str:
        """Return the public id; a copy in a conversation has the id of the message that it is a copy of."""
        return MessageKey(self.home or self.key.partition, self.key.row).id

    @property
    def conversation(self) -> str:
        """Return the id of the conversation that the message belongs to."""
        return conversation_id(self.sender, self.recipient)

    @property
    def is_open(self) -> bool:
        """Tell whether there is still something to do for it: it waits, or a worker is at it or has died over it."""
        return self.state in WAITING or self.state is State.SENDING

    @property
    def may_have_gone(self) -> bool:
        """Tell whether the carrier took the message, or may have: then it counts for the daily cap."""
        return self.state is State.SENDING or any(
            step.state in _AT_CARRIER or (step.state is State.FAILED and step.reason not in _NOT_TAKEN)
            for step in self.history.steps
        )

    def in_conversation(self) -> Message:
        """Return the copy of a campaign's message that is kept in its conversation."""
        return replace(self, key=MessageKey(self.conversation, self.key.row), home=self.key.partition, etag="")

    @property
    def state(self) -> State:
        """Return where the message is."""
        return self.history.current.state

    @property
    def sent_ms(self) -> int:
        """Return when the carrier took the message, 0 if that was not heard of."""
        return next((step.at_ms for step in self.history.steps if step.state is State.SENT), 0)

    @property
    def reason(self) -> str:
        """Return why it is there, empty when there is nothing to say."""
        return self.history.current.reason

    def with_step(self, step: Step, carrier_message_id: str = "", trace: Trace = UNTRACED) -> Message:
        """Return the message with one more step heard of it."""
        return replace(
            self,
            history=self.history.add(step),
            carrier_message_id=carrier_message_id or self.carrier_message_id,
            trace=self.trace if trace == UNTRACED else trace,
        )


class Messages:
    """The messages in their table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, key: MessageKey) -> Message | None:
        """Return the message, None if there is none."""
        entity = await self._table.get(key.partition, key.row)
        return from_entity(entity) if entity else None

    async def put_new(self, message: Message) -> tuple[Message, bool]:
        """Store the message unless its key is taken; return what is stored now, and whether this call stored it."""
        try:
            return replace(message, etag=await self._table.insert(to_entity(message))), True
        except EntityExists:
            return await self.get(message.key) or message, False

    async def claim(self, draft: Message) -> tuple[Message, bool]:
        """Store a draft, or put its step on a message that is waiting; return the message as it is now.

        The step counts for the round that the message is in: the worker that wrote that round may have died before it
        noted it elsewhere. The second value tells that the message was neither new nor waiting: whatever it is, another
        worker made it so.
        """
        stored, is_new = await self.put_new(draft)
        if is_new:
            return stored, False
        while stored.state in WAITING:
            step, now = draft.history.current, stored.history.current
            waiting = replace(stored, first_sent_ms=draft.first_sent_ms)
            claimed = waiting.with_step(replace(step, round=max(step.round, now.round)))
            if claimed == stored:
                return stored, False
            try:
                return await self.save(claimed), False
            except EntityChanged:
                stored = await self.get(draft.key) or stored
        return stored, True

    async def put_all_new(self, messages: Sequence[Message]) -> bool:
        """Store up to 100 messages of one partition at once; False, and nothing stored, if any key is taken."""
        try:
            await self._table.transact([Write("insert", to_entity(message)) for message in messages])
        except EntityExists:
            return False
        return True

    async def copy_to_conversation(self, message: Message) -> None:
        """Keep a campaign's message in its conversation too, with all that was heard of it there and here."""
        if not message.campaign:
            return
        copy = message.in_conversation()
        stored, is_new = await self.put_new(copy)
        while not is_new:
            history = reduce(History.add, copy.history.steps, stored.history)
            merged = replace(copy, history=history, chosen=_later(copy.chosen, stored.chosen), etag=stored.etag)
            if merged == stored:
                return
            try:
                await self.save(merged)
            except EntityChanged:
                stored = await self.get(copy.key) or stored
            else:
                return

    async def cancel(self, key: MessageKey, at_ms: int) -> Message | None:
        """Cancel a message that has not gone, and return it as it is now; None if there is none."""
        message = await self.get(key)
        while message is not None and message.state in WAITING:
            try:
                return await self.save(message.with_step(Step(State.CANCELED, at_ms, Reason.CANCELED)))
            except EntityChanged:
                message = await self.get(key)
        return message

    async def save(self, message: Message) -> Message:
        """Overwrite the message that was read; EntityChanged if somebody else has."""
        return replace(message, etag=await self._table.replace(to_entity(message)))

    async def settle(
        self, message: Message, step: Step, carrier_message_id: str = "", trace: Trace = UNTRACED
    ) -> Message:
        """Add a step to the stored message, whatever else happens to it meanwhile; return the result.

        That this worker cannot tell what became of it says nothing where another one was told.
        """
        current: Message | None = message
        while current is not None:
            if step.reason == Reason.INTERRUPTED and current.state is not State.SENDING:
                return current
            settled = current.with_step(step, carrier_message_id, trace)
            if settled == current:
                return current
            try:
                return await self.save(settled)
            except EntityChanged:
                current = await self.get(message.key)
        return message.with_step(step, carrier_message_id, trace)

    async def choose(self, message: Message, chosen: Chosen) -> Message:
        """Note a choice on the stored message unless a later one is there; return the message as it is now.

        `message` may be the copy in a conversation: the choice is noted on both.
        """
        key = MessageKey(message.home or message.key.partition, message.key.row)
        current = await self.get(key)
        while current is not None and (later := _later(current.chosen, chosen)) != current.chosen:
            try:
                current = await self.save(replace(current, chosen=later))
            except EntityChanged:
                current = await self.get(key)
        if current is None:
            return replace(message, chosen=chosen)
        await self.copy_to_conversation(current)
        return current

    async def settle_handled(self, message: Message) -> None:
        """Mark an inbound text as done with, so that its repetitions are dropped."""
        try:
            await self.save(replace(message, handled=True))
        except EntityChanged:
            return

    async def page(
        self, conversation: str, limit: int, cursor: str | None, rows: Range = EVERY_ROW
    ) -> tuple[tuple[Message, ...], str | None]:
        """Return messages of a conversation, the newest first, of these rows, and the cursor of the next page."""
        within = Range(conversation, row_from=rows.row_from, row_to=rows.row_to)
        page: Page = await self._table.query(within, limit=limit, cursor=cursor)
        return tuple(from_entity(entity) for entity in page.entities), page.cursor

    async def sent_before(self, conversation: str, at_ms: int, since_ms: int) -> AsyncGenerator[Message, None]:
        """Yield the texts to a person that were accepted from `since_ms` up to `at_ms` and went, the newest first."""
        within = Range(conversation, row_from=newest_first(at_ms), row_to=newest_first(since_ms - 1))
        async for entity in scan(self._table, within):
            message = from_entity(entity)
            if message.direction is Direction.OUTBOUND and message.state in _WENT:
                yield message

    async def inbound_after(self, conversation: str, after_ms: int) -> tuple[Message, ...]:
        """Return the texts that came in later than this time, the newest first (1,000 at most)."""
        later = Range(conversation, row_to=newest_first(after_ms))
        page = await self._table.query(later)
        found = (from_entity(entity) for entity in page.entities)
        return tuple(message for message in found if message.direction is Direction.INBOUND)


def to_entity(message: Message) -> Entity:
    """Return the message as a row."""
    current = message.history.current
    values: dict[str, Value] = {
        "direction": message.direction.value,
        "sender": message.sender,
        "recipient": message.recipient,
        "text": message.text,
        "tag": message.tag,
        "encoding": message.encoding,
        "segments": message.segments,
        "state": current.state.value,
        "reason": current.reason,
        "steps": message.history.to_json(),
        "carrierMessageId": message.carrier_message_id,
        "keyword": message.keyword,
        "deliveryReport": message.delivery_report,
        "firstSentMs": message.first_sent_ms,
        "handled": message.handled,
        "campaign": message.campaign,
        "home": message.home,
        "fencedMs": message.trace.fenced_ms,
        "requestedMs": message.trace.requested_ms,
        "leaked": message.trace.leaked,
        "traceparent": message.traceparent,
    }
    return Entity(message.key.partition, message.key.row, values | _choice_columns(message), message.etag)


def _choice_columns(message: Message) -> dict[str, Value]:
    # Most messages ask nothing, and their rows are none the larger.
    values: dict[str, Value] = {"choiceWords": message.words.to_json()} if message.words else {}
    if message.chosen:
        values |= {"choice": message.chosen.choice.value, "choiceMs": message.chosen.at_ms}
    return values


def _chosen_of(values: Mapping[str, Value]) -> Chosen | None:
    return Chosen(Choice(str(values["choice"])), int(values["choiceMs"])) if "choice" in values else None


def _later(one: Chosen | None, other: Chosen | None) -> Chosen | None:
    return max(filter(None, (one, other)), key=lambda chosen: chosen.order, default=None)


def _trace_of(values: Mapping[str, Value]) -> Trace:
    # Rows of an earlier version have no trace.
    return Trace(
        fenced_ms=int(values.get("fencedMs", 0)),
        requested_ms=int(values.get("requestedMs", 0)),
        leaked=bool(values.get("leaked", False)),
    )


def from_entity(entity: Entity) -> Message:
    """Return the message of a row."""
    values: Mapping[str, Value] = entity.values
    return Message(
        key=MessageKey(entity.partition, entity.row),
        direction=Direction(str(values["direction"])),
        sender=str(values["sender"]),
        recipient=str(values["recipient"]),
        text=str(values["text"]),
        history=History.from_json(str(values["steps"])),
        tag=str(values["tag"]),
        encoding=str(values["encoding"]),
        segments=int(values["segments"]),
        carrier_message_id=str(values["carrierMessageId"]),
        keyword=str(values["keyword"]),
        delivery_report=bool(values["deliveryReport"]),
        first_sent_ms=int(values["firstSentMs"]),
        handled=bool(values["handled"]),
        campaign=str(values["campaign"]),
        home=str(values["home"]),
        trace=_trace_of(values),
        words=ChoiceWords.from_json(str(values.get("choiceWords", ""))),
        chosen=_chosen_of(values),
        traceparent=str(values.get("traceparent", "")),
        etag=entity.etag,
    )
