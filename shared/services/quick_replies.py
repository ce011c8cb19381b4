"""Quick replies: what the team writes often, as templates with `{{placeholders}}`, in one document for all."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from shared.ports.tables import Table
from shared.rules.errors import InvalidRequest
from shared.services.documents import MAX_UNITS, Document


@dataclass(frozen=True, slots=True)
class QuickReply:
    """One template: its name in the list, and its text."""

    name: str
    text: str


QuickReplies = Document[tuple[QuickReply, ...]]


def quick_replies(table: Table) -> QuickReplies:
    """Return the document of the quick replies, in their order; at first there are none."""
    too_large = InvalidRequest(
        f"The quick replies are over {MAX_UNITS:,} characters in all. Write fewer or shorter ones.",
        code="TooManyQuickReplies",
        target="value",
    )
    return Document(table, ("inbox", "quickReplies"), TypeAdapter(tuple[QuickReply, ...]), (), too_large)
