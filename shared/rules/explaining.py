"""A message's history in plain words: what happened, why it is where it is, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.rules.choices import Choice, Chosen
from shared.rules.reasons import describe
from shared.rules.states import State, Step

_HAPPENED = {
    State.RECEIVED: "The person texted us.",
    State.SCHEDULED: "It was accepted for later.",
    State.QUEUED: "It waits for its turn.",
    State.SENDING: "It was being handed to the carrier.",
    State.SENT: "The carrier took it.",
    State.UNKNOWN: "What became of it was not known.",
    State.SUPPRESSED: "It was held back.",
    State.CANCELED: "It was canceled.",
    State.EXPIRED: "Its latest time passed.",
    State.FAILED: "It failed.",
    State.DELIVERED: "The carrier reported that it arrived.",
}
_STANDS = {
    State.RECEIVED: ("The text came in and is stored.", "Nothing needs to be done; answer it if you like."),
    State.SCHEDULED: ("Its time has not come.", "Wait, or cancel it."),
    State.QUEUED: (
        "Its sender's rate has no room yet, its place has quiet hours, or its campaign is paused.",
        "Wait: it goes by itself. Look at the campaign if it stays.",
    ),
    State.SENDING: (
        "The carrier is being asked, or a worker died while it asked.",
        "Wait for a minute: another worker takes it up, without sending it twice.",
    ),
    State.SENT: (
        "The carrier has it, and has not said what became of it.",
        "Wait for the delivery report. If none of your texts gets one, look at the event subscription.",
    ),
    State.UNKNOWN: ("Nobody knows whether it arrived.", "Do not send it again for this alone."),
    State.SUPPRESSED: ("A rule held it back.", "Look at the opt-outs of the recipient."),
    State.CANCELED: ("Somebody canceled it.", "Nothing needs to be done."),
    State.EXPIRED: ("It could not go in time.", "Send it again if it still matters."),
    State.FAILED: ("It was not delivered.", "Look at the delivery code in its history."),
    State.DELIVERED: ("It arrived on the recipient's phone.", "Nothing needs to be done."),
}
_CHOSE = {Choice.CONFIRM: "The person confirmed.", Choice.CANCEL: "The person canceled."}
_TRIED_AGAIN = "The carrier did not take it; it waits to be tried again, try {number}."


@dataclass(frozen=True, slots=True)
class StepInWords:
    """One thing that happened: when (ms since 1970), and a sentence or two."""

    at_ms: int
    happened: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole in words: `why` it is where it is, and `what_to_do`, one sentence or two each."""

    timeline: tuple[StepInWords, ...]
    why: str
    what_to_do: str


def explain(steps: Sequence[Step], current: Step, chosen: Chosen | None = None) -> Explanation:
    """Return a history, in any order of its steps, in words, and what the recipient has chosen.

    The words of each reason are those of its code.
    """
    ordered = sorted(steps, key=lambda step: (step.at_ms, step.order))
    info = describe(current.reason or None)
    why, what_to_do = (info.meaning, info.advice) if info else _STANDS[current.state]
    timeline = [StepInWords(step.at_ms, _in_words(step)) for step in ordered]
    timeline += [StepInWords(chosen.at_ms, _CHOSE[chosen.choice])] if chosen else []
    return Explanation(tuple(sorted(timeline, key=lambda one: one.at_ms)), why, what_to_do)


def _in_words(step: Step) -> str:
    again = step.state is State.QUEUED and step.round > 0
    sentences = [_TRIED_AGAIN.format(number=step.round + 1) if again else _HAPPENED[step.state]]
    info = describe(step.reason or None)
    sentences += [info.meaning] if info else []
    sentences += [f"Delivery code {step.code}."] if step.code else []
    return " ".join(sentences)
