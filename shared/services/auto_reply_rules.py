"""The rules of automatic answers, as the document that they are kept in."""

from __future__ import annotations

from pydantic import TypeAdapter

from shared.ports.tables import Table
from shared.rules.auto_replies import AutoReplies
from shared.rules.errors import InvalidRequest
from shared.services.documents import MAX_UNITS, Document

AutoReplyRules = Document[AutoReplies]


def auto_reply_rules(table: Table) -> AutoReplyRules:
    """Return the document of the rules; at first there are none."""
    too_large = InvalidRequest(
        f"All rules together must have at most {MAX_UNITS} characters, as they are stored. Use shorter texts.",
        code="TooLong",
        target="rules",
    )
    return Document(table, ("rules", "rules"), TypeAdapter(AutoReplies), AutoReplies(), too_large)
