"""What a request holds of the daily cap: segments that were counted for it before it was sent. Days are UTC.

Each change that a holder asks for has a number, its `turn`, so that a change which is asked for twice, by two workers
or after a crash, is made once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from shared.rules.ids import DAY_MS


def day_of(ms: int) -> int:
    """Return the UTC day that holds this time, in days since 1970."""
    return ms // DAY_MS


def day_end_ms(ms: int) -> int:
    """Return the midnight UTC that ends the day of this time."""
    return (day_of(ms) + 1) * DAY_MS


@dataclass(frozen=True, slots=True)
class Hold:
    """Segments that are counted on a day for texts that have not gone.

    `turn`: the number of the last change; `back`: what is to be given back with that change, if it has not been yet.
    """

    day: int = 0
    turn: int = 0
    segments: int = 0
    back: int = 0

    def on(self, day: int) -> int:
        """Return how many segments are held on that day."""
        return self.segments if self.day == day else 0

    def without(self, spare: int) -> Hold:
        """Return the hold with so many segments to be given back; with none, the same."""
        if spare <= 0:
            return self
        return replace(self, turn=self.turn + 1, segments=self.segments - spare, back=spare)

    def to_json(self) -> str:
        """Return the hold as it is stored."""
        return json.dumps([self.day, self.turn, self.segments, self.back], separators=(",", ":"))

    @classmethod
    def from_json(cls, stored: str) -> Hold:
        """Return the hold that `to_json` wrote; none, where an earlier version wrote nothing."""
        return cls(*json.loads(stored)) if stored else cls()


NOTHING = Hold()
