"""What the endpoint of the analytics does."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta

from shared.edges.api_analytics import AnalyticsAnswer, AnalyticsQuery, BucketAnswer, Counts, HourOfDay
from shared.edges.http import Call, Reply
from shared.rules.csv_cells import to_cell
from shared.rules.errors import InvalidRequest
from shared.rules.ids import to_ms
from shared.services.analytics import Interval
from shared.services.bundle import Services
from shared.services.tallies import Tally

_LONGEST = {Interval.HOUR: timedelta(days=31), Interval.DAY: timedelta(days=366)}


async def analytics(services: Services, call: Call[None, AnalyticsQuery]) -> AnalyticsAnswer | Reply:
    """Return the counts of a time range, 31 days at most by the hour, 366 by the day."""
    query = call.query
    if not timedelta() < query.span <= _LONGEST[query.interval]:
        raise InvalidRequest(
            "`to` must be after `from`, by 31 days at most with interval=hour and by 366 with interval=day.",
            code="InvalidTimeRange",
            target="to",
        )
    report = await services.analytics.report(to_ms(query.start), to_ms(query.end), query.interval, query.group_by)
    buckets = [BucketAnswer.of_bucket(bucket, services.prices) for bucket in report.buckets]
    if query.format == "csv":
        headers = {"Content-Disposition": 'attachment; filename="analytics.csv"'}
        return Reply(_csv(buckets), headers=headers, content_type="text/csv")
    return AnalyticsAnswer(
        start=query.start,
        end=query.end,
        interval=query.interval.value,
        group_by=query.group_by.value if query.group_by else None,
        value=buckets,
        totals=Counts.of(report.totals, services.prices),
        hours_of_day=_busy(report.hours_of_day),
    )


def _busy(hours: Sequence[Tally]) -> list[HourOfDay]:
    shown = (HourOfDay(hour=hour, sent=one["sent"], inbound=one["inbound"]) for hour, one in enumerate(hours))
    return [one for one in shown if one.sent or one.inbound]


def _csv(buckets: Sequence[BucketAnswer]) -> str:
    columns = [name for name in BucketAnswer.model_fields if not name.startswith("ms_")]
    order = ["start", "group", *(name for name in columns if name not in ("start", "group"))]
    heads = [str(BucketAnswer.model_fields[name].alias or name) for name in order]
    latencies = [f"{name}{part}" for name in ("msToCarrier", "msToReport") for part in ("P50", "P95", "P99")]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*heads, *latencies])
    for one in buckets:
        row = one.model_dump(mode="json")
        cells = [
            *(row[name] for name in order),
            *_latency_cells(row["ms_to_carrier"]),
            *_latency_cells(row["ms_to_report"]),
        ]
        writer.writerow([to_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue()


def _latency_cells(latency: dict[str, int] | None) -> list[int | None]:
    return [latency[name] if latency else None for name in ("p50", "p95", "p99")]
