"""The bodies that the control API takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Command(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid")


class NewHandset(_Command):
    """`POST /_carrier/handsets`."""

    number: str


class InboundText(_Command):
    """`POST /_carrier/inbound`: a person writes to one of our senders."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    text: Annotated[str, Field(min_length=1, max_length=10_000)]


class NewReport(_Command):
    """`POST /_carrier/report`: one more report for a message."""

    message_id: str
    code: Annotated[str, Field(pattern=r"^\d{4}$")]


class Redelivery(_Command):
    """`POST /_carrier/redeliver`: a past event once more, or many times."""

    event_id: str
    times: Annotated[int, Field(ge=1, le=1_000)] = 1
