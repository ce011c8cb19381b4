"""The verdict on a world that has come to rest: what it ends in, counted anew from all that happened in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.ports.tables import Entity
from shared.rules.delivery_codes import Outcome, parse_outcome
from shared.rules.keywords import KeywordKind, classify
from shared.rules.states import ENDS, History, State
from shared.services.analytics import Interval
from shared.services.messages import Direction, from_entity
from shared.services.notices import message_settled, text_received
from tests.simulation.callers import Promises
from tests.simulation.judge import Broken, is_at_end
from tests.simulation.people import Said
from tests.simulation.world import LIMITS, World

_STATES = {Outcome.DELIVERED: State.DELIVERED, Outcome.FAILED: State.FAILED, Outcome.UNKNOWN: State.UNKNOWN}
_BY_REPORT = "a delivery report that says so"
_MONTH_MS = 30 * 86_400_000


def outbound(world: World) -> Iterator[Entity]:
    """Yield the rows of all messages to people, without the copies in conversations."""
    for row in world.tables.table("Messages").all():
        if row.values["direction"] == "outbound" and not row.values["home"]:
            yield row


def check_end(world: World, promises: Promises) -> None:
    """Check what a world ended in (I2, I3, I7, I8); Broken if a promise is."""
    _check_nothing_open(world)
    _check_promises(world, promises)
    _check_reports(world)
    _check_standings(world)
    _check_totals(world)
    _check_told(world)
    _check_counted(world)


def open_work(world: World) -> Counter[str]:
    """Return what is still under way, by kind: nothing of it may stay for ever (I7)."""
    found = Counter(f"message {row.values['state']}" for row in outbound(world) if not is_at_end(row))
    found["batches"] += sum(1 for _ in world.tables.table("Batches").all())
    for row in world.tables.table("Outbox").all():
        found["lanes"] += row.partition == "due"
        found["notices"] += row.row.startswith("notice.")
    for row in world.tables.table("Campaigns").all():
        found["chunks"] += row.row.startswith("chunk.") and not row.values["closed"]
        found["campaigns"] += row.partition == "running"
        if row.partition not in ("running", "index") and not world.tables.find("Campaigns", row.partition, "campaign"):
            found["rows of broken uploads"] += 1
    return +found


def _check_nothing_open(world: World) -> None:
    found = open_work(world)
    if found:
        raise Broken(f"I7: still open at the end: {dict(found)}")
    world.judge.checks["I7 messages at an end"] += world.judge.counts["messages"]


def _check_told(world: World) -> None:
    """The application was told of every text that came in, and of every end."""
    if world.application is None:
        return
    for row in world.tables.table("Messages").all():
        message = from_entity(row)
        if message.direction is Direction.INBOUND:
            wanted = text_received(message).id
        elif message.state in ENDS:
            wanted = message_settled(message).id
        else:
            continue
        world.judge.checks["Webhook messages told"] += 1
        if not world.application.taken[wanted]:
            raise Broken(f"Webhook: it was not told that a message is {message.state}, {message.reason}")


def _check_counted(world: World) -> None:
    """What did not go was given back for the daily cap: exactly, if no worker can have died before a midnight."""
    counted = {
        int(row.partition): int(row.values["segments"])
        for row in world.tables.table("DailyUse").all()
        if row.row == "all" and row.values["segments"]
    }
    if len(counted) != 1:
        return
    gone = sum(one.segments for row in outbound(world) if (one := from_entity(row)).may_have_gone)
    world.judge.checks["Segments counted for the daily cap"] += gone
    if sum(counted.values()) != gone:
        raise Broken(f"Cap: {gone} segments went, and {counted} are counted")


def _check_promises(world: World, promises: Promises) -> None:
    rows = list(outbound(world))
    stored = {f"{row.partition}.{row.row}" for row in rows}
    lost = promises.messages - stored
    if lost:
        raise Broken(f"I7: {len(lost)} accepted messages are not stored")
    by_campaign = Counter(str(row.values["campaign"]) for row in rows)
    for campaign, recipients in promises.campaigns.items():
        if by_campaign[campaign] != recipients:
            raise Broken(f"I7: a campaign of {recipients} recipients has {by_campaign[campaign]} messages")
    canceled = [row for row in rows if f"{row.partition}.{row.row}" in promises.canceled]
    if any(_state(row) is not State.CANCELED or row.row[15:] in world.judge.wires for row in canceled):
        raise Broken("I2: a message was called canceled, and went or is something else")
    world.judge.checks["I2 canceled messages"] += len(canceled)
    wires = {row.row[15:] for row in rows if _state(row) in (State.DELIVERED, State.SENT)}
    unknown_to_carrier = wires - world.judge.wires
    if unknown_to_carrier:
        raise Broken(f"I2: {len(unknown_to_carrier)} messages are called sent and never were")


def _check_reports(world: World) -> None:
    strange = sum(1 for _ in world.tables.table("KeptEvents").all())
    if strange:
        raise Broken(f"I3: {strange} events were kept as strange")
    by_wire = {row.row[15:]: row for row in outbound(world)}
    for wire, reports in world.reported.items():
        row = by_wire[wire]
        steps = {(step.state, step.reason, step.code): step for step in _history(row).steps}
        heard: dict[tuple[State, str, str], int] = {}
        for report in reports:
            code = parse_outcome(report.status, report.details)
            kind = (_STATES[code.outcome], code.reason or "", code.code)
            heard[kind] = max(heard.get(kind, 0), report.at_ms)
        for kind, at_ms in heard.items():
            if kind not in steps or steps[kind].at_ms != at_ms:
                raise Broken(f"I3: the report {kind[0]} of a message that is {row.values['state']} is lost")
        world.judge.checks["I3 reports found again"] += len(heard)


def _check_standings(world: World) -> None:
    """Check who may be texted against what was said, taken in the order in which it was said (I3)."""
    heard: dict[str, list[Said]] = defaultdict(list)
    for one in (*world.said, *_left_by_report(world)):
        heard[one.recipient].append(one)
    for recipient, texts in heard.items():
        expected = _standing(texts, everywhere=world.scope == "all")
        for sender in LIMITS:
            if expected.blocks(sender) is not world.judge.blocks(recipient, sender):
                raise Broken(f"I3: a person of {len(texts)} texts stands elsewhere than in the order of sending")
            world.judge.checks["I3 standings found again"] += 1


def _left_by_report(world: World) -> Iterator[Said]:
    rows = {row.row[15:]: row.values for row in outbound(world)}
    for wire, reports in world.reported.items():
        for report in reports:
            if "4007" in report.details:
                yield Said(report.at_ms, str(rows[wire]["recipient"]), str(rows[wire]["sender"]), _BY_REPORT)


@dataclass(slots=True)
class _Standing:
    """Who a person has left, by scope: when, and whether they left or came back."""

    by_scope: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def say(self, scope: str, at_ms: int, *, left: bool) -> None:
        self.by_scope[scope] = max(self.by_scope.get(scope, (0, False)), (at_ms, left))

    def blocks(self, sender: str) -> bool:
        return max(self.by_scope.get(scope, (0, False)) for scope in (sender, "*"))[1]


def _standing(texts: Sequence[Said], *, everywhere: bool) -> _Standing:
    standing = _Standing()
    for one in sorted(texts, key=lambda one: one.at_ms):
        kind = classify(one.text).kind
        if one.text == _BY_REPORT:
            standing.say(one.sender, one.at_ms, left=True)
        elif kind is KeywordKind.OPT_OUT:
            standing.say("*" if everywhere else one.sender, one.at_ms, left=True)
        elif kind is KeywordKind.OPT_IN or (kind is KeywordKind.OPT_IN_ANSWER and standing.blocks(one.sender)):
            standing.say(one.sender, one.at_ms, left=False)
    return standing


def _check_totals(world: World) -> None:
    """Check the analytics against the rows of messages and of changes of consent (I8)."""
    rows = list(outbound(world))
    _check_each_activity(world, rows)
    now_ms = world.time.now_ms()
    totals = world.answer_of(
        lambda services: services.analytics.report(now_ms - _MONTH_MS, now_ms + _MONTH_MS, Interval.DAY, None)
    ).totals
    states = Counter(_state(row) for row in rows)
    gone = [row for row in rows if _state(row) is State.SENT or _history(row).current.code]
    choices = Counter(row.values.get("choice") for row in rows)
    consents = Counter(row.values["consent"] for row in world.tables.table("OptOuts").all() if "changeId" in row.values)
    expected = {
        "sent": len(gone),
        "accepted": len(rows),
        "segments": sum(int(row.values["segments"]) for row in gone),
        "delivered": states[State.DELIVERED],
        "failed": states[State.FAILED],
        "unknown": states[State.UNKNOWN],
        "suppressed": states[State.SUPPRESSED],
        "inbound": len(world.said),
        "confirms": choices["confirm"],
        "cancels": choices["cancel"],
        "opt_outs": consents["optedOut"],
        "opt_ins": consents["optedIn"],
    }
    counted = {name: totals[name] for name in expected}
    if counted != expected:
        raise Broken(f"I8: the analytics say {counted}, the rows {expected}")
    world.judge.checks["I8 totals"] += len(expected)


def _check_each_activity(world: World, rows: Sequence[Entity]) -> None:
    activity = {row.row: row.values for row in world.tables.table("Activity").all() if row.values["kind"] == "outbound"}
    if len(activity) != len(rows):
        raise Broken(f"I8: there are {len(activity)} rows of activity and {len(rows)} messages")
    for row in rows:
        one, step = activity[row.row], _history(row).current
        if (one["state"], one["reason"], one["code"]) != (step.state.value, step.reason, step.code):
            raise Broken(f"I8: a message is {step.state}, and its activity {one['state']}")
        world.judge.checks["I8 activity found again"] += 1


def _state(row: Entity) -> State:
    return State(str(row.values["state"]))


def _history(row: Entity) -> History:
    return History.from_json(str(row.values["steps"]))
