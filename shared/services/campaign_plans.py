"""Campaign plans: what a campaign would be, row by row, before any of it is sent; and making it one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from shared.ports.clock import Clock
from shared.ports.telemetry import Telemetry
from shared.rules.campaign_ends import Crowd, campaign_end_ms
from shared.rules.choices import NO_WORDS, ChoiceWords
from shared.rules.countries import AllowedCountries, ByCountry
from shared.rules.daily_loads import HeldUp, Load, held_up
from shared.rules.errors import InvalidRequest, SmsError
from shared.rules.forecasting import SegmentForecast, forecast_segments
from shared.rules.holds import day_of
from shared.rules.ids import digest, recipient_key, to_ms
from shared.rules.pacing import campaign_duration_ms
from shared.rules.phone_numbers import country_of
from shared.rules.prices import Cost, cost
from shared.rules.quiet_hours import DayHours, places_of
from shared.rules.segments import count_segments
from shared.services.campaign_rows import Prepared, PreparedRecipient, Row, RowError, check_rows, sort_out
from shared.services.campaigns import Campaign, Campaigns, Status, chunked
from shared.services.daily_caps import DailyCaps
from shared.services.idempotency import Answered, Idempotency
from shared.services.opt_outs import OptOuts
from shared.services.releases import Releases
from shared.services.senders import Sender
from shared.services.sending import check_times

_MOST_OPT_OUTS = 1_000_000
_AT_ONCE = 64
# What is done for so many rows takes about 10 ms, for all rows of a large campaign seconds.
_ROWS_IN_A_ROW = 250

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CampaignRequest:
    """What a caller wants sent to many. Times in ms, 0 is none.

    `fingerprint` stands for the whole request; `words`: by which its texts can be answered.
    """

    name: str
    sender: Sender
    text: str
    rows: Iterable[Row | RowError]
    tag: str = ""
    send_at_ms: int = 0
    not_after_ms: int = 0
    quiet: bool = True
    delivery_report: bool = True
    fingerprint: str = ""
    caller: str = ""
    words: ChoiceWords = NO_WORDS


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of campaigns."""

    region: str | None
    hours: ByCountry[DayHours]
    countries: AllowedCountries
    prices: ByCountry[Decimal]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would come of a campaign if it were started now; times in ms.

    `held_ms`: when the daily cap would hold it up first; None: it would not.
    """

    recipients: int
    duplicates: int
    opted_out: int
    not_allowed: int
    quiet: int
    segments: SegmentForecast
    cost: Cost
    errors: Sequence[RowError]
    starts_ms: int
    ends_ms: int
    held_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A campaign as it is to be stored."""

    campaign: Campaign
    chunks: Sequence[Sequence[PreparedRecipient]]
    errors: Sequence[RowError]


class CampaignPlans:
    """The use cases before a campaign runs."""

    def __init__(
        self,
        *,
        campaigns: Campaigns,
        opt_outs: OptOuts,
        releases: Releases,
        idempotency: Idempotency,
        caps: DailyCaps,
        clock: Clock,
        telemetry: Telemetry,
        policy: Policy,
    ) -> None:
        self._campaigns = campaigns
        self._opt_outs = opt_outs
        self._releases = releases
        self._idempotency = idempotency
        self._caps = caps
        self._clock = clock
        self._telemetry = telemetry
        self._policy = policy

    async def forecast(self, request: CampaignRequest) -> Forecast:
        """Return what would come of the campaign; nothing is stored or sent."""
        check_times(request.send_at_ms, request.not_after_ms, to_ms(self._clock.now()))
        prepared, not_allowed = await self._prepare(request)
        left = await self._opted_out(request.sender.name, prepared.recipients)
        to_text = [one for one in prepared.recipients if one.to not in left]
        starts_ms = max(to_ms(self._clock.now()), request.send_at_ms)
        ends_ms = starts_ms + campaign_duration_ms(len(to_text), request.sender.rate)
        crowds = await _crowds(to_text) if request.quiet else []
        if crowds:
            # For a slow sender and people of many places it takes a second; the other work goes on meanwhile.
            ends_ms = await asyncio.to_thread(
                campaign_end_ms, crowds, starts_ms, self._policy.hours, request.sender.rate
            )
        texts = Counter(one.text for one in to_text)
        segments = forecast_segments(request.text, texts.items())
        held = await self._held(request, segments.segments, len(to_text), starts_ms)
        return Forecast(
            recipients=len(to_text),
            duplicates=len(prepared.duplicates),
            opted_out=len(left),
            not_allowed=not_allowed,
            quiet=sum(one.units for one in crowds if one.opens_ms(starts_ms, self._policy.hours) > starts_ms),
            segments=segments,
            cost=cost(self._policy.prices, await _segments_by_country(to_text)),
            errors=prepared.errors,
            starts_ms=starts_ms,
            ends_ms=max(ends_ms, held.ends_ms) if held else ends_ms,
            held_ms=held.at_ms if held else None,
        )

    async def _held(self, request: CampaignRequest, segments: int, texts: int, starts_ms: int) -> HeldUp | None:
        room = await self._caps.room(request.caller)
        if room is None:
            return None
        today = room.today if day_of(starts_ms) == self._caps.today else room.daily
        return held_up(Load(segments, texts, request.sender.rate), starts_ms, today, room.daily)

    async def start(self, request: CampaignRequest, key: str) -> Campaign:
        """Store the campaign and set it going; a repeat with the same key returns the first one.

        Raises:
            InvalidRequest: no row can be texted, or it would be too late for any.
            Conflict: the key belongs to another request, or the first one is still being stored.
        """
        begun = await self._idempotency.begin(key, request.fingerprint)
        if isinstance(begun, Answered):
            return await self._campaigns.get(begun.answer)
        try:
            plan = await self._plan(request, digest("campaign", key), begun.accepted_ms)
            # Planning 100,000 recipients may have taken most of the lease.
            begun = await self._idempotency.extend(begun)
            await self._store(plan)
        except InvalidRequest:
            await self._idempotency.release(begun)
            raise
        except SmsError:
            await self._idempotency.interrupt(begun)
            raise
        await self._idempotency.finish(begun, plan.campaign.id)
        return plan.campaign

    async def _store(self, plan: _Plan) -> None:
        if await self._campaigns.find(plan.campaign.id) is None:
            await self._campaigns.create(plan.campaign, plan.chunks, plan.errors)
        await self._releases.feed(plan.campaign)

    async def _plan(self, request: CampaignRequest, campaign_id: str, created_ms: int) -> _Plan:
        check_times(request.send_at_ms, request.not_after_ms, created_ms)
        prepared, _ = await self._prepare(request)
        if not prepared.recipients:
            raise InvalidRequest(
                "No row of this campaign can be texted. POST it to campaigns/forecast to see why.", code="NoRecipients"
            )
        # Recipients of a chunk keep the same quiet hours, so that a chunk can wait as one; equal texts stay together.
        places = {one.row: _places(one) if request.quiet else () async for one in _gently(prepared.recipients)}
        in_order = sorted(prepared.recipients, key=lambda one: (places[one.row], one.text, one.row))
        chunks = chunked(in_order, lambda one: places[one.row], request.sender.rate)
        campaign = Campaign(
            id=campaign_id,
            name=request.name,
            sender=request.sender.name,
            text=request.text,
            tag=request.tag,
            created_ms=created_ms,
            send_at_ms=request.send_at_ms,
            not_after_ms=request.not_after_ms,
            quiet=request.quiet,
            delivery_report=request.delivery_report,
            status=Status.RUNNING,
            chunks=len(chunks),
            recipients=len(prepared.recipients),
            duplicates=len(prepared.duplicates),
            errors=len(prepared.errors),
            caller=request.caller,
            words=request.words,
            traceparent=self._telemetry.traceparent(),
        )
        return _Plan(campaign, chunks, prepared.errors)

    async def _prepare(self, request: CampaignRequest) -> tuple[Prepared, int]:
        checked = check_rows(request.rows, request.text, self._policy.region)
        prepared = sort_out([outcome async for outcome in _gently(checked)])
        countries = self._policy.countries
        if not countries.codes:
            return prepared, 0
        allowed = [one async for one in _gently(prepared.recipients) if countries.allows(country_of(one.to))]
        refused = {one.row for one in prepared.recipients} - {one.row for one in allowed}
        message = "Texts to this country are not allowed: see SMS_COUNTRIES."
        errors = [*prepared.errors, *(RowError(row, "CountryNotAllowed", message) for row in sorted(refused))]
        return Prepared(tuple(allowed), prepared.duplicates, tuple(errors)), len(refused)

    async def _opted_out(self, sender: str, recipients: Sequence[PreparedRecipient]) -> frozenset[str]:
        keys = await self._opt_outs.keys(_MOST_OPT_OUTS)
        suspects = [one.to for one in recipients if keys is None or recipient_key(one.to) in keys]
        left: set[str] = set()
        for start in range(0, len(suspects), _AT_ONCE):
            part = suspects[start : start + _AT_ONCE]
            standings = await asyncio.gather(*(self._opt_outs.standing(number) for number in part))
            left |= {standing.recipient for standing in standings if standing.blocks(sender)}
        return frozenset(left)


def _places(one: PreparedRecipient) -> tuple[str, ...]:
    return (country_of(one.to) or "", *places_of(one.to))


async def _crowds(recipients: Sequence[PreparedRecipient]) -> Sequence[Crowd]:
    """Return the recipients by place, in the order in which they are texted."""
    sizes = Counter([_places(one) async for one in _gently(recipients)])
    return [Crowd(places[0] or None, places[1:], sizes[places]) for places in sorted(sizes)]


async def _segments_by_country(recipients: Sequence[PreparedRecipient]) -> Mapping[str | None, int]:
    segments: Counter[str | None] = Counter()
    async for one in _gently(recipients):
        segments[country_of(one.to)] += count_segments(one.text).segments
    return segments


async def _gently(rows: Iterable[T]) -> AsyncIterator[T]:
    """Yield the rows, and let the other work of this process go on in between."""
    for number, row in enumerate(rows, start=1):
        yield row
        if number % _ROWS_IN_A_ROW == 0:
            await asyncio.sleep(0)
