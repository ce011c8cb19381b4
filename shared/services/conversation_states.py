"""Conversation states: what people decided about a conversation. What the messages tell is not kept here.

One row per conversation, changed by ETag, and one row that each change touches, so that an idle inbox can see by a
single read that nobody has changed anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.ports.tables import Entity, EntityChanged, EntityExists, Table, Value

_STATE = "state"
_TOUCHED = ("inbox", "touched")


@dataclass(frozen=True, slots=True)
class ConversationState:
    """Who is at it, its labels, until which message it was read (its row, empty for none), when it was closed (ms)."""

    conversation: str
    assignee: str = ""
    labels: tuple[str, ...] = ()
    read_row: str = ""
    closed_ms: int = 0
    etag: str = ""

    def read_until(self, row: str) -> ConversationState:
        """Return the state after a message was read; reading an older one changes nothing."""
        # Rows are by inverted time: the newer, the smaller.
        return replace(self, read_row=min(row, self.read_row or row))


class ConversationStates:
    """The states in their table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, conversation: str) -> ConversationState:
        """Return the state; that of a conversation about which nobody has decided anything has no ETag."""
        entity = await self._table.get(conversation, _STATE)
        return _from_entity(entity) if entity else ConversationState(conversation)

    async def save(self, state: ConversationState) -> ConversationState:
        """Overwrite the state that was read; EntityChanged if somebody else has."""
        try:
            etag = await (self._table.replace if state.etag else self._table.insert)(_to_entity(state))
        except EntityExists:
            raise EntityChanged from None
        await self.touch()
        return replace(state, etag=etag)

    async def touch(self) -> None:
        """Note that something about some conversation was changed."""
        await self._table.upsert(Entity(*_TOUCHED))

    async def touched(self) -> str:
        """Return a mark that is another one after each change."""
        entity = await self._table.get(*_TOUCHED)
        return entity.etag if entity else ""


def _to_entity(state: ConversationState) -> Entity:
    values: dict[str, Value] = {
        "assignee": state.assignee,
        "labels": json.dumps(state.labels, ensure_ascii=False),
        "readRow": state.read_row,
        "closedMs": state.closed_ms,
    }
    return Entity(state.conversation, _STATE, values, state.etag)


def _from_entity(entity: Entity) -> ConversationState:
    labels: Sequence[str] = json.loads(str(entity.values["labels"]))
    return ConversationState(
        conversation=entity.partition,
        assignee=str(entity.values["assignee"]),
        labels=tuple(labels),
        read_row=str(entity.values["readRow"]),
        closed_ms=int(entity.values["closedMs"]),
        etag=entity.etag,
    )
