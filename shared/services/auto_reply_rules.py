"""The rules of automatic answers: one document in one row, changed only by who has seen the last one."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter

from shared.ports.tables import Entity, EntityChanged, EntityExists, Table
from shared.rules.auto_replies import AutoReplies
from shared.rules.errors import InvalidRequest, PreconditionFailed

# What fits in one property of Azure Tables, with some room: 32 Ki UTF-16 units.
MAX_UNITS = 30_000

_PARTITION, _ROW = "rules", "rules"
_DOCUMENTS = TypeAdapter(AutoReplies)


class AutoReplyRules:
    """What is set of automatic answers, in its row."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self) -> AutoReplies:
        """Return what is set; at first that is nothing."""
        return _document(await self._table.get(_PARTITION, _ROW))

    async def put(self, document: AutoReplies, expects: Callable[[AutoReplies], bool]) -> None:
        """Set it, if what is set now is what the caller expects; setting what is set already always goes.

        Raises:
            InvalidRequest: it is too large to be stored.
            PreconditionFailed: something else is set than the caller expects.
        """
        written = _DOCUMENTS.dump_json(document).decode()
        if len(written.encode("utf-16-le")) // 2 > MAX_UNITS:
            raise InvalidRequest(
                f"All rules together must have at most {MAX_UNITS} characters, as they are stored. Use shorter texts.",
                code="TooLong",
                target="rules",
            )
        while not await self._try_put(document, written, expects):
            pass

    async def _try_put(self, document: AutoReplies, written: str, expects: Callable[[AutoReplies], bool]) -> bool:
        stored = await self._table.get(_PARTITION, _ROW)
        current = _document(stored)
        # The first try of a request may have been done, and its answer lost: RFC 9110, section 13.1.1.
        if stored and current == document:
            return True
        if not expects(current):
            raise PreconditionFailed("The rules have changed. Read them again and make your change there.")
        entity = Entity(_PARTITION, _ROW, {"document": written}, stored.etag if stored else "")
        try:
            await (self._table.replace(entity) if stored else self._table.insert(entity))
        except (EntityExists, EntityChanged):
            return False
        return True


def _document(entity: Entity | None) -> AutoReplies:
    return _DOCUMENTS.validate_json(str(entity.values["document"])) if entity else AutoReplies()
