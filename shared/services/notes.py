"""Notes: what the team writes about a conversation for itself. They are never sent."""

from __future__ import annotations

from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityExists, Range, Table, Value
from shared.rules.errors import Conflict
from shared.rules.ids import digest, ms_of, newest_first, to_ms

_PREFIX = "note."


@dataclass(frozen=True, slots=True)
class Note:
    """One note: its id, what it says, who wrote it (an id of the caller) and when (ms)."""

    id: str
    text: str
    author: str
    at_ms: int


class Notes:
    """The notes in the table of the conversations, in the partition of each, the newest first."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def add(self, conversation: str, text: str, author: str, key: str) -> Note:
        """Keep a note, once for each key; Conflict if the key was used for another one."""
        at_ms = to_ms(self._clock.now())
        once = digest("note", key)
        try:
            await self._table.insert(Entity(conversation, f"notekey.{once}", {"text": text, "atMs": at_ms}))
        except EntityExists:
            first = await self._table.get(conversation, f"notekey.{once}")
            if first is None or first.values["text"] != text:
                raise Conflict(
                    "This idempotency key was used for another note. Use a new key for each note.",
                    code="IdempotencyKeyReused",
                    target="Idempotency-Key",
                ) from None
            # Whoever was first may have died before it wrote the note itself.
            at_ms = int(first.values["atMs"])
        note = Note(f"{newest_first(at_ms)}-{once}", text, author, at_ms)
        values: dict[str, Value] = {"text": text, "author": author}
        try:
            await self._table.insert(Entity(conversation, _PREFIX + note.id, values))
        except EntityExists:
            return note
        return note

    async def page(self, conversation: str, limit: int, cursor: str | None) -> tuple[tuple[Note, ...], str | None]:
        """Return notes of a conversation, the newest first, and the cursor of the next page."""
        within = Range(conversation, row_from=_PREFIX, row_to=_PREFIX + "~")
        page = await self._table.query(within, limit=limit, cursor=cursor)
        return tuple(_from_entity(entity) for entity in page.entities), page.cursor


def _from_entity(entity: Entity) -> Note:
    note_id = entity.row.removeprefix(_PREFIX)
    return Note(note_id, str(entity.values["text"]), str(entity.values["author"]), ms_of(note_id))
