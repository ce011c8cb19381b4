"""When a daily cap holds up a campaign: segments on one side, what each UTC day has room for on the other."""

from __future__ import annotations

from dataclasses import dataclass

from shared.rules.holds import day_end_ms
from shared.rules.ids import DAY_MS
from shared.rules.pacing import Rate, campaign_duration_ms, campaign_units


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be sent, at which rate. The texts count as equally long."""

    segments: int
    texts: int
    rate: Rate

    def in_ms(self, segments: int) -> int:
        """Return how long so many segments take."""
        return campaign_duration_ms(self._texts(segments), self.rate)

    def within(self, duration_ms: int) -> int:
        """Return how many segments go in so long."""
        return campaign_units(duration_ms, self.rate) * self.segments // self.texts

    def _texts(self, segments: int) -> int:
        return -(-segments * self.texts // self.segments)


@dataclass(frozen=True, slots=True)
class HeldUp:
    """From when on a cap holds a campaign up first, and when its last text goes at the earliest; in ms."""

    at_ms: int
    ends_ms: int


def held_up(load: Load, starts_ms: int, first_room: int, daily: int) -> HeldUp | None:
    """Return when the cap holds this up, None if it does not.

    `first_room` is what the day of the start has room for, `daily` what each later day has, both in segments. Nothing
    else is sent meanwhile, and nothing waits for anything else.
    """
    at_ms, left, room = starts_ms, load.segments, first_room
    while left:
        day_end = day_end_ms(at_ms)
        gone = min(left, load.within(day_end - at_ms))
        if gone > room:
            held_ms = at_ms + load.in_ms(room)
            days, rest = divmod(left - room - 1, max(1, min(daily, load.within(DAY_MS))))
            return HeldUp(held_ms, day_end + days * DAY_MS + load.in_ms(rest + 1))
        at_ms, left, room = day_end, left - gone, daily
        if not gone and not load.within(DAY_MS):
            return None
    return None
