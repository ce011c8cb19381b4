"""The words by which a recipient opts out, opts in or asks for help.

The set is the union of what ACS acts on, what 47 CFR 64.1200(a)(10) names and what the CTIA's short code
handbook lists. A keyword counts only when it is the whole text: "don't stop" is a text like any other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

OPT_OUT_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPT OUT", "ARRET"})
OPT_IN_WORDS = frozenset({"START", "UNSTOP"})
OPT_IN_ANSWER_WORDS = frozenset({"YES"})
HELP_WORDS = frozenset({"HELP", "INFO"})

_OTHER_SPELLINGS: Mapping[str, str] = {"OPTOUT": "OPT OUT", "ARRÊT": "ARRET"}
# Room for every word in any Unicode spelling. NFKC takes quadratic time, so nothing longer goes through it.
_MAX_LENGTH = 64
_GAPS = re.compile(r"[\s\u2010-\u2015-]+")
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)


class KeywordKind(StrEnum):
    """What a keyword asks for. `OPT_IN_ANSWER` is an opt-in only as the answer to an opt-out."""

    OPT_OUT = "optOut"
    OPT_IN = "optIn"
    OPT_IN_ANSWER = "optInAnswer"
    HELP = "help"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Keyword:
    """What a text asks for, and the keyword in capitals; None when the text is not a keyword."""

    kind: KeywordKind
    word: str | None


_NO_KEYWORD = Keyword(KeywordKind.NONE, None)


def _keywords() -> dict[str, Keyword]:
    """Return every keyword under each of its spellings, in the case-folded form."""
    by_kind = {
        KeywordKind.OPT_OUT: OPT_OUT_WORDS,
        KeywordKind.OPT_IN: OPT_IN_WORDS,
        KeywordKind.OPT_IN_ANSWER: OPT_IN_ANSWER_WORDS,
        KeywordKind.HELP: HELP_WORDS,
    }
    known = {word: Keyword(kind, word) for kind, words in by_kind.items() for word in words}
    known |= {spelling: known[word] for spelling, word in _OTHER_SPELLINGS.items()}
    return {spelling.casefold(): keyword for spelling, keyword in known.items()}


_KEYWORDS: Mapping[str, Keyword] = _keywords()


def classify(text: str) -> Keyword:
    """Return the keyword that the whole text is, or one of kind NONE.

    Case, full-width letters, invisible characters, and white space, punctuation and symbols around the word
    make no difference. Any other word does. Takes time in proportion to the text.
    """
    return _KEYWORDS.get(folded(text) or "", _NO_KEYWORD)


def folded(text: str) -> str | None:
    """Return what two spellings of the same word have in common, None for a text too long to be a word."""
    core = _without_edges("".join(ch for ch in text if not _is_invisible(ch)))
    if len(core) > _MAX_LENGTH:
        return None
    return _GAPS.sub(" ", unicodedata.normalize("NFKC", core).casefold())


def _is_invisible(ch: str) -> bool:
    """Return whether this is a zero-width or direction control (category Cf) or chooses an emoji's look."""
    return unicodedata.category(ch) == "Cf" or ord(ch) in _VARIATION_SELECTORS


def _without_edges(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_edge(text[start]):
        start += 1
    while end > start and _is_edge(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_edge(ch: str) -> bool:
    """Return whether the character is no part of a word: no letter, digit or accent, nor made of these."""
    if unicodedata.category(ch).startswith("M"):
        return False
    return not any(part.isalnum() for part in unicodedata.normalize("NFKC", ch))
