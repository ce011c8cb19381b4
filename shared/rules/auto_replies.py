"""Which automatic answer a text gets: rules in order, office hours, and a text for when the office is closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.rules.keywords import KeywordKind, classify, folded
from shared.rules.quiet_hours import parse_day_hours

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The answers to these are the app's or the carrier's: see `shared.services.inbound`.
_TAKEN = frozenset({KeywordKind.OPT_OUT, KeywordKind.OPT_IN, KeywordKind.HELP})


@dataclass(frozen=True, slots=True)
class AutoReplyRule:
    """Answers with `text` to a text that is the keyword, or that has the form of the pattern: one of them is set.

    `sender`: only to texts to this sender of ours; empty, to all. `office_hours_only`: not while the office is closed.
    """

    text: str
    keyword: str = ""
    pattern: str = ""
    sender: str = ""
    office_hours_only: bool = False

    def answers(self, text: str, sender: str) -> bool:
        """Tell whether this rule is for a text to a sender, which is written as the settings have it."""
        if self.sender.removeprefix("+") not in ("", sender.removeprefix("+")):
            return False
        if self.keyword:
            return folded(text) is not None and folded(text) == folded(self.keyword)
        return fits(self.pattern, text)


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When the office is open: on these days (of WEEKDAYS), in hours such as `09:00-17:00`, at an IANA time zone."""

    days: tuple[str, ...]
    hours: str
    time_zone: str

    def hold(self, at: datetime) -> bool:
        """Tell whether the office is open at an aware time."""
        local = at.astimezone(ZoneInfo(self.time_zone))
        return WEEKDAYS[local.weekday()] in self.days and parse_day_hours(self.hours).hold(local.time())


@dataclass(frozen=True, slots=True)
class AutoReplies:
    """All that is set of automatic answers. Without office hours, the office never closes."""

    rules: tuple[AutoReplyRule, ...] = ()
    office_hours: OfficeHours | None = None
    out_of_office_text: str = ""

    @property
    def are_set(self) -> bool:
        """Tell whether any text could be answered."""
        return bool(self.rules or (self.office_hours and self.out_of_office_text))

    def answer_to(self, text: str, sender: str, at: datetime) -> str:
        """Return the answer to a text that came to a sender at an aware time; empty if it gets none.

        That of the first rule for it, or else, while the office is closed, the text for that. Never one to STOP, START
        or HELP.
        """
        if is_taken(text):
            return ""
        is_closed = self.office_hours is not None and not self.office_hours.hold(at)
        open_rules = (rule for rule in self.rules if not (is_closed and rule.office_hours_only))
        found = next((rule.text for rule in open_rules if rule.answers(text, sender)), "")
        return found or (self.out_of_office_text if is_closed else "")


def is_taken(text: str) -> bool:
    """Tell whether a text is one of the words for opting out, opting in or help, which no rule answers."""
    return classify(text).kind in _TAKEN


def fits(pattern: str, text: str) -> bool:
    """Tell whether the whole text has the form of the pattern, in which `*` stands for anything, or nothing.

    Case makes no difference, nor how much white space there is. Each part between two `*` is looked for once, from
    where the last one ended, so no text takes more than (its length) * (the pattern's) steps.
    """
    text, (first, *others) = _plain(text), _plain(pattern).split("*")
    if not others:
        return text == first
    *middle, last = others
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def is_time_zone(name: str) -> bool:
    """Tell whether there is an IANA time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # Names of folders, and what is no name of a file, raise as the file system does.
        return False
    return True


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
