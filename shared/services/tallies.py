"""Tallies: what the activity of a time adds up to. Every count of a tally adds, so that hours make days."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from enum import StrEnum

from shared.rules.countries import ByCountry
from shared.rules.keywords import KeywordKind, classify
from shared.rules.latencies import bucket_of, percentile
from shared.rules.prices import Cost, cost
from shared.rules.states import State
from shared.services.activity import Activity, Kind

_SEGMENTS_TO, _TO_CARRIER, _TO_REPORT = "segments.", "toCarrier.", "toReport."
_STATES = {State.DELIVERED, State.FAILED, State.UNKNOWN, State.SUPPRESSED, State.CANCELED, State.EXPIRED}


class GroupBy(StrEnum):
    """By what the counts are split."""

    TAG = "tag"
    SENDER = "sender"
    CAMPAIGN = "campaign"
    COUNTRY = "country"
    REASON = "reason"

    def of(self, one: Activity) -> str:
        """Return the group of one thing that happened, empty for none."""
        if self is GroupBy.REASON:
            return one.step.reason if one.kind is Kind.OUTBOUND else ""
        return str(getattr(one, self.value))


class Tally:
    """The counts of one time and group; rates and latencies are None where there is nothing to divide or to measure.

    `accepted`: outbound messages, whatever became of them; `sent`: those that the carrier took; `responses`: sent
    ones that were answered in time; `confirms` and `cancels`: those whose recipient chose so, and of several
    choices the last; `leaks`: sent ones whose recipient's opt-out had been recorded when the request left.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(counts or {})

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and +self.counts == +other.counts

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Tally({dict(self.counts)})"

    def include(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.counts.update(other.counts)

    def count(self, one: Activity) -> None:
        """Add one thing that happened."""
        match one.kind:
            case Kind.OUTBOUND:
                self._count_outbound(one)
            case Kind.INBOUND:
                self.counts["inbound"] += 1
                self.counts["helps"] += classify(one.keyword).kind is KeywordKind.HELP
            case Kind.RESPONSE:
                self.counts["responses"] += 1
            case Kind.CHOICE:
                self.counts[f"{one.step.reason}s"] += 1
            case Kind.OPT_OUT:
                self.counts["opt_outs"] += 1
            case Kind.OPT_IN:
                self.counts["opt_ins"] += 1

    def _count_outbound(self, one: Activity) -> None:
        self.counts["accepted"] += 1
        if one.step.state in _STATES:
            self.counts[one.step.state.value] += 1
        if not one.was_sent:
            return
        self.counts["sent"] += 1
        self.counts["segments"] += one.segments
        self.counts[f"{_SEGMENTS_TO}{one.country}"] += one.segments
        self.counts["leaks"] += one.leaked
        if one.sent_ms:
            self.counts[f"{_TO_CARRIER}{bucket_of(one.sent_ms - one.at_ms)}"] += 1
        if one.sent_ms and one.step.code:
            self.counts[f"{_TO_REPORT}{bucket_of(one.step.at_ms - one.sent_ms)}"] += 1

    @property
    def delivery_rate(self) -> float | None:
        """Return delivered messages per sent message."""
        return self._rate("delivered")

    @property
    def response_rate(self) -> float | None:
        """Return the share of sent messages that were answered in time, by anything but an opt-out word."""
        return self._rate("responses")

    @property
    def opt_out_rate(self) -> float | None:
        """Return opt-outs per sent message."""
        return self._rate("opt_outs")

    def cost(self, prices: ByCountry[Decimal]) -> Cost:
        """Return what the segments of the sent messages cost by these prices."""
        return cost(prices, {name or None: count for name, count in self._part(_SEGMENTS_TO).items()})

    def to_carrier_ms(self, share: float) -> int | None:
        """Return within which time this share of the sent messages went from the acceptance to the carrier."""
        return percentile(self._buckets(_TO_CARRIER), share)

    def to_report_ms(self, share: float) -> int | None:
        """Return within which time this share of the reported messages went from the carrier to the report."""
        return percentile(self._buckets(_TO_REPORT), share)

    def _buckets(self, prefix: str) -> dict[int, int]:
        return {int(name): count for name, count in self._part(prefix).items()}

    def _part(self, prefix: str) -> dict[str, int]:
        return {name.removeprefix(prefix): count for name, count in self.counts.items() if name.startswith(prefix)}

    def _rate(self, name: str) -> float | None:
        return round(self.counts[name] / self.counts["sent"], 4) if self.counts["sent"] else None
