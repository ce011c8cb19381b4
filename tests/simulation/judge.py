"""The judge: what must always hold, checked at each request to the carrier and at each write of a row.

It knows what the world did and what the store holds, and nothing of what the services think. Each broken promise is
a `Broken`, which ends the run.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID
from zlib import crc32
from zoneinfo import ZoneInfo

from shared.edges.carrier_memory import SentText
from shared.ports.carrier import SendRequest
from shared.ports.tables import Entity
from shared.rules.holds import day_of
from shared.rules.ids import MessageKey, Send, block_id, digest, recipient_key, to_ms
from shared.rules.segments import count_segments
from shared.rules.states import ENDS, WAITING, History, State, Step
from shared.services.campaigns import CHUNKS_PER_BLOCK
from tests.simulation.loop import VirtualLoop
from tests.simulation.people import STOP_REPLY, zones_of
from tests.simulation.ports import Reads

_OPEN = WAITING | {State.SENDING}
_READ_BEFORE_S = 1.0
_WINDOW_S = 60.0
# How long before a request leaves its worker may have looked whether the sender is slowed.
_LOOKED_BEFORE_S = 1.5


class Broken(AssertionError):
    """A promise is broken."""


class Store(Protocol):
    """Looking into the tables, without any fault or delay."""

    def find(self, table: str, partition: str, row: str) -> Entity | None:
        """Return a row."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a caller wanted of a send or campaign. `not_after_ms` 0: no end."""

    quiet: bool = False
    not_after_ms: int = 0


@dataclass(slots=True)
class Judge:
    """Checks one world.

    Attributes:
        spread_s: by how much the clocks of its workers differ at most.
        plans: what callers wanted, by the token in the text.
        accepted: what the carrier took, by token and recipient; `wires`: by the id on the wire.
        gone: the segments that the carrier took, by the day (UTC) on which their worker let them go.
        open: the rows of messages that are not at their end.
        trace: a sum of every request and its time, the same for the same world.
    """

    loop: VirtualLoop
    store: Store
    limits: Mapping[str, int]
    spread_s: float
    plans: dict[str, Plan] = field(default_factory=dict)
    checks: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    accepted: set[tuple[str, str]] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    trace: int = 0
    gone: Counter[int] = field(default_factory=Counter)
    wires: set[str] = field(default_factory=set)
    _left_on: dict[str, int] = field(default_factory=dict)
    _standing: dict[str, dict[str, tuple[int, bool]]] = field(default_factory=dict)
    _blocked_since: dict[tuple[str, str], float] = field(default_factory=dict)
    _windows: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _in_window: Counter[str] = field(default_factory=Counter)
    _slowed: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _pace_keys: dict[str, str] = field(default_factory=dict)
    _in_batches: set[str] = field(default_factory=set)
    _addressees: dict[tuple[str, str], Sequence[Sequence[object]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for sender in self.limits:
            self._pace_keys[digest("pace", sender if sender[-1].isdigit() else "alphanumeric")] = sender

    def leaves(self, request: SendRequest, worker_now: datetime, reads: Reads) -> None:
        """Check a request at the moment at which it leaves a worker (I1, I4, I5)."""
        seen = f"{self.loop.time():.6f} {request.tag} {[one.repeatability_id for one in request.addressees]}"
        self.trace = crc32(seen.encode(), self.trace)
        self._check_slowing(request, worker_now)
        self._check_pace(request)
        for addressee in request.addressees:
            self._left_on.setdefault(addressee.repeatability_id, day_of(to_ms(worker_now)))
        plan = self.plans.get(token_of(request.text), Plan())
        if plan.not_after_ms and to_ms(worker_now) > plan.not_after_ms:
            late_s = (to_ms(worker_now) - plan.not_after_ms) / 1000
            raise Broken(f"I5: a request left {late_s:.1f} s after its notAfter")
        if plan.quiet:
            self._check_hours(request, worker_now)
        if request.text != STOP_REPLY:
            self._check_fence(request, reads)

    def _check_slowing(self, request: SendRequest, worker_now: datetime) -> None:
        for recorded, until_ms in self._slowed.get(request.sender, ()):
            early_s = (until_ms - to_ms(worker_now)) / 1000 - self.spread_s
            if early_s > 0 and recorded + _LOOKED_BEFORE_S < self.loop.time():
                raise Broken(f"I4: a request left {early_s:.1f} s before the Retry-After that was recorded")
        self.checks["I4 requests after Retry-After"] += 1

    def _check_pace(self, request: SendRequest) -> None:
        now, key, units = self.loop.time(), request.sender, len(request.addressees)
        window = self._windows.setdefault(key, deque())
        while window and window[0][0] <= now - _WINDOW_S + self.spread_s:
            self._in_window[key] -= window.popleft()[1]
        window.append((now, units))
        self._in_window[key] += units
        self.checks["I4 requests in their window"] += 1
        if self._in_window[key] > self.limits[key]:
            raise Broken(f"I4: {self._in_window[key]} units within 60 s, of {self.limits[key]}")

    def _check_hours(self, request: SendRequest, worker_now: datetime) -> None:
        for zones in {zones_of(addressee.to) for addressee in request.addressees}:
            for zone in zones:
                hour = worker_now.astimezone(ZoneInfo(zone)).hour
                if not 9 <= hour < 20:
                    raise Broken(f"I5: a request left at {hour} o'clock in {zone}")
        self.checks["I5 recipients in their hours"] += len(request.addressees)

    def _check_fence(self, request: SendRequest, reads: Reads) -> None:
        now = self.loop.time()
        for addressee in request.addressees:
            read = reads.last_of(recipient_key(addressee.to))
            if now - read > _READ_BEFORE_S:
                raise Broken(f"I1: a request left {now - read:.2f} s after the fence was read")
            since = self._blocked_since.get((addressee.to, request.sender))
            if since is not None and since < read:
                raise Broken(f"I1: a request left for somebody who opted out {read - since:.2f} s before the fence")
        self.checks["I1 recipients behind the fence"] += len(request.addressees)

    def accepts(self, text: SentText) -> None:
        """Check a text that the carrier has taken: it is the only one of its kind (I2)."""
        logical = (token_of(text.text) or text.tag, text.to)
        self.checks["I2 texts accepted"] += 1
        if logical in self.accepted or text.repeatability_id in self.wires:
            raise Broken("I2: a message was accepted twice")
        self.accepted.add(logical)
        self.wires.add(text.repeatability_id)
        self._check_counted(text)

    def _check_counted(self, text: SentText) -> None:
        day = self._left_on[text.repeatability_id]
        self.gone[day] += count_segments(text.text).segments
        counter = self.store.find("DailyUse", f"{day:06d}", "all")
        counted = int(counter.values["segments"]) if counter else 0
        self.checks["Texts counted for the daily cap"] += 1
        if counted < self.gone[day]:
            raise Broken(f"Cap: {self.gone[day]} segments went on a day, and {counted} are counted")

    def blocks(self, recipient: str, sender: str) -> bool:
        """Tell whether by what is stored this sender may not text that person."""
        return (recipient, sender) in self._blocked_since

    def wrote(self, table: str, old: Entity | None, new: Entity | None) -> None:
        """Check a write to the store."""
        match table:
            case "OptOuts" if new:
                self._opt_out_wrote(new)
            case "Messages" if new:
                self._message_wrote(old, new)
            case "Activity" if new:
                self._activity_wrote(old, new)
            case "Paces" if new:
                self._pace_wrote(new)
            case "Batches" if new and not old:
                self._in_batches.update(key.row for key in _keys_of(new))
            case "Batches" if old and not new:
                self._batch_closed(old)
            case "Campaigns" if new and new.row.startswith("chunk."):
                self._chunk_wrote(old, new)

    def _pace_wrote(self, new: Entity) -> None:
        sender = self._pace_keys[new.partition]
        until_ms: int = json.loads(str(new.values["pace"]))[1]
        known = self._slowed.setdefault(sender, deque(maxlen=8))
        if until_ms and until_ms not in [until for _, until in known]:
            known.append((self.loop.time(), until_ms))

    def _opt_out_wrote(self, new: Entity) -> None:
        if not new.row.startswith("scope."):
            return
        recipient, scope = str(new.values["recipient"]), str(new.values["scope"])
        standing = self._standing.setdefault(recipient, {})
        standing[scope] = (int(new.values["atMs"]), new.values["consent"] == "optedOut")
        for sender in self.limits:
            said = [standing[one] for one in (sender, "*") if one in standing]
            if said and max(said)[1]:
                self._blocked_since.setdefault((recipient, sender), self.loop.time())
            else:
                self._blocked_since.pop((recipient, sender), None)

    def _message_wrote(self, old: Entity | None, new: Entity) -> None:
        values = new.values
        if values["home"] or values["direction"] != "outbound":
            return
        now = _step(new)
        self.checks["I3 steps of messages"] += 1
        (self.open.discard if is_at_end(new) else self.open.add)(new.row)
        if old is None:
            self.counts["messages"] += 1
        elif now.order < _step(old).order:
            raise Broken(f"I3: a message went back from {_step(old).state} to {now.state}")
        if now.state in _OPEN and not values["campaign"] and new.row not in self._in_batches:
            raise Broken(f"I7: a message is {now.state} and in no batch")

    def _activity_wrote(self, old: Entity | None, new: Entity) -> None:
        self.checks["I8 steps of activity"] += 1
        if old and _activity_step(new).order < _activity_step(old).order:
            raise Broken(f"I8: the activity of a message went back to {new.values['state']}")

    def _batch_closed(self, batch: Entity) -> None:
        for key in _keys_of(batch):
            self._check_done(key, "a batch was closed")
            self._in_batches.discard(key.row)

    def _chunk_wrote(self, old: Entity | None, new: Entity) -> None:
        begin = int(old.values["position"]) if old else 0
        end = int(new.values["position"])
        if end < begin:
            raise Broken("I7: a chunk went back")
        if end == begin:
            return
        campaign = self.store.find("Campaigns", new.partition, "campaign")
        if campaign is None:
            raise Broken("I7: a chunk without a campaign moved on")
        number = int(new.row.removeprefix("chunk."))
        send = Send(block_id(new.partition, number // CHUNKS_PER_BLOCK), int(campaign.values["createdMs"]), block=True)
        for _, to, _ in self._names(new.partition, number)[begin:end]:
            key = MessageKey.outbound(send, str(campaign.values["sender"]), str(to))
            self._check_done(key, "a chunk moved on")

    def _names(self, campaign: str, number: int) -> Sequence[Sequence[object]]:
        row = f"names.{number:05d}"
        if (campaign, row) not in self._addressees:
            stored = self.store.find("Campaigns", campaign, row)
            self._addressees[campaign, row] = json.loads(str(stored.values["names"]))["to"] if stored else []
        return self._addressees[campaign, row]

    def _check_done(self, key: MessageKey, when: str) -> None:
        message = self.store.find("Messages", key.partition, key.row)
        self.checks["I7 messages left behind"] += 1
        if message is None:
            raise Broken(f"I7: {when}, and a message of it is not stored")
        if str(message.values["state"]) in _OPEN:
            raise Broken(f"I7: {when}, and a message of it is {message.values['state']}")


def is_at_end(message: Entity) -> bool:
    """Tell whether a message goes no further by itself; without a report it is never known to be more than sent."""
    state = State(str(message.values["state"]))
    return state in ENDS or (state is State.SENT and not message.values["deliveryReport"])


def token_of(text: str) -> str:
    """Return what names the send or campaign in a text of a caller; empty for an answer of the app's own."""
    return text.rpartition("#")[2] if "#" in text else ""


def _keys_of(batch: Entity) -> list[MessageKey]:
    send = Send(UUID(batch.row), int(batch.values["acceptedMs"]))
    sender, recipients = str(batch.values["sender"]), json.loads(str(batch.values["recipients"]))
    return [MessageKey.outbound(send, sender, recipient) for recipient in recipients]


def _step(message: Entity) -> Step:
    return History.from_json(str(message.values["steps"])).current


def _activity_step(activity: Entity) -> Step:
    values = activity.values
    return Step(
        State(str(values["state"])),
        int(values["stateMs"]),
        str(values["reason"]),
        str(values["code"]),
        int(values["round"]),
    )
