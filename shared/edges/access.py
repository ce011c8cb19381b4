"""Who may call what: the role that each endpoint asks for."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """An app role of the sign-in (docs/api.md); its value is the one that a token carries."""

    ANYONE = ""
    SEND = "Sms.Send"
    READ = "Sms.Read"
    ADMIN = "Sms.Admin"
