"""Opt-outs: who must not be texted, by which senders, since when and why.

A recipient is a partition: one row per scope says where they stand, one row per change is the history, which is
never deleted. Both are written in one transaction, so a change is applied exactly once however often it is heard of.
A change with an older time never overrides a newer one; at the same time, opted out wins (invariant I3).

Each opt-out is announced, in a partition by the hour, before it is written. So whoever has read the standing of many
recipients can learn with one query, right before sending, who may have left since (invariant I1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.ports.clock import Clock
from shared.ports.tables import Entity, EntityChanged, EntityExists, Range, Table, Value, Write, scan
from shared.rules.ids import digest, hour_partition, newest_first, recipient_key, to_ms

ALL_SENDERS = "*"
# By how much the clocks of two instances may differ, and how long a write may follow its announcement.
_CLOCK_SKEW = timedelta(minutes=1)
_ANNOUNCED_FOR = timedelta(seconds=20)
_SCOPE_ROWS = ("scope.", "scope/")
_CHANGE_ROWS = ("change.", "change/")


class Consent(StrEnum):
    """Where a recipient stands in a scope."""

    OPTED_OUT = "optedOut"
    OPTED_IN = "optedIn"


class Source(StrEnum):
    """What a change came from."""

    SMS = "sms"
    API = "api"
    IMPORT = "import"
    DELIVERY_REPORT = "deliveryReport"


@dataclass(frozen=True, slots=True)
class OptOut:
    """Where a recipient stands in one scope (a sender, or `*` for all), since `at_ms`.

    `recorded_ms`: when that began to be written here.
    """

    recipient: str
    scope: str
    consent: Consent
    at_ms: int
    source: Source
    keyword: str = ""
    recorded_ms: int = 0
    etag: str = ""

    @property
    def order(self) -> tuple[int, bool]:
        """Return what standings are compared by: the later wins, and at the same time the opt-out."""
        return (self.at_ms, self.consent is Consent.OPTED_OUT)


@dataclass(frozen=True, slots=True)
class Change:
    """One wish to change where a recipient stands, in one scope or several.

    `id` is the same however often the same wish is heard; `sender` is the sender that it was about, if it was about
    one. `overrides` is for wishes made here and now through the API: they take effect even where a stored time is
    ahead of this machine's clock.
    """

    id: str
    recipient: str
    scopes: tuple[str, ...]
    consent: Consent
    at_ms: int
    source: Source
    keyword: str = ""
    sender: str = ""
    overrides: bool = False

    @property
    def row(self) -> str:
        """Return the row of this change in the history, the newest first."""
        return f"change.{newest_first(self.at_ms)}-{digest('change', self.id)}"


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a change: `flipped` tells whether its sender may text the recipient now and could not, or not.

    Of a change that is not about one sender, it tells the same of all senders together. However often the change is
    heard of, that stays. `moved` tells whether it changed where the recipient stands in any scope, just now.
    """

    change: Change
    flipped: bool
    moved: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """All scopes in which a recipient stands somewhere."""

    recipient: str
    by_scope: dict[str, OptOut] = field(default_factory=dict)

    def blocks(self, sender: str | None) -> bool:
        """Tell whether this sender may not text them; with None, whether any sender may not.

        What was said last counts, whether of this sender or of all: an opt-in to one sender lifts an earlier
        opt-out of all for that sender alone.
        """
        if sender is None:
            return any(self.blocks(scope) for scope in self.by_scope)
        last = self._last_said(sender)
        return last is not None and last.consent is Consent.OPTED_OUT

    def blocked_at(self, sender: str, at_ms: int) -> bool:
        """Tell whether this sender may not text them, and that was recorded here before a time."""
        last = self._last_said(sender)
        return last is not None and last.consent is Consent.OPTED_OUT and last.recorded_ms < at_ms

    def _last_said(self, sender: str) -> OptOut | None:
        said = [self.by_scope[scope] for scope in (sender, ALL_SENDERS) if scope in self.by_scope]
        return max(said, key=lambda entry: entry.order, default=None)

    def is_out_of(self, scope: str) -> bool:
        """Tell whether the opt-out of this very scope is in force."""
        entry = self.by_scope.get(scope)
        return entry is not None and entry.consent is Consent.OPTED_OUT

    def after(self, moves: Sequence[OptOut]) -> Standing:
        """Return where the recipient stands once these moves are made."""
        return Standing(self.recipient, self.by_scope | {move.scope: move for move in moves})


class OptOuts:
    """The opt-outs in their table, and their announcements in another."""

    def __init__(self, table: Table, announcements: Table, clock: Clock) -> None:
        self._table = table
        self._announcements = announcements
        self._clock = clock

    async def standing(self, recipient: str) -> Standing:
        """Return where a recipient stands in every scope."""
        partition = recipient_key(recipient)
        rows = Range(partition, row_from=_SCOPE_ROWS[0], row_to=_SCOPE_ROWS[1])
        entries = [_from_entity(entity) async for entity in scan(self._table, rows)]
        return Standing(recipient, {entry.scope: entry for entry in entries})

    async def standing_before(self, recipient: str, at_ms: int) -> Standing:
        """Return where a recipient stood right before a time, by all that is known now."""
        standing = Standing(recipient)
        for change in reversed(await self.history(recipient)):
            if change.at_ms < at_ms:
                standing = standing.after(_moves(change, standing))
        return standing

    async def apply(self, change: Change) -> Applied:
        """Write a change once, and move the scopes in which it is the newest; return what came of it."""
        partition = recipient_key(change.recipient)
        announced: datetime | None = None
        while True:
            known = await self._table.get(partition, change.row)
            if known:
                return Applied(change, bool(known.values["flipped"]), moved=False)
            standing = await self.standing(change.recipient)
            recorded_ms = to_ms(self._clock.now())
            moves = [replace(move, recorded_ms=move.recorded_ms or recorded_ms) for move in _moves(change, standing)]
            subject = change.sender or None
            flipped = standing.blocks(subject) is not standing.after(moves).blocks(subject)
            writes = [_history_write(partition, change, flipped=flipped)]
            writes += [Write("replace" if move.etag else "insert", _to_entity(move)) for move in moves]
            if change.consent is Consent.OPTED_OUT and _is_stale(announced, self._clock.now()):
                announced = self._clock.now()
                await self._announce(partition)
            try:
                await self._table.transact(writes)
            except (EntityExists, EntityChanged):
                continue
            return Applied(change, flipped, moved=bool(moves))

    async def left_since(self, at: datetime) -> frozenset[str]:
        """Return the keys of the recipients who may have opted out since then (or a little before)."""
        since_ms = to_ms(at - _CLOCK_SKEW)
        now_ms = to_ms(self._clock.now() + _CLOCK_SKEW)
        within = Range(
            partition_from=hour_partition(now_ms),
            partition_to=hour_partition(since_ms) + "~",
            row_to=newest_first(since_ms) + "~",
        )
        return frozenset([entity.row.partition(".")[2] async for entity in scan(self._announcements, within)])

    async def _announce(self, key: str) -> None:
        now_ms = to_ms(self._clock.now())
        await self._announcements.upsert(Entity(hour_partition(now_ms), f"{newest_first(now_ms)}.{key}"))

    async def keys(self, most: int) -> frozenset[str] | None:
        """Return the keys of all recipients who have opted out of anything; None if there are more than `most`."""
        rows = Range(row_from=_SCOPE_ROWS[0], row_to=_SCOPE_ROWS[1])
        keys: set[str] = set()
        async for entity in scan(self._table, rows, ("consent",)):
            if entity.values["consent"] == Consent.OPTED_OUT.value:
                keys.add(entity.partition)
            if len(keys) > most:
                return None
        return frozenset(keys)

    async def has(self, change: Change) -> bool:
        """Tell whether this change has been applied."""
        return await self._table.get(recipient_key(change.recipient), change.row) is not None

    async def history(self, recipient: str) -> tuple[Change, ...]:
        """Return every change of a recipient, the newest first."""
        rows = Range(recipient_key(recipient), row_from=_CHANGE_ROWS[0], row_to=_CHANGE_ROWS[1])
        return tuple([_change_from_entity(entity) async for entity in scan(self._table, rows)])

    async def flips_since(self, recipient: str, since_ms: int) -> Sequence[Change]:
        """Return the changes since then that made a difference to whether the recipient may be texted."""
        rows = Range(recipient_key(recipient), row_from=_CHANGE_ROWS[0], row_to=f"change.{newest_first(since_ms)}~")
        return [_change_from_entity(row) async for row in scan(self._table, rows) if row.values["flipped"]]

    async def page(self, limit: int, cursor: str | None) -> tuple[tuple[OptOut, ...], str | None]:
        """Return up to `limit` opt-outs in force, in no order that means anything, and the next page's cursor."""
        rows = Range(row_from=_SCOPE_ROWS[0], row_to=_SCOPE_ROWS[1])
        found: list[OptOut] = []
        while True:
            page = await self._table.query(rows, limit=limit - len(found), cursor=cursor)
            entries = (_from_entity(entity) for entity in page.entities)
            found += [entry for entry in entries if entry.consent is Consent.OPTED_OUT]
            cursor = page.cursor
            if cursor is None or len(found) == limit:
                return tuple(found), cursor


def _is_stale(announced: datetime | None, now: datetime) -> bool:
    return announced is None or now - announced > _ANNOUNCED_FOR


def _moves(change: Change, standing: Standing) -> Sequence[OptOut]:
    return [move for scope in change.scopes if (move := _move(change, scope, standing.by_scope.get(scope)))]


def _move(change: Change, scope: str, now: OptOut | None) -> OptOut | None:
    wanted = OptOut(change.recipient, scope, change.consent, change.at_ms, change.source, change.keyword)
    if now is None:
        return wanted
    if wanted.consent is now.consent:
        wanted = replace(wanted, recorded_ms=now.recorded_ms)
    if change.overrides and wanted.order <= now.order:
        return replace(wanted, at_ms=now.at_ms + 1, etag=now.etag)
    return replace(wanted, etag=now.etag) if wanted.order > now.order else None


def _history_write(partition: str, change: Change, *, flipped: bool) -> Write:
    values: dict[str, Value] = {
        "changeId": change.id,
        "recipient": change.recipient,
        "scopes": "\n".join(change.scopes),
        "consent": change.consent.value,
        "atMs": change.at_ms,
        "source": change.source.value,
        "keyword": change.keyword,
        "sender": change.sender,
        "flipped": flipped,
    }
    return Write("insert", Entity(partition, change.row, values))


def _change_from_entity(entity: Entity) -> Change:
    values = entity.values
    return Change(
        id=str(values["changeId"]),
        recipient=str(values["recipient"]),
        scopes=tuple(str(values["scopes"]).split("\n")),
        consent=Consent(str(values["consent"])),
        at_ms=int(values["atMs"]),
        source=Source(str(values["source"])),
        keyword=str(values["keyword"]),
        sender=str(values["sender"]),
    )


def _to_entity(entry: OptOut) -> Entity:
    values: dict[str, Value] = {
        "recipient": entry.recipient,
        "scope": entry.scope,
        "consent": entry.consent.value,
        "atMs": entry.at_ms,
        "source": entry.source.value,
        "keyword": entry.keyword,
        "recordedMs": entry.recorded_ms,
    }
    return Entity(recipient_key(entry.recipient), _scope_row(entry.scope), values, entry.etag)


def _from_entity(entity: Entity) -> OptOut:
    values = entity.values
    return OptOut(
        recipient=str(values["recipient"]),
        scope=str(values["scope"]),
        consent=Consent(str(values["consent"])),
        at_ms=int(values["atMs"]),
        source=Source(str(values["source"])),
        keyword=str(values["keyword"]),
        recorded_ms=int(values.get("recordedMs", 0)),
        etag=entity.etag,
    )


def _scope_row(scope: str) -> str:
    return "scope.all" if scope == ALL_SENDERS else f"scope.{digest('scope', scope)}"
