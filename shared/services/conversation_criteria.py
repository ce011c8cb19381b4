"""Criteria: which conversations are looked for."""

from __future__ import annotations

from dataclasses import dataclass

from shared.ports.tables import Range
from shared.rules.ids import hour_partition, newest_first
from shared.services.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which conversations are looked for; what is left out does not matter. Times are in ms, `text` in any case."""

    sender: str = ""
    recipient: str = ""
    text: str = ""
    start_ms: int = 0
    end_ms: int = 0
    unread: bool | None = None
    waiting: bool | None = None
    is_open: bool | None = None
    assignee: str | None = None
    label: str = ""

    @property
    def within(self) -> Range:
        """Return the rows of the activity that are looked at."""
        return Range(
            partition_from=hour_partition(self.end_ms) if self.end_ms else None,
            partition_to=hour_partition(self.start_ms) + "~" if self.start_ms else None,
            row_from=newest_first(self.end_ms - 1) if self.end_ms else None,
            row_to=newest_first(self.start_ms) + "~" if self.start_ms else None,
        )

    def fit(self, one: Conversation) -> bool:
        """Tell whether a conversation is looked for, its texts aside."""
        wanted: tuple[tuple[object, object], ...] = (
            (self.sender or None, one.newest.sender),
            (self.unread, one.unread > 0),
            (self.waiting, one.waiting_since_ms > 0),
            (self.is_open, one.is_open),
            (self.assignee, one.state.assignee),
        )
        return all(want is None or want == is_so for want, is_so in wanted) and (
            not self.label or self.label in one.state.labels
        )
