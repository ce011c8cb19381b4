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
    event_topic: Annotated[
        str,
        Field(
            alias="SMS_EVENT_TOPIC",
            pattern=r"^(/subscriptions/.+)?$",
            description="Resource id of the Communication Services resource. Events of any other topic are kept and "
            "not acted upon. Empty: events of every topic are taken.",
        ),
    ] = ""
    requests_per_minute: Annotated[
        int,
        Field(
            alias="SMS_REQUESTS_PER_MINUTE",
            ge=0,
            le=1_000_000,
            description="How many requests a minute each caller may make, with bursts of ten seconds' worth. "
            "0: no limit.",
        ),
    ] = 0
    recipient_texts_per_hour: Annotated[
        int,
        Field(
            alias="SMS_RECIPIENT_TEXTS_PER_HOUR",
            ge=0,
            le=100,
            description="How many texts one recipient may get within an hour from single requests, one-time codes "
            "included. Campaigns and the app's own answers do not count. 0: no limit.",
        ),
    ] = 0
    daily_segments: Annotated[
        int,
        Field(
            alias="SMS_DAILY_SEGMENTS",
            ge=0,
            le=1_000_000_000,
            description="How many segments may be sent in a day (UTC), by all callers together. Single texts over it "
            "are refused, campaigns wait for the next day. 0: no cap.",
        ),
    ] = 0
    daily_segments_by_caller: Annotated[
        int,
        Field(
            alias="SMS_DAILY_SEGMENTS_BY_CALLER",
            ge=0,
            le=1_000_000_000,
            description="The same for each caller: each function key, or each person and app that signs in. 0: no cap.",
        ),
    ] = 0
