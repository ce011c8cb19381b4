"""The phones on the other side: one per number, each with its thread of bubbles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from local.carrier.clock import utc_now
from local.carrier.segments import Size

KEPT_HANDSETS = 100_000
KEPT_BUBBLES = 500
SHOWN_HANDSETS = 200
SHOWN_BUBBLES = 200


class Direction(StrEnum):
    """Whether the handset received the text or its person wrote it."""

    TO_HANDSET = "toHandset"
    FROM_HANDSET = "fromHandset"


class BubbleState(StrEnum):
    """What is known of a text: on its way, its end, or that the person wrote it."""

    ON_ITS_WAY = "onItsWay"
    DELIVERED = "delivered"
    FAILED = "failed"
    NO_REPORT = "noReport"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text in a thread. `sender` is the resource's sender in both directions."""

    id: str
    direction: Direction
    sender: str
    text: str
    at: datetime
    state: BubbleState
    size: Size
    code: str | None = None
    network: bool = False


@dataclass(slots=True)
class Handset:
    """A phone with its newest texts, oldest first."""

    number: str
    last_activity_at: datetime
    bubbles: OrderedDict[str, Bubble] = field(default_factory=OrderedDict)


class Handsets:
    """The handsets, most recent activity last in the store and first in what is shown."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._handsets: OrderedDict[str, Handset] = OrderedDict()
        self._on_change = on_change

    def switch_on(self, number: str) -> tuple[Handset, bool]:
        """Return the handset with this number, and whether it had to be made."""
        known = self._handsets.get(number)
        if known is not None:
            return known, False
        handset = self._handsets[number] = Handset(number, utc_now())
        if len(self._handsets) > KEPT_HANDSETS:
            self._handsets.popitem(last=False)
        self._on_change()
        return handset, True

    def show(self, number: str, bubble: Bubble) -> None:
        """Add a text to the thread of a handset, which is made if need be."""
        handset, _ = self.switch_on(number)
        handset.bubbles[bubble.id] = bubble
        if len(handset.bubbles) > KEPT_BUBBLES:
            handset.bubbles.popitem(last=False)
        handset.last_activity_at = bubble.at
        self._handsets.move_to_end(number)
        self._on_change()

    def mark(self, number: str, bubble_id: str, state: BubbleState, code: str | None) -> None:
        """Change the state of a text; nothing happens when it is no longer kept."""
        handset = self._handsets.get(number)
        bubble = handset.bubbles.get(bubble_id) if handset else None
        if handset is None or bubble is None:
            return
        handset.bubbles[bubble_id] = replace(bubble, state=state, code=code)
        self._on_change()

    def newest(self) -> list[Handset]:
        """Return the handsets to show, most recent activity first."""
        return list(islice(reversed(self._handsets.values()), SHOWN_HANDSETS))

    def clear(self) -> None:
        """Forget all handsets."""
        self._handsets.clear()


def shown(handset: Handset) -> list[Bubble]:
    """Return the newest texts of a handset, oldest first."""
    return list(handset.bubbles.values())[-SHOWN_BUBBLES:]
