"""Quick replies: what the team writes often, as templates with `{{placeholders}}`; one document for all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from shared.ports.tables import Entity, EntityChanged, EntityExists, Table
from shared.rules.errors import InvalidRequest

_ROW = ("inbox", "quickReplies")
# A property of a table holds 32,768 UTF-16 units.
_SIZE_LIMIT = 30_000


@dataclass(frozen=True, slots=True)
class QuickReply:
    """One template: its name in the list, and its text."""

    name: str
    text: str


class QuickReplies:
    """The document, in the table of the conversations."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self) -> tuple[QuickReply, ...]:
        """Return the quick replies in their order."""
        return _from_entity(await self._table.get(*_ROW))

    async def put(self, replies: Sequence[QuickReply], accept: Callable[[Sequence[QuickReply]], None]) -> None:
        """Put others in their place; `accept` raises if those there are not the ones that the caller knew.

        Raises:
            InvalidRequest: all together they are longer than one row takes.
        """
        text = json.dumps([asdict(one) for one in replies], ensure_ascii=False)
        if len(text.encode("utf-16-le")) // 2 > _SIZE_LIMIT:
            raise InvalidRequest(
                f"The quick replies are over {_SIZE_LIMIT:,} characters in all. Write fewer or shorter ones.",
                code="TooManyQuickReplies",
                target="value",
            )
        while True:
            stored = await self._table.get(*_ROW)
            accept(_from_entity(stored))
            entity = Entity(*_ROW, {"replies": text}, stored.etag if stored else "")
            try:
                await (self._table.replace if stored else self._table.insert)(entity)
            except (EntityChanged, EntityExists):
                continue
            return


def _from_entity(entity: Entity | None) -> tuple[QuickReply, ...]:
    return tuple(QuickReply(**one) for one in json.loads(str(entity.values["replies"]))) if entity else ()
