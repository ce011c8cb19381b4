"""The switches for trouble, and the seeded dice that decide when it strikes."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Probability = Annotated[float, Field(ge=0, le=1)]


class Schema(StrEnum):
    """The event schema in which Event Grid delivers."""

    EVENT_GRID = "eventGrid"
    CLOUD_EVENTS = "cloudEvents"


class Casing(StrEnum):
    """The casing of the keys in an event's `data`; `mixed` is camelCase with a PascalCase `Tag`."""

    CAMEL = "camel"
    PASCAL = "pascal"
    MIXED = "mixed"


class MessageIdStyle(StrEnum):
    """The shapes in which the service has been seen to write message ids."""

    GUID = "guid"
    PREFIXED = "prefixed"
    PREFIXED_REGION = "prefixedRegion"


class ErrorStyle(StrEnum):
    """The body of a 400: bare dictionary (2021), ProblemDetails (2025 on), or an `error` object."""

    LEGACY = "legacy"
    PROBLEM = "problem"
    ERROR = "error"


class OptOutMode(StrEnum):
    """Whether the network and the service handle opt-outs at all."""

    SERVICE = "service"
    OFF = "off"


class Authentication(StrEnum):
    """Whether signatures are checked."""

    STRICT = "strict"
    LAX = "lax"


class Trouble(BaseModel):
    """All switches. Probabilities are per request or per event; seconds and delays are in carrier time."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = 1
    latency_ms: Annotated[int, Field(ge=0, le=120_000)] = 0
    throttle: Probability = 0
    throttle_retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = None
    unavailable: Probability = 0
    reset: Probability = 0
    silent: Probability = 0
    lost_reports: Probability = 0
    late_reports: Probability = 0
    late_report_seconds: Annotated[float, Field(ge=0, le=86_400)] = 30
    duplicate_events: Probability = 0
    disordered_events: Probability = 0
    rate_limits: bool = True
    time_scale: Annotated[float, Field(gt=0, le=1_000_000)] = 1
    event_schema: Annotated[Schema, Field(alias="schema")] = Schema.EVENT_GRID
    casing: Casing = Casing.MIXED
    plus_in_from: bool = False
    message_id_style: MessageIdStyle = MessageIdStyle.GUID
    error_style: ErrorStyle = ErrorStyle.LEGACY
    opt_out_mode: OptOutMode = OptOutMode.SERVICE
    authentication: Authentication = Authentication.STRICT
    report_delay_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 400

    def changed(self, patch: Mapping[str, object]) -> Trouble:
        """Return a copy with the given fields (camelCase).

        Raises:
            pydantic.ValidationError: an unknown field or a value out of range.
        """
        return Trouble.model_validate_json(json.dumps({**self.as_json(), **patch}), strict=True)

    def as_json(self) -> dict[str, object]:
        """Return the JSON object of the control API."""
        return self.model_dump(mode="json", by_alias=True)


class Dice:
    """Seeded chance with one stream per purpose, so that one switch does not disturb another's sequence."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def reseed(self, seed: int) -> None:
        """Start every stream again from this seed."""
        self._seed = seed
        self._streams.clear()

    def chance(self, purpose: str, probability: float) -> bool:
        """Return True with the given probability; the same seed gives the same sequence per purpose."""
        return probability > 0 and self._stream(purpose).random() < probability

    def between(self, purpose: str, low: float, high: float) -> float:
        """Return a number between the two bounds."""
        return self._stream(purpose).uniform(low, high)

    def _stream(self, purpose: str) -> random.Random:
        return self._streams.setdefault(purpose, random.Random(f"{self._seed}:{purpose}"))


class Switches:
    """The trouble in force and the dice that go with it."""

    def __init__(self) -> None:
        self.trouble = Trouble()
        self.dice = Dice(self.trouble.seed)

    def set(self, trouble: Trouble, *, reseed: bool) -> None:
        """Put other trouble in force; `reseed` starts the dice again even from the same seed."""
        if reseed or trouble.seed != self.trouble.seed:
            self.dice.reseed(trouble.seed)
        self.trouble = trouble
