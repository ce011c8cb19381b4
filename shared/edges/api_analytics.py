"""The request and the answers of the analytics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from shared.edges.api_base import AnyTime, Out, Query, Time
from shared.rules.countries import ByCountry
from shared.rules.ids import from_ms
from shared.services.analytics import Bucket, Interval
from shared.services.tallies import GroupBy, Tally

_COUNTS = (
    "accepted", "sent", "delivered", "failed", "unknown", "suppressed", "canceled", "expired", "segments", "leaks",
    "inbound", "responses", "confirms", "cancels", "helps", "opt_outs", "opt_ins",
)  # fmt: skip


class AnalyticsQuery(Query):
    """The time range, the length of a bucket and what to split by."""

    start: Annotated[AnyTime, Field(alias="from")]
    end: Annotated[AnyTime, Field(alias="to")]
    interval: Interval = Interval.DAY
    group_by: GroupBy | None = None
    format: Literal["json", "csv"] = "json"

    @property
    def span(self) -> timedelta:
        """Return how long the range is."""
        return self.end - self.start


class Latency(Out):
    """Within how many milliseconds half, 95 % and 99 % were done; to within 5 %."""

    p50: int
    p95: int
    p99: int


class Counts(Out):
    """The counts, rates and latencies of one bucket, or of all; what there is nothing to divide or measure is left out.

    `cost` has the segments that have a price in `SMS_PRICES`, `unpricedSegments` the others.
    """

    accepted: int
    sent: int
    delivered: int
    failed: int
    unknown: int
    suppressed: int
    canceled: int
    expired: int
    segments: int
    leaks: int
    inbound: int
    responses: int
    confirms: int
    cancels: int
    helps: int
    opt_outs: int
    opt_ins: int
    cost: str
    unpriced_segments: int
    delivery_rate: float | None = None
    response_rate: float | None = None
    opt_out_rate: float | None = None
    ms_to_carrier: Latency | None = None
    ms_to_report: Latency | None = None

    @classmethod
    def of(cls, tally: Tally, prices: ByCountry[Decimal]) -> Counts:
        """Return the tally as it is shown."""
        return cls(**_shown(tally, prices))


def _shown(tally: Tally, prices: ByCountry[Decimal]) -> dict[str, object]:
    cost = tally.cost(prices)
    return {name: tally[name] for name in _COUNTS} | {
        "cost": f"{cost.amount:f}",
        "unpriced_segments": cost.unpriced_segments,
        "delivery_rate": tally.delivery_rate,
        "response_rate": tally.response_rate,
        "opt_out_rate": tally.opt_out_rate,
        "ms_to_carrier": _latency(tally.to_carrier_ms(share) for share in (0.5, 0.95, 0.99)),
        "ms_to_report": _latency(tally.to_report_ms(share) for share in (0.5, 0.95, 0.99)),
    }


def _latency(found: Iterable[int | None]) -> Latency | None:
    p50, p95, p99 = found
    return None if p50 is None or p95 is None or p99 is None else Latency(p50=p50, p95=p95, p99=p99)


class BucketAnswer(Counts):
    """One hour or day, and one group of it when the answer is split."""

    start: Time
    group: str | None = None

    @classmethod
    def of_bucket(cls, bucket: Bucket, prices: ByCountry[Decimal]) -> BucketAnswer:
        """Return the bucket as it is shown."""
        return cls(start=from_ms(bucket.start_ms), group=bucket.group, **_shown(bucket.tally, prices))


class HourOfDay(Out):
    """How busy one hour of the day is, UTC, over the whole range."""

    hour: int
    sent: int
    inbound: int


class AnalyticsAnswer(Out):
    """The buckets that are not empty, the totals, and the hours of the day that are not empty."""

    start: Annotated[Time, Field(serialization_alias="from")]
    end: Annotated[Time, Field(serialization_alias="to")]
    interval: str
    group_by: str | None = None
    value: list[BucketAnswer]
    totals: Counts
    hours_of_day: list[HourOfDay]
