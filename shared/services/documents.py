"""Documents: what is set as a whole, kept in one row, and changed only by who has seen the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from shared.ports.tables import Entity, EntityChanged, EntityExists, Table
from shared.rules.errors import InvalidRequest, PreconditionFailed

# What fits in one property of Azure Tables, with some room: 32 Ki UTF-16 units.
MAX_UNITS = 30_000

T = TypeVar("T")


class Document(Generic[T]):
    """One document; `empty` is what is set at first, `too_large` the error for what does not fit."""

    def __init__(
        self, table: Table, row: tuple[str, str], kind: TypeAdapter[T], empty: T, too_large: InvalidRequest
    ) -> None:
        self._table = table
        self._row = row
        self._kind = kind
        self._empty = empty
        self._too_large = too_large

    async def get(self) -> T:
        """Return what is set."""
        return self._read(await self._table.get(*self._row))

    async def put(self, document: T, expects: Callable[[T], bool]) -> None:
        """Set it, if what is set now is what the caller expects; setting what is set already always goes.

        Raises:
            InvalidRequest: it is too large to be stored.
            PreconditionFailed: something else is set than the caller expects.
        """
        written = self._kind.dump_json(document).decode()
        if len(written.encode("utf-16-le")) // 2 > MAX_UNITS:
            raise self._too_large
        while not await self._try_put(document, written, expects):
            pass

    async def _try_put(self, document: T, written: str, expects: Callable[[T], bool]) -> bool:
        stored = await self._table.get(*self._row)
        current = self._read(stored)
        # The first try of a request may have been done, and its answer lost: RFC 9110, section 13.1.1.
        if stored and current == document:
            return True
        if not expects(current):
            raise PreconditionFailed("This has changed since you read it. Read it again and make your change there.")
        entity = Entity(*self._row, {"document": written}, stored.etag if stored else "")
        try:
            await (self._table.replace(entity) if stored else self._table.insert(entity))
        except (EntityExists, EntityChanged):
            return False
        return True

    def _read(self, entity: Entity | None) -> T:
        return self._kind.validate_json(str(entity.values["document"])) if entity else self._empty
