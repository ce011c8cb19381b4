"""What becomes of an accepted message: it arrives on the handset, and a report of it comes, or not."""

from __future__ import annotations

from dataclasses import dataclass

from local.carrier.agenda import Agenda
from local.carrier.clock import utc_now
from local.carrier.codes import DELIVERED, OPTED_OUT, TIMED_OUT, Magic, details_of, magic_of, status_of
from local.carrier.event_grid import EventGrid
from local.carrier.events import Event, report_event
from local.carrier.handsets import BubbleState, Handsets
from local.carrier.ids import new_guid
from local.carrier.messages import Message, Messages, Report
from local.carrier.opt_outs import OptOuts, Pair
from local.carrier.trouble import OptOutMode, Switches


@dataclass(frozen=True, slots=True)
class Fate:
    """The outcome of a message. Delays are carrier seconds from now; `reported_in` None means never."""

    code: str
    details: str
    arrives_in: float
    reported_in: float | None
    event_lost: bool = False


class Deliveries:
    """Decides the fate of each accepted message and brings it about."""

    def __init__(
        self,
        switches: Switches,
        agenda: Agenda,
        messages: Messages,
        handsets: Handsets,
        opt_outs: OptOuts,
        grid: EventGrid,
    ) -> None:
        self._switches = switches
        self._agenda = agenda
        self._messages = messages
        self._handsets = handsets
        self._opt_outs = opt_outs
        self._grid = grid

    def begin(self, message: Message) -> None:
        """Schedule arrival and report of a message that was just accepted."""
        fate = self._fate(message)
        self._agenda.after(fate.arrives_in, lambda: self._arrive(message, fate))
        if fate.reported_in is not None:
            self._agenda.after(fate.reported_in, lambda: self._report(message.message_id, fate))

    async def finish_before_answer(self, message: Message) -> None:
        """Let a message arrive and deliver its report now, before the request is answered."""
        code, details = self._end(message, magic_of(message.recipient))
        self._arrive(message, Fate(code, details, 0, 0 if message.report_wanted else None))
        event = self._settle(message.message_id, code, details) if message.report_wanted else None
        if event is not None:
            await self._grid.raise_at_once(event)

    def report_again(self, message_id: str, code: str) -> Event | None:
        """Send a report with any code for a message now; None when the message is not known."""
        event = self._settle(message_id, code, details_of(code))
        if event is not None:
            self._grid.raise_event(event)
        return event

    def _fate(self, message: Message) -> Fate:
        magic = magic_of(message.recipient)
        code, details = self._end(message, magic)
        arrives_in = self._switches.trouble.report_delay_ms / 1000
        reported_in = self._reported_in(magic, arrives_in) if message.report_wanted else None
        timeout = message.report_timeout_s if message.report_wanted else None
        if timeout is not None and (reported_in is None or reported_in > timeout):
            return Fate(TIMED_OUT, details_of(TIMED_OUT), arrives_in, timeout)
        lost = reported_in is not None and self._chance("lost reports", self._switches.trouble.lost_reports)
        return Fate(code, details, arrives_in, reported_in, lost)

    def _end(self, message: Message, magic: Magic) -> tuple[str, str]:
        obeys = self._switches.trouble.opt_out_mode is OptOutMode.SERVICE
        if obeys and self._opt_outs.is_refused(Pair(message.sender, message.recipient)):
            return OPTED_OUT, details_of(OPTED_OUT)
        return magic.code, magic.details or details_of(magic.code)

    def _reported_in(self, magic: Magic, arrives_in: float) -> float | None:
        trouble = self._switches.trouble
        if not magic.reported:
            return None
        if magic.late or self._chance("late reports", trouble.late_reports):
            return arrives_in + trouble.late_report_seconds
        return arrives_in

    def _chance(self, purpose: str, probability: float) -> bool:
        return self._switches.dice.chance(purpose, probability)

    def _arrive(self, message: Message, fate: Fate) -> None:
        will_be_known = fate.reported_in is not None and not fate.event_lost and fate.code != TIMED_OUT
        state, code = (_state_of(fate.code), fate.code) if will_be_known else (BubbleState.NO_REPORT, None)
        self._handsets.mark(message.recipient, message.message_id, state, code)

    def _report(self, message_id: str, fate: Fate) -> None:
        event = self._settle(message_id, fate.code, fate.details, lost=fate.event_lost)
        if event is not None and not fate.event_lost:
            self._grid.raise_event(event)

    def _settle(self, message_id: str, code: str, details: str, *, lost: bool = False) -> Event | None:
        """Store a report and return its event. A message's first event has the message's id, as in the samples."""
        before = self._messages.get(message_id)
        if before is None:
            return None
        now = utc_now()
        attempted_at = before.report.attempted_at if before.report else now
        report = Report(code, status_of(code), details, attempted_at, received_at=now)
        message = self._messages.settle(before, report, None if lost else now)
        if not lost:
            self._handsets.mark(message.recipient, message_id, _state_of(code), code)
        event_id = new_guid() if before.report else message_id
        return report_event(event_id, message, report, now, self._switches.trouble)


def _state_of(code: str) -> BubbleState:
    return BubbleState.DELIVERED if code == DELIVERED else BubbleState.FAILED
