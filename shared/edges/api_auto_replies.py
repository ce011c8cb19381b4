"""The endpoints of automatic answers: the rules as they are written and shown, and what is wrong with them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from shared.edges.api_base import In, NoQuery, Out, SenderName, Text
from shared.edges.http import Call, Reply, etag_of, tagged
from shared.edges.http_requests import matches
from shared.rules.auto_replies import AutoReplies, AutoReplyRule, OfficeHours, is_taken, is_time_zone
from shared.rules.errors import InvalidRequest
from shared.rules.keywords import folded
from shared.rules.quiet_hours import parse_day_hours
from shared.services.bundle import Services

MOST_RULES = 100
_WORD_LIMIT = 64

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _hours(text: str) -> str:
    try:
        parse_day_hours(text)
    except ValueError as problem:
        raise ValueError(f"this {problem}") from None
    return text


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("this is no IANA time zone: write it like America/Los_Angeles")
    return name


def _keyword(word: str) -> str:
    if is_taken(word):
        raise ValueError("this word is for opting out, opting in or help, and no rule answers it: leave it out")
    if not folded(word):
        raise ValueError("a keyword has a letter or a digit: for anything else use a pattern")
    if "*" in word:
        raise ValueError("a keyword is taken as it is: with * it is a pattern")
    return word


_Keyword = Annotated[str, Field(min_length=1, max_length=_WORD_LIMIT), AfterValidator(_keyword)]
_Pattern = Annotated[str, Field(min_length=1, max_length=_WORD_LIMIT)]


class OfficeHoursRequest(In):
    """When the office is open."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    hours: Annotated[str, Field(max_length=11), AfterValidator(_hours)]
    time_zone: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_time_zone)]


class AutoReplyRuleRequest(In):
    """One rule: a keyword or a pattern, and the answer."""

    keyword: _Keyword | None = None
    pattern: _Pattern | None = None
    text: Text
    sender: SenderName = None
    office_hours_only: bool = False

    @model_validator(mode="after")
    def _has_one_of_both(self) -> AutoReplyRuleRequest:
        if (self.keyword is None) is (self.pattern is None):
            raise ValueError("a rule has either a `keyword` or a `pattern`")
        return self


class AutoRepliesRequest(In):
    """All rules, which take the place of those that were there."""

    rules: Annotated[list[AutoReplyRuleRequest], Field(max_length=MOST_RULES)]
    office_hours: OfficeHoursRequest | None = None
    out_of_office_text: Text | None = None

    @model_validator(mode="after")
    def _has_hours_for_what_needs_them(self) -> AutoRepliesRequest:
        needs_hours = self.out_of_office_text is not None or any(rule.office_hours_only for rule in self.rules)
        if needs_hours and self.office_hours is None:
            raise ValueError("`outOfOfficeText` and `officeHoursOnly` need `officeHours`")
        return self


class OfficeHoursAnswer(Out):
    """When the office is open."""

    days: list[str]
    hours: str
    time_zone: str


class AutoReplyRuleAnswer(Out):
    """One rule."""

    keyword: str | None = None
    pattern: str | None = None
    text: str
    sender: Annotated[str | None, Field(serialization_alias="from")] = None
    office_hours_only: bool = False


class AutoRepliesAnswer(Out):
    """All rules."""

    rules: list[AutoReplyRuleAnswer]
    office_hours: OfficeHoursAnswer | None = None
    out_of_office_text: str | None = None

    @classmethod
    def of(cls, document: AutoReplies) -> AutoRepliesAnswer:
        """Return the rules as they are shown."""
        hours = document.office_hours
        return cls(
            rules=[_rule_answer(rule) for rule in document.rules],
            office_hours=hours
            and OfficeHoursAnswer(days=list(hours.days), hours=hours.hours, time_zone=hours.time_zone),
            out_of_office_text=document.out_of_office_text or None,
        )


async def auto_replies(services: Services, call: Call[None, NoQuery]) -> Reply:
    """Return the rules with their ETag, or 304 when the caller's still holds."""
    return tagged(call, _shown(await services.auto_replies.get()))


async def set_auto_replies(services: Services, call: Call[AutoRepliesRequest, NoQuery]) -> Reply:
    """Set all rules, if the caller's ETag still holds."""
    document = _document(services, call.body)
    await services.auto_replies.put(document, lambda current: matches(call.headers, etag_of(_shown(current))))
    shown = _shown(document)
    return Reply(shown, headers={"ETag": etag_of(shown)})


def _shown(document: AutoReplies) -> str:
    return AutoRepliesAnswer.of(document).model_dump_json(by_alias=True, exclude_none=True)


def _rule_answer(rule: AutoReplyRule) -> AutoReplyRuleAnswer:
    return AutoReplyRuleAnswer(
        keyword=rule.keyword or None,
        pattern=rule.pattern or None,
        text=rule.text,
        sender=rule.sender or None,
        office_hours_only=rule.office_hours_only,
    )


def _document(services: Services, body: AutoRepliesRequest) -> AutoReplies:
    hours = body.office_hours
    return AutoReplies(
        rules=tuple(_rule(services, number, rule) for number, rule in enumerate(body.rules)),
        office_hours=OfficeHours(tuple(dict.fromkeys(hours.days)), hours.hours, hours.time_zone) if hours else None,
        out_of_office_text=body.out_of_office_text or "",
    )


def _rule(services: Services, number: int, rule: AutoReplyRuleRequest) -> AutoReplyRule:
    sender = services.senders.find(rule.sender) if rule.sender else None
    if rule.sender and sender is None:
        raise InvalidRequest(
            "`from` is not one of this app's senders. Use one of SMS_SENDERS, or leave it out for all.",
            code="UnknownSender",
            target=f"rules[{number}].from",
        )
    return AutoReplyRule(
        text=rule.text,
        keyword=rule.keyword or "",
        pattern=rule.pattern or "",
        sender=sender.name if sender else "",
        office_hours_only=rule.office_hours_only,
    )
