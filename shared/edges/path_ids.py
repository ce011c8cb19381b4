"""The ids in paths: of each collection, what its `{id}` looks like. One that does not is an id that nothing has."""

from __future__ import annotations

import re
from collections.abc import Mapping

CONVERSATION_ID = CAMPAIGN_ID = re.compile("[0-9a-f]{32}")
MESSAGE_ID = re.compile("[0-9a-f]{32}[.][0-9]{14}-[A-Za-z0-9_-]{1,100}")
FAILURE_ID = re.compile("[0-9]{14}-[0-9a-f]{32}")

IDS: Mapping[str, re.Pattern[str]] = {
    "campaigns": CAMPAIGN_ID,
    "conversations": CONVERSATION_ID,
    "failures": FAILURE_ID,
    "messages": MESSAGE_ID,
}
