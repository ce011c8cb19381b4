"""Choices: what a recipient says to a text that asks to confirm or to cancel, such as an appointment reminder.

The sender of the text says which words confirm and which cancel. A choice, as a keyword, is the whole text; what the
keywords of opt-outs and help mean goes before it, so none of these can be a word of a choice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.rules.errors import InvalidRequest
from shared.rules.keywords import KeywordKind, classify, folded

MAX_WORDS = 20
MAX_LENGTH = 32
# YES opts in only as the answer to an opt-out; to whoever may be texted anyway it is a word like others.
_FREE = (KeywordKind.NONE, KeywordKind.OPT_IN_ANSWER)


class Choice(StrEnum):
    """What a recipient has chosen."""

    CONFIRM = "confirm"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice, and when the text with it was received (ms)."""

    choice: Choice
    at_ms: int

    @property
    def order(self) -> tuple[int, str]:
        """Return what choices are compared by: the later one holds, of two at the same time always the same one."""
        return self.at_ms, self.choice


@dataclass(frozen=True, slots=True)
class ChoiceWords:
    """The words by which a text can be answered; none for a text that asks nothing."""

    confirm: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.confirm or self.cancel)

    @classmethod
    def of(cls, confirm: Sequence[str], cancel: Sequence[str]) -> ChoiceWords:
        """Return the words once they are checked.

        Raises:
            InvalidRequest: one is empty, is a keyword of opt-outs or help, or stands for both.
        """
        for target, words in (("confirmWords", confirm), ("cancelWords", cancel)):
            for number, word in enumerate(words):
                _check(word, f"{target}[{number}]")
        both = _folded(confirm) & _folded(cancel)
        for number, word in enumerate(cancel):
            if folded(word) in both:
                raise _invalid("A word cannot both confirm and cancel.", f"cancelWords[{number}]")
        return cls(tuple(confirm), tuple(cancel))

    def choice_of(self, text: str) -> Choice | None:
        """Return what a text chooses, None if it is none of the words; spellings make no more difference than in STOP.

        Takes time in proportion to the text.
        """
        word = folded(text)
        if word in _folded(self.confirm):
            return Choice.CONFIRM
        return Choice.CANCEL if word in _folded(self.cancel) else None

    def to_json(self) -> str:
        """Return the words as they are stored; empty for none."""
        return json.dumps([self.confirm, self.cancel], separators=(",", ":")) if self else ""

    @classmethod
    def from_json(cls, stored: str) -> ChoiceWords:
        """Return the words that `to_json` wrote."""
        if not stored:
            return NO_WORDS
        confirm, cancel = json.loads(stored)
        return cls(tuple(confirm), tuple(cancel))


NO_WORDS = ChoiceWords()


def _folded(words: Iterable[str]) -> frozenset[str | None]:
    return frozenset(map(folded, words))


def _check(word: str, target: str) -> None:
    if not folded(word):
        raise _invalid("A word needs a letter or a digit.", target)
    if classify(word).kind not in _FREE:
        raise _invalid("This keyword means an opt-out, an opt-in or a call for help. Choose another word.", target)


def _invalid(message: str, target: str) -> InvalidRequest:
    return InvalidRequest(message, code="InvalidChoiceWord", target=target)
