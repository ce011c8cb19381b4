"""A message in plain words, and the endpoint that gives it."""

from __future__ import annotations

from shared.edges.api_base import NoQuery, Out, Time
from shared.edges.endpoints import message_key
from shared.edges.http import Call
from shared.rules.ids import from_ms
from shared.services.bundle import Services
from shared.services.explanations import Explained
from shared.services.opt_outs import Change


class Happened(Out):
    """One thing that happened to a message."""

    at: Time
    happened: str


class OptOutInWords(Out):
    """The opt-out that keeps texts to this person back."""

    since: Time
    source: str
    keyword: str | None = None

    @classmethod
    def of(cls, change: Change) -> OptOutInWords:
        """Return the change as it is shown."""
        return cls(since=from_ms(change.at_ms), source=change.source.value, keyword=change.keyword or None)


class ExplanationAnswer(Out):
    """A message in plain words: what happened, why it is where it is, and what to do."""

    id: str
    state: str
    why: str
    what_to_do: str
    timeline: list[Happened]
    campaign_id: str | None = None
    may_be_texted: bool
    opt_out: OptOutInWords | None = None

    @classmethod
    def of(cls, explained: Explained) -> ExplanationAnswer:
        """Return the explanation as it is shown."""
        message, words = explained.message, explained.explanation
        return cls(
            id=message.id,
            state=message.state.value,
            why=words.why,
            what_to_do=words.what_to_do,
            timeline=[Happened(at=from_ms(one.at_ms), happened=one.happened) for one in words.timeline],
            campaign_id=message.campaign or None,
            may_be_texted=explained.may_be_texted,
            opt_out=OptOutInWords.of(explained.opt_out) if explained.opt_out else None,
        )


async def explain(services: Services, call: Call[None, NoQuery]) -> ExplanationAnswer:
    """Return a message in plain words."""
    return ExplanationAnswer.of(await services.explanations.of(message_key(call)))
