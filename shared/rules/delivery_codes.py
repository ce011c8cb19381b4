"""What a delivery report says: ACS's status and error code, turned into an outcome.

Codes by Microsoft Learn, "Troubleshooting in Azure Communication Services", SMS error codes. Whether to retry
and whom to suppress is this project's reading of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from shared.rules.reasons import Reason


class Outcome(StrEnum):
    """How a message ended, as far as the report knows."""

    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DeliveryCode:
    """One delivery code and what follows from it.

    `retryable`: the same text to the same recipient may get through later, and would not arrive twice.
    `suppresses`: the report counts as the recipient's opt-out.
    """

    code: str
    outcome: Outcome
    reason: Reason | None
    retryable: bool = False
    suppresses: bool = False


def _failed(code: str, reason: Reason, *, retryable: bool = False, suppresses: bool = False) -> DeliveryCode:
    return DeliveryCode(code, Outcome.FAILED, reason, retryable, suppresses)


_DELIVERED = DeliveryCode("2000", Outcome.DELIVERED, None)
_OPTED_OUT = _failed("4007", Reason.OPTED_OUT_AT_CARRIER, suppresses=True)
_UNKNOWN_FAILURE = _failed("9999", Reason.UNKNOWN_FAILURE, retryable=True)
_UNCLEAR = DeliveryCode("9999", Outcome.UNKNOWN, Reason.REPORT_UNCLEAR)

_TABLE = (
    _DELIVERED,
    _failed("4000", Reason.BLOCKED_AS_FRAUD),
    _failed("4001", Reason.INVALID_SENDER),
    _failed("4002", Reason.INVALID_RECIPIENT),
    _failed("4003", Reason.UNSUPPORTED_DESTINATION),
    _failed("4004", Reason.NUMBER_DOES_NOT_EXIST),
    _failed("4005", Reason.BLOCKED_BY_CARRIER),
    _failed("4006", Reason.UNREACHABLE, retryable=True),
    _OPTED_OUT,
    _failed("4008", Reason.OVER_PROFILE_LIMIT, retryable=True),
    _failed("4009", Reason.ACCOUNT_BLOCKED),
    _failed("4010", Reason.SENDER_NOT_VERIFIED),
    _failed("4020", Reason.VOLUME_VIOLATION, retryable=True),
    _failed("5000", Reason.SERVICE_FAILURE),
    _failed("5001", Reason.SERVICE_UNAVAILABLE, retryable=True),
    DeliveryCode("5002", Outcome.UNKNOWN, Reason.NO_DELIVERY_REPORT),
    _UNKNOWN_FAILURE,
)

DELIVERY_CODES: Mapping[str, DeliveryCode] = MappingProxyType({row.code: row for row in _TABLE})

# The details are free text, such as "ErrorCode: 5002. ErrorMessage: …". Years and hexadecimal are no codes.
_CODE = re.compile(r"(?<![0-9A-Za-z])(?:2000|[45][0-9]{3}|9999)(?![0-9A-Za-z])")
_BLOCKED_BY_RECIPIENT = "blocked for given recipient"


def parse_outcome(status: str, details: str | None) -> DeliveryCode:
    """Return what a delivery report means, whatever its status and details hold.

    An opt-out (4007, in digits or words) wins over everything: missing one is the worse mistake. Next the
    status wins, being ACS's enumeration while the details are free text: Delivered is 2000 whatever code
    stands beside it, Failed with 2000 or without a code is 9999, another status is an unknown outcome. Failed
    with 5002 is an unknown outcome too. A code that is not in the table keeps its number and is treated as
    9999.
    """
    codes = _CODE.findall(details or "")
    if _OPTED_OUT.code in codes or _BLOCKED_BY_RECIPIENT in (details or "").casefold():
        return _OPTED_OUT
    code = codes[0] if codes else None
    match status.strip().casefold():
        case "delivered":
            return _DELIVERED
        case "failed":
            return _failure(code)
        case _:
            return replace(_UNCLEAR, code=code or _UNCLEAR.code)


def _failure(code: str | None) -> DeliveryCode:
    if code is None or code == _DELIVERED.code:
        return _UNKNOWN_FAILURE
    return DELIVERY_CODES.get(code) or replace(_UNKNOWN_FAILURE, code=code)
