"""What goes in and out of the endpoints of campaigns, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from shared.edges.api_base import In, Moment, Out, PageQuery, SenderName, Tag, Text, Time, Words, WrittenNumber, time_of
from shared.rules.forecasting import DearCharacter, SegmentForecast
from shared.rules.ids import from_ms
from shared.rules.prices import Cost
from shared.rules.reasons import Reason
from shared.services.campaign_plans import Forecast
from shared.services.campaign_progress import Progress, RecipientState
from shared.services.campaign_rows import MAX_ROWS, RowError
from shared.services.campaigns import Campaign, Status

_MOST_SHOWN = 100


class CampaignOptions(In):
    """What a campaign is, without its recipients: the query of a CSV file, or a part of a form."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    sender: SenderName = None
    text: Text
    tag: Tag = ""
    send_at: Moment = None
    not_after: Moment = None
    quiet_hours: bool = True
    delivery_report: bool = True
    confirm_words: Words
    cancel_words: Words


class CampaignRecipient(In):
    """One recipient, and the values of the text's placeholders."""

    to: WrittenNumber
    vars: Annotated[dict[str, str], Field(default_factory=dict)]


class CampaignRequest(CampaignOptions):
    """One text to many recipients."""

    recipients: Annotated[list[CampaignRecipient], Field(min_length=1, max_length=MAX_ROWS)]


class RowErrorAnswer(Out):
    """Why a row cannot be texted."""

    row: int
    code: str
    message: str

    @classmethod
    def first_of(cls, errors: Sequence[RowError]) -> list[RowErrorAnswer]:
        """Return the first errors as they are shown."""
        return [cls(row=one.row, code=one.code, message=one.message) for one in errors[:_MOST_SHOWN]]


class CampaignAnswer(Out):
    """One campaign."""

    id: str
    name: str
    status: str
    sender: Annotated[str, Field(serialization_alias="from")]
    text: str
    tag: str | None = None
    created_at: Time
    send_at: Time | None = None
    not_after: Time | None = None
    quiet_hours: bool
    delivery_report: bool
    confirm_words: list[str] | None = None
    cancel_words: list[str] | None = None
    recipients: int
    duplicates: int
    error_count: int

    @classmethod
    def of(cls, campaign: Campaign) -> CampaignAnswer:
        """Return the campaign as it is shown."""
        return cls(**_fields_of(campaign))


class CampaignProgressAnswer(CampaignAnswer):
    """One campaign, and how far it is."""

    counts: dict[str, int]
    progress: float
    pace_per_minute: int | None = None
    estimated_end_at: Time | None = None
    reason: str | None = None
    held_until: Time | None = None
    errors: list[RowErrorAnswer]

    @classmethod
    def of_progress(cls, progress: Progress, per_minute: int | None) -> CampaignProgressAnswer:
        """Return the campaign as it is shown; `per_minute` is None when its sender is one of the app's no more."""
        campaign, is_held = progress.campaign, progress.held_until_ms is not None
        return cls(
            **_fields_of(campaign) | ({"status": Status.HELD.value} if is_held else {}),
            counts=dict(sorted(progress.counts.items())),
            progress=round(progress.gone / campaign.recipients, 4),
            pace_per_minute=per_minute,
            estimated_end_at=time_of(progress.ends_ms or 0),
            reason=Reason.DAILY_CAP.value if is_held else None,
            held_until=time_of(progress.held_until_ms or 0),
            errors=RowErrorAnswer.first_of(progress.errors),
        )


def _fields_of(campaign: Campaign) -> dict[str, object]:
    return {
        "id": campaign.id,
        "name": campaign.name,
        "status": campaign.status.value,
        "sender": campaign.sender,
        "text": campaign.text,
        "tag": campaign.tag or None,
        "created_at": from_ms(campaign.created_ms),
        "send_at": time_of(campaign.send_at_ms),
        "not_after": time_of(campaign.not_after_ms),
        "quiet_hours": campaign.quiet,
        "delivery_report": campaign.delivery_report,
        "confirm_words": list(campaign.words.confirm) or None,
        "cancel_words": list(campaign.words.cancel) or None,
        "recipients": campaign.recipients,
        "duplicates": campaign.duplicates,
        "error_count": campaign.errors,
    }


class CampaignList(Out):
    """A page of campaigns, the newest first."""

    value: list[CampaignAnswer]
    next_link: str | None = None


class RecipientQuery(PageQuery):
    """Which recipients, and in what form: `csv` is the whole list in one file."""

    state: (
        Literal[
            "scheduled",
            "queued",
            "sending",
            "sent",
            "unknown",
            "suppressed",
            "canceled",
            "expired",
            "failed",
            "delivered",
        ]
        | None
    ) = None
    format: Literal["json", "csv"] = "json"


class CampaignRecipientAnswer(Out):
    """Where one recipient of a campaign is; `id` is the message's, known from the start."""

    row: int
    to: str
    id: str
    state: str
    reason: str | None = None
    choice: Literal["confirm", "cancel"] | None = None

    @classmethod
    def of(cls, recipient: RecipientState) -> CampaignRecipientAnswer:
        """Return the recipient as it is shown."""
        return cls(
            row=recipient.row,
            to=recipient.to,
            id=recipient.id,
            state=recipient.state,
            reason=recipient.reason or None,
            choice=recipient.choice or None,
        )


class CampaignRecipientList(Out):
    """A page of a campaign's recipients."""

    value: list[CampaignRecipientAnswer]
    next_link: str | None = None


class ShareAnswer(Out):
    """The texts that travel in one encoding, and their segments."""

    texts: int
    segments: int


class CharacterAnswer(Out):
    """A character that makes texts longer on the radio path; `instead` is what to write, if anything is the same."""

    character: str
    in_template: bool
    texts: int
    segments: int
    instead: str | None = None

    @classmethod
    def of(cls, one: DearCharacter) -> CharacterAnswer:
        """Return the character as it is shown."""
        return cls(
            character=one.character,
            in_template=one.in_template,
            texts=one.texts,
            segments=one.segments,
            instead=one.instead,
        )


class SegmentsAnswer(Out):
    """The segments of all texts, and what makes them many."""

    total: int
    avoidable: int
    by_encoding: dict[str, ShareAnswer]
    characters: list[CharacterAnswer]

    @classmethod
    def of(cls, forecast: SegmentForecast) -> SegmentsAnswer:
        """Return the segments as they are shown."""
        shares = forecast.by_encoding.items()
        return cls(
            total=forecast.segments,
            avoidable=forecast.avoidable,
            by_encoding={
                encoding.value: ShareAnswer(texts=share.texts, segments=share.segments) for encoding, share in shares
            },
            characters=[CharacterAnswer.of(one) for one in forecast.dear[:_MOST_SHOWN]],
        )


class CostAnswer(Out):
    """What the texts cost by the prices in the settings, a decimal number; unpriced segments are not in it."""

    amount: str
    unpriced_segments: int

    @classmethod
    def of(cls, cost: Cost) -> CostAnswer:
        """Return the cost as it is shown."""
        return cls(amount=f"{cost.amount:f}", unpriced_segments=cost.unpriced_segments)


class ForecastAnswer(Out):
    """What would come of a campaign if it were started now."""

    recipients: int
    duplicates: int
    opted_out: int
    not_allowed: int
    in_quiet_hours: int
    error_count: int
    errors: list[RowErrorAnswer]
    segments: SegmentsAnswer
    cost: CostAnswer
    pace_per_minute: int
    starts_at: Time
    ends_at: Time
    duration_seconds: int
    daily_cap_holds_at: Time | None = None

    @classmethod
    def of(cls, forecast: Forecast, per_minute: int) -> ForecastAnswer:
        """Return the forecast as it is shown."""
        return cls(
            recipients=forecast.recipients,
            duplicates=forecast.duplicates,
            opted_out=forecast.opted_out,
            not_allowed=forecast.not_allowed,
            in_quiet_hours=forecast.quiet,
            error_count=len(forecast.errors),
            errors=RowErrorAnswer.first_of(forecast.errors),
            segments=SegmentsAnswer.of(forecast.segments),
            cost=CostAnswer.of(forecast.cost),
            pace_per_minute=per_minute,
            starts_at=from_ms(forecast.starts_ms),
            ends_at=from_ms(forecast.ends_ms),
            duration_seconds=-(-(forecast.ends_ms - forecast.starts_ms) // 1000),
            daily_cap_holds_at=time_of(forecast.held_ms or 0),
        )
