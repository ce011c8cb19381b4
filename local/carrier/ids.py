"""Ids as the service writes them."""

from __future__ import annotations

import uuid
from datetime import datetime

from local.carrier.trouble import MessageIdStyle


def new_guid() -> str:
    """Return a fresh GUID."""
    return str(uuid.uuid4())


def new_message_id(direction: str, style: MessageIdStyle, at: datetime) -> str:
    """Return a message id; `direction` is `Outgoing` or `Incoming`, `at` gives the stamp of the older styles."""
    if style is MessageIdStyle.GUID:
        return new_guid()
    stamped = f"{direction}_{at:%Y%m%d%H%M%S}{new_guid()}"
    return f"{stamped}_noam" if style is MessageIdStyle.PREFIXED_REGION else stamped
