"""Delivery codes of the service, and the magic recipients that this stand-in invents to bring them about."""

from __future__ import annotations

from dataclasses import dataclass

DELIVERED = "2000"
OPTED_OUT = "4007"
TIMED_OUT = "5002"


@dataclass(frozen=True, slots=True)
class DeliveryCode:
    """A code of `deliveryStatusDetails`, its words on the wire and what it means."""

    code: str
    wording: str
    meaning: str

    @property
    def details(self) -> str:
        """The usual form of `deliveryStatusDetails`: code, colon, words."""
        return f"{self.code}: {self.wording}"


# Azure "Troubleshooting in Azure Communication Services", SMS error codes. The words of 2000, 4007 and 5002 are
# the service's own; those of the others paraphrase its table, since no report with them was ever published.
_CODES = (
    DeliveryCode(DELIVERED, "No Error", "delivered"),
    DeliveryCode("4000", "Message rejected due to fraud detection.", "refused: fraud suspected"),
    DeliveryCode("4001", "Invalid From phone number format.", "the sender's format is wrong"),
    DeliveryCode("4002", "Invalid To phone number format.", "the recipient's format is wrong"),
    DeliveryCode("4003", "Message rejected: unsupported destination.", "the destination is not supported"),
    DeliveryCode("4004", "To phone number does not exist.", "no such number"),
    DeliveryCode("4005", "Message blocked by destination carrier.", "blocked by the recipient's carrier"),
    DeliveryCode("4006", "To phone number not reachable.", "out of reach, or switched off"),
    DeliveryCode(OPTED_OUT, "Sender blocked for given recipient.", "the recipient has opted out"),
    DeliveryCode("4008", "Exceeded the maximum number of messages for the profile.", "too many messages"),
    DeliveryCode("4009", "Message rejected by Microsoft Entitlement System.", "the account is blocked"),
    DeliveryCode("4010", "Toll-free number not verified.", "the toll-free number is not verified"),
    DeliveryCode("4020", "Message rejected by carrier: volumetric violation.", "too fast for the carrier"),
    DeliveryCode("5000", "Message failed to deliver.", "failed, reason unknown"),
    DeliveryCode("5001", "Message failed to deliver due to temporary unavailability.", "out of service for now"),
    DeliveryCode(TIMED_OUT, "Message Delivery Timeout", "no report from the carrier in time: outcome unknown"),
    DeliveryCode("9999", "Message failed to deliver due to unknown error.", "unknown error"),
)
CODES = {code.code: code for code in _CODES}


def status_of(code: str) -> str:
    """Return `deliveryStatus` for a code: only 2000 is `Delivered`."""
    return "Delivered" if code == DELIVERED else "Failed"


def details_of(code: str) -> str:
    """Return `deliveryStatusDetails` for any code, known or not."""
    return CODES[code].details if code in CODES else f"{code}: Unknown error code."


@dataclass(frozen=True, slots=True)
class Magic:
    """What happens to a recipient whose number ends in `suffix`."""

    suffix: str
    meaning: str
    code: str = DELIVERED
    details: str | None = None
    item_status: int = 202
    item_error: str | None = None
    first_time_only: bool = False
    reported: bool = True
    late: bool = False
    before_answer: bool = False


_SPECIAL = (
    Magic(
        "9400", "refused in the answer: item status 400", item_status=400, item_error="Invalid To phone number format."
    ),
    Magic(
        "9503", "refused in the answer: item status 503, every time", item_status=503, item_error="ServiceUnavailable"
    ),
    Magic(
        "9513",
        "refused in the answer: item status 503 the first time, accepted when the same id is sent again",
        item_status=503,
        item_error="ServiceUnavailable",
        first_time_only=True,
    ),
    Magic("9001", "delivered, but no report ever comes (5002 when the request sets a report timeout)", reported=False),
    Magic("9002", "delivered, the report comes late (lateReportSeconds)", late=True),
    Magic("9003", "delivered, the report comes before the answer to the request", before_answer=True),
    Magic("2100", "delivered, in words without a code: No error.", details="No error."),
    Magic(
        "4107",
        "the recipient has opted out, in words without a code",
        code=OPTED_OUT,
        details="Sender blocked for given recipient.",
    ),
    Magic(
        "5102",
        "no report from the carrier in time, in the words of a real report",
        code=TIMED_OUT,
        details="ErrorCode: 5002. ErrorMessage: Message Delivery Timeout",
    ),
)


def _outcome(code: DeliveryCode) -> str:
    return "reported Delivered" if code.code == DELIVERED else f"reported Failed: {code.meaning}"


MAGIC = {
    magic.suffix: magic for magic in (*(Magic(code.code, _outcome(code), code.code) for code in _CODES), *_SPECIAL)
}
ORDINARY = Magic("", "delivered")


def magic_of(recipient: str) -> Magic:
    """Return what the last four digits of a recipient ask for; ordinary numbers are delivered."""
    return MAGIC.get(recipient[-4:], ORDINARY)
