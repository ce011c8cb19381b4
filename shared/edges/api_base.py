"""What requests and answers of the HTTP API have in common: JSON in camelCase, times in RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from shared.rules.choices import MAX_LENGTH, MAX_WORDS
from shared.rules.ids import from_ms, to_ms

TEXT_LIMIT = 2048
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


def _fits(text: str) -> str:
    # ACS counts as .NET does, in UTF-16 units: an emoji is two.
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > TEXT_LIMIT:
        raise PydanticCustomError("string_too_long", "", {"max_length": TEXT_LIMIT})
    return text


def _as_words(words: object) -> object:
    return [word.strip() for word in words.split(",")] if isinstance(words, str) else words


def _in_range(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        raise PydanticCustomError("time_out_of_range", "")
    return at


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Whatever is written: what is not a number is refused by itself and does not sink the others.
WrittenNumber = str
SenderName = Annotated[str | None, Field(alias="from", min_length=1, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT), AfterValidator(_fits)]
Word = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
Words = Annotated[list[Word], Field(default_factory=list, max_length=MAX_WORDS), BeforeValidator(_as_words)]
Tag = Annotated[str, Field(max_length=128)]
AnyTime = Annotated[AwareDatetime, AfterValidator(_in_range)]
Moment = AnyTime | None
Time = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class In(BaseModel):
    """A request: unknown fields are refused, values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Query(BaseModel):
    """Query parameters: unknown ones are refused, values are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Out(BaseModel):
    """An answer; fields without a value are left out."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class NoQuery(Query):
    """An endpoint without query parameters."""


class PageQuery(Query):
    """Which page of a list; `skipToken` comes from `nextLink`."""

    max_page_size: Annotated[int, Field(alias="maxpagesize", ge=1, le=1000)] = 100
    skip_token: str | None = None


def ms_of(moment: datetime | None) -> int:
    """Return a time of a request in ms, 0 for none."""
    return to_ms(moment) if moment else 0


def time_of(ms: int) -> datetime | None:
    """Return a stored time, None for 0."""
    return from_ms(ms) if ms else None
