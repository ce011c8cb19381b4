"""The people of a world: their numbers, where they are, and what they write and say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from shared.rules.choices import ChoiceWords
from shared.rules.quiet_hours import places_of

STOP_REPLY = "You have been unsubscribed. Reply START to come back."
START_REPLY = "You are back. Reply STOP to leave."
HELP_REPLY = "Contoso. Reply STOP to leave."

# A prefix, how many digits follow, and where its phones are. Written down here, not asked of the code under test.
_POOLS: Sequence[tuple[str, int, tuple[str, ...]]] = (
    ("+1425", 7, ("America/Los_Angeles",)),
    ("+1212", 7, ("America/New_York",)),
    ("+4479", 8, ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London")),
    ("+8190", 8, ("Asia/Tokyo",)),
    (
        "+6141",
        7,
        (
            "Australia/Adelaide",
            "Australia/Brisbane",
            "Australia/Eucla",
            "Australia/Lord_Howe",
            "Australia/Perth",
            "Australia/Sydney",
            "Indian/Christmas",
            "Indian/Cocos",
        ),
    ),
)
_ZONES = {prefix: zones for prefix, _, zones in _POOLS}

_STOPS = ("STOP", "stop", "Unsubscribe", "ＳＴＯＰ", "Stop!", "QUIT")
_OTHERS = ("Thanks", "who is this?", "don't stop", "HELP", "ok", "1", "2")
# What every second text asks for; YES may be an answer to an opt-out as well.
WORDS = ChoiceWords.of(["YES", "1", "ok"], ["2"])


@dataclass(frozen=True, slots=True)
class Said:
    """A text that a person sent: when by the network (ms), to which sender."""

    at_ms: int
    recipient: str
    sender: str
    text: str


def zones_of(number: str) -> tuple[str, ...]:
    """Return the time zones of a number of this world."""
    return _ZONES[number[:5]]


def numbers(random: Random, count: int, most: int) -> list[str]:
    """Return that many different numbers, of the first `most` people of each pool."""
    pools = random.sample(_POOLS, k=random.choice((1, 2, len(_POOLS))))
    places = random.sample(range(most * len(pools)), k=min(count, most * len(pools)))
    return [_number(pools[place % len(pools)], place // len(pools)) for place in places]


def _number(pool: tuple[str, int, tuple[str, ...]], place: int) -> str:
    prefix, digits, _ = pool
    first = 2_000_000 if digits == 7 else 11_000_000
    return f"{prefix}{first + place:0{digits}d}"


def answer(random: Random) -> str:
    """Return what a person who was texted writes back."""
    roll = random.random()
    if roll < 0.45:
        return random.choice(_STOPS)
    if roll < 0.6:
        return "START"
    return "YES" if roll < 0.7 else random.choice(_OTHERS)


def check_places() -> None:
    """Raise if the prefixes of this world are elsewhere by the code under test."""
    for pool in _POOLS:
        if places_of(_number(pool, 0)) != pool[2]:
            raise ValueError(f"Numbers with {pool[0]} are not in {pool[2]}.")
