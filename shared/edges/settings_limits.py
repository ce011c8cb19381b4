"""The settings that say who may call, how much, and where to; see `settings` for how they are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class LimitSettings(BaseModel):
    """The settings of access and limits."""

    sign_in: Annotated[
        Literal["off", "on"],
        Field(
            alias="SMS_SIGN_IN",
            description="`off`: callers bring function keys. `on`: callers sign in with Microsoft Entra through App "
            "Service authentication, which must be on, and need app roles; function keys open nothing then.",
        ),
    ] = "off"
