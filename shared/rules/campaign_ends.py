"""When a campaign ends that keeps quiet hours: at the sender's rate, each text by day at its recipient's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.rules.countries import ByCountry
from shared.rules.ids import from_ms, to_ms
from shared.rules.pacing import Rate, campaign_duration_ms, campaign_units
from shared.rules.quiet_hours import DayHours, next_allowed_at

# Hours begin and end on a quarter of an hour nearly everywhere; within one, whoever may be texted stays so.
_STEP_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many recipients of one country (ISO 3166) whose numbers may be in the same time zones."""

    country: str | None
    places: tuple[str, ...]
    units: int

    def opens_ms(self, at_ms: int, hours: ByCountry[DayHours]) -> int:
        """Return the first moment from `at_ms` on at which they may be texted."""
        return to_ms(next_allowed_at(self.places, self.country, from_ms(at_ms), hours))


def campaign_end_ms(crowds: Sequence[Crowd], start_ms: int, hours: ByCountry[DayHours], rate: Rate) -> int:
    """Return when the last text goes, if the campaign begins at `start_ms` and has the sender for itself.

    Of those who may be texted, the first crowds go first. Exact to a quarter of an hour where hours end in between.
    """
    left = {crowd: crowd.units for crowd in crowds if crowd.units}
    opens = dict.fromkeys(left, 0)
    at_ms = start_ms
    while left:
        # Only of those who could be texted until now: the others are known to wait.
        opens = {crowd: crowd.opens_ms(at_ms, hours) if opens[crowd] <= at_ms else opens[crowd] for crowd in left}
        due = [crowd for crowd in left if opens[crowd] <= at_ms]
        step_ms = _STEP_MS - at_ms % _STEP_MS
        needed_ms = campaign_duration_ms(sum(left[crowd] for crowd in due), rate)
        if not due:
            at_ms = min(opens.values())
        elif needed_ms <= step_ms:
            at_ms += needed_ms
            left = {crowd: units for crowd, units in left.items() if crowd not in due}
        else:
            at_ms += step_ms
            left = _without(left, due, campaign_units(step_ms, rate))
    return at_ms


def _without(left: dict[Crowd, int], due: Sequence[Crowd], room: int) -> dict[Crowd, int]:
    following = dict(left)
    for crowd in due:
        gone = min(room, following[crowd])
        following[crowd] -= gone
        room -= gone
    return {crowd: units for crowd, units in following.items() if units}
