"""Missing reports: a text for which no delivery report came in time is called unknown; a late one still settles it."""

from __future__ import annotations

from datetime import timedelta

from shared.ports.clock import Clock
from shared.ports.telemetry import Metric, Telemetry
from shared.rules.ids import to_ms
from shared.rules.reasons import Reason
from shared.rules.states import State, Step
from shared.services.activity import Activity, ActivityLog, Kind
from shared.services.ends import Ends
from shared.services.messages import Messages

# A text is found by when it was accepted; most are sent at once, and once a day those are found that were not.
_LOOK_BACK = timedelta(hours=3)
_DAILY_LOOK_BACK = timedelta(days=10)
_DAILY_AT_HOUR = 3


class MissingReports:
    """Settles what no report has settled."""

    def __init__(
        self,
        *,
        messages: Messages,
        activity: ActivityLog,
        ends: Ends,
        clock: Clock,
        telemetry: Telemetry,
        within: timedelta,
    ) -> None:
        self._messages = messages
        self._activity = activity
        self._ends = ends
        self._clock = clock
        self._telemetry = telemetry
        self._within = within

    async def settle(self) -> int:
        """Settle the texts of the hours whose time for reports has just ended; return how many."""
        now = self._clock.now()
        until = now - self._within
        look_back = _DAILY_LOOK_BACK if now.hour == _DAILY_AT_HOUR else _LOOK_BACK
        count = missing = reported = 0
        async for one in self._activity.between(to_ms(until - look_back), to_ms(until)):
            settled = _is_late(one, to_ms(until)) and await self._settle(one, to_ms(now))
            count += settled
            if one.kind is Kind.OUTBOUND and one.at_ms >= to_ms(until - _LOOK_BACK):
                missing += settled or one.step.reason == Reason.REPORT_MISSING
                reported += bool(one.step.code)
        if missing + reported:
            self._telemetry.measured(Metric.UNKNOWN_RATE, missing / (missing + reported))
        return count

    async def _settle(self, one: Activity, now_ms: int) -> bool:
        message = await self._messages.get(one.message_key)
        if message is None or not message.delivery_report:
            return False
        settled = message
        if message.state is State.SENT:
            settled = await self._messages.settle(message, Step(State.UNKNOWN, now_ms, Reason.REPORT_MISSING))
        elif message.reason != Reason.REPORT_MISSING:
            return False
        # Else a worker settled it that died before it noted that.
        await self._ends.tell([settled])
        await self._activity.merge(Activity.of(settled))
        await self._messages.copy_to_conversation(settled)
        return True


def _is_late(one: Activity, until_ms: int) -> bool:
    return one.kind is Kind.OUTBOUND and one.step.state is State.SENT and one.step.at_ms < until_ms
