"""The allowance: when the next texts of a sender may go, and how many segments a day has room for."""

from __future__ import annotations

from dataclasses import dataclass

from shared.services.daily_caps import DailyCaps
from shared.services.pacer import Pacer


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is asked before texts are handed over."""

    pacer: Pacer
    caps: DailyCaps
