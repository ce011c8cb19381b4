"""The opt-out list as callers use it: check, add, remove, page, and the file that a spreadsheet may open."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from shared.ports.clock import Clock
from shared.rules.csv_cells import from_cell, to_cell
from shared.rules.errors import ErrorDetail, InvalidRequest
from shared.rules.ids import digest, from_ms, to_ms
from shared.services.consent import Consents
from shared.services.opt_outs import ALL_SENDERS, Change, Consent, OptOut, OptOuts, Source
from shared.services.recipients import Recipient, recipient_of, recipients_of
from shared.services.senders import Senders

CSV_HEADER = ("recipient", "scope", "since", "source", "keyword")
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """What became of one recipient of a list call. `opted_out` is set by a check only."""

    to: str
    http_status: int
    error: str | None = None
    opted_out: bool | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file: rows that changed something, rows that were there already."""

    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file; `dated` if it says since when."""

    change: Change
    dated: bool


class OptOutLists:
    """The use cases of the opt-out endpoints."""

    def __init__(
        self, *, opt_outs: OptOuts, consents: Consents, senders: Senders, clock: Clock, region: str | None
    ) -> None:
        self._opt_outs = opt_outs
        self._consents = consents
        self._senders = senders
        self._clock = clock
        self._region = region

    async def check(self, sender: str | None, recipients: Sequence[str]) -> tuple[ListAnswer, ...]:
        """Tell who is opted out of this sender; without a sender, of any."""
        name = self._senders.choose(sender).name if sender else None

        async def one(recipient: Recipient) -> ListAnswer:
            standing = await self._opt_outs.standing(recipient.number)
            return ListAnswer(recipient.number, 200, opted_out=standing.blocks(name))

        return await self._each(recipients, one)

    async def add(self, sender: str | None, recipients: Sequence[str]) -> tuple[ListAnswer, ...]:
        """Opt recipients out of this sender; without one, of all senders."""
        name = self._senders.choose(sender).name if sender else None
        scope = name or ALL_SENDERS

        async def one(recipient: Recipient) -> ListAnswer:
            await self._consents.change(self._change(recipient, (scope,), Consent.OPTED_OUT, name))
            return ListAnswer(recipient.number, 200)

        return await self._each(recipients, one)

    async def remove(self, sender: str | None, recipients: Sequence[str]) -> tuple[ListAnswer, ...]:
        """Opt recipients in again: to this sender; without one, to all that they left."""
        name = self._senders.choose(sender).name if sender else None

        async def one(recipient: Recipient) -> ListAnswer:
            standing = await self._opt_outs.standing(recipient.number)
            if standing.blocks(name):
                scopes = (name,) if name else (ALL_SENDERS, *standing.by_scope)
                await self._consents.change(self._change(recipient, scopes, Consent.OPTED_IN, name))
            return ListAnswer(recipient.number, 200)

        return await self._each(recipients, one)

    async def page(self, limit: int, cursor: str | None) -> tuple[tuple[OptOut, ...], str | None]:
        """Return up to `limit` opt-outs in force and the next page's cursor."""
        return await self._opt_outs.page(limit, cursor)

    async def history(self, recipient: str) -> tuple[Change, ...]:
        """Return every change of one recipient, the newest first; InvalidPhoneNumber if it is not a number."""
        read = recipient_of(recipient, self._region)
        if read.problem:
            raise read.problem
        return await self._opt_outs.history(read.number)

    def _change(self, recipient: Recipient, scopes: tuple[str, ...], consent: Consent, sender: str | None) -> Change:
        return Change(
            id=str(uuid4()),
            recipient=recipient.number,
            scopes=tuple(dict.fromkeys(scopes)),
            consent=consent,
            at_ms=to_ms(self._clock.now()),
            source=Source.API,
            sender=sender or "",
            overrides=True,
        )

    async def _each(
        self, written: Sequence[str], one: Callable[[Recipient], Awaitable[ListAnswer]]
    ) -> tuple[ListAnswer, ...]:
        recipients = recipients_of(written, self._region)
        return tuple(await asyncio.gather(*(_answer(recipient, one) for recipient in recipients)))

    async def export(self) -> str:
        """Return the opt-outs in force as CSV that a spreadsheet opens without running a cell as a formula."""
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerow(CSV_HEADER)
        cursor: str | None = None
        while True:
            page, cursor = await self._opt_outs.page(1000, cursor)
            writer.writerows(_row_of(entry) for entry in page)
            if cursor is None:
                return lines.getvalue()

    async def load(self, text: str) -> Imported:
        """Add the opt-outs of a file as `export` writes it; the same file again changes nothing.

        Only the column `recipient` is needed: the scope is then all senders, the time now.

        Raises:
            InvalidRequest: the header or a row is wrong; nothing of the file is taken, and the details name the rows.
        """
        rows = self._read(text)
        moved: list[bool] = []
        for start in range(0, len(rows), _AT_ONCE):
            moved += await asyncio.gather(*(self._take(row) for row in rows[start : start + _AT_ONCE]))
        return Imported(sum(moved), len(moved) - sum(moved))

    async def _take(self, row: _Row) -> bool:
        change = row.change
        if not row.dated:
            standing = await self._opt_outs.standing(change.recipient)
            if all(standing.is_out_of(scope) for scope in change.scopes):
                return False
        return (await self._consents.change(change)).moved

    def _read(self, text: str) -> Sequence[_Row]:
        changes: list[_Row] = []
        problems: list[ErrorDetail] = []
        for number, row in _lines(text):
            try:
                changes.append(self._row(row))
            except (InvalidRequest, ValueError) as problem:
                problems.append(_problem(number, problem))
        if problems:
            raise InvalidRequest(
                f"{len(problems)} rows are wrong; nothing of the file was taken. Mend them and send it again.",
                code="InvalidCsv",
                details=problems[:100],
            )
        return changes

    def _row(self, cells: Mapping[str, str]) -> _Row:
        if "" in cells:
            raise InvalidRequest("The row has more cells than the first line names.", code="InvalidRow")
        read = recipient_of(from_cell(cells.get("recipient", "")), self._region)
        if read.problem:
            raise read.problem
        scope = from_cell(cells.get("scope", "")) or ALL_SENDERS
        sender = "" if scope == ALL_SENDERS else self._senders.choose(scope).name
        since = cells.get("since", "")
        change = Change(
            id=digest("import", read.number, sender or ALL_SENDERS, since),
            recipient=read.number,
            scopes=(sender or ALL_SENDERS,),
            consent=Consent.OPTED_OUT,
            at_ms=to_ms(self._since(since) if since else self._clock.now()),
            source=Source(cells.get("source") or Source.IMPORT),
            keyword=from_cell(cells.get("keyword", "")),
            sender=sender,
        )
        return _Row(change, dated=bool(since))

    def _since(self, written: str) -> datetime:
        since = datetime.fromisoformat(written)
        # An opt-out from the future could not be lifted by the person's own START.
        if since.tzinfo is None or since.year < 2000 or since > self._clock.now() + timedelta(days=1):
            raise ValueError
        return since


async def _answer(recipient: Recipient, one: Callable[[Recipient], Awaitable[ListAnswer]]) -> ListAnswer:
    if recipient.problem:
        return ListAnswer(recipient.number, 400, recipient.problem.message)
    return await one(recipient)


def _row_of(entry: OptOut) -> tuple[str, ...]:
    since = from_ms(entry.at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (to_cell(entry.recipient), to_cell(entry.scope), since, entry.source.value, to_cell(entry.keyword))


def _lines(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the line on which a row ends, and its cells by column; a cell that is missing is empty."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if not set(header) <= set(CSV_HEADER) or "recipient" not in header or len(set(header)) < len(header):
            raise InvalidRequest(
                f"The first line must name columns out of {', '.join(CSV_HEADER)}, and `recipient` among them.",
                code="InvalidCsv",
            )
        for cells in reader:
            if cells:
                yield reader.line_num, dict(itertools.zip_longest(header, cells, fillvalue=""))
    except csv.Error:
        raise InvalidRequest("The file is not CSV: a quote is open or misplaced.", code="InvalidCsv") from None


def _problem(line: int, problem: Exception) -> ErrorDetail:
    if isinstance(problem, InvalidRequest):
        return ErrorDetail(problem.code, problem.message, f"line {line}")
    return ErrorDetail(
        "InvalidRow",
        "`since` must be a time with a zone that is not to come, `source` one of the known.",
        f"line {line}",
    )
