"""Every reason why a message was not sent, failed, or ended without an answer: one table.

The codes are a contract with callers; the sentences are for the developer or support person who meets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ReasonKind(StrEnum):
    """What sort of end a reason is.

    `NONE`: no failure, or nobody knows. `TEMPORARY`: the same text may get through later. `PERMANENT`: this
    recipient or text will not work. `TECHNICAL`: something to repair on the sending side. `POLICY`: a rule
    forbade it.
    """

    NONE = "none"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    TECHNICAL = "technical"
    POLICY = "policy"


class Reason(StrEnum):
    """The code of a reason, as callers see it."""

    # Decided here, before the carrier was asked.
    OPTED_OUT = "optedOut"
    INVALID_NUMBER = "invalidNumber"
    TOO_LONG = "tooLong"
    COUNTRY_NOT_ALLOWED = "countryNotAllowed"
    QUIET_HOURS = "quietHours"
    DAILY_CAP = "dailyCap"
    RECIPIENT_LIMIT = "recipientLimit"
    CANCELED = "canceled"
    EXPIRED = "expired"

    # From the call to the carrier.
    CARRIER_REFUSED = "carrierRefused"
    CARRIER_THROTTLED = "carrierThrottled"
    CARRIER_UNAVAILABLE = "carrierUnavailable"
    CARRIER_SILENT = "carrierSilent"
    RECIPIENT_REFUSED = "recipientRefused"
    RECIPIENT_UNAVAILABLE = "recipientUnavailable"
    INTERRUPTED = "interrupted"

    # From the delivery report, or the lack of one.
    REPORT_MISSING = "reportMissing"
    REPORT_UNCLEAR = "reportUnclear"
    BLOCKED_AS_FRAUD = "blockedAsFraud"
    INVALID_SENDER = "invalidSender"
    INVALID_RECIPIENT = "invalidRecipient"
    UNSUPPORTED_DESTINATION = "unsupportedDestination"
    NUMBER_DOES_NOT_EXIST = "numberDoesNotExist"
    BLOCKED_BY_CARRIER = "blockedByCarrier"
    UNREACHABLE = "unreachable"
    OPTED_OUT_AT_CARRIER = "optedOutAtCarrier"
    OVER_PROFILE_LIMIT = "overProfileLimit"
    ACCOUNT_BLOCKED = "accountBlocked"
    SENDER_NOT_VERIFIED = "senderNotVerified"
    VOLUME_VIOLATION = "volumeViolation"
    SERVICE_FAILURE = "serviceFailure"
    SERVICE_UNAVAILABLE = "serviceUnavailable"
    NO_DELIVERY_REPORT = "noDeliveryReport"
    UNKNOWN_FAILURE = "unknownFailure"


@dataclass(frozen=True, slots=True)
class ReasonInfo:
    """A reason in words: what happened (`meaning`) and what to do about it (`advice`), one sentence each."""

    code: Reason
    kind: ReasonKind
    meaning: str
    advice: str


_TABLE = (
    ReasonInfo(
        Reason.OPTED_OUT,
        ReasonKind.POLICY,
        "The recipient has opted out, so nothing was sent.",
        "Do not text this recipient until they opt in again, for example by texting START.",
    ),
    ReasonInfo(
        Reason.INVALID_NUMBER,
        ReasonKind.PERMANENT,
        "The recipient is not a phone number that can be texted, so nothing was sent.",
        "Correct the number and send again; write it as +, country code and digits.",
    ),
    ReasonInfo(
        Reason.TOO_LONG,
        ReasonKind.PERMANENT,
        "The text, with its placeholders filled in, is longer than the carrier takes.",
        "Shorten the text or the values that go into it.",
    ),
    ReasonInfo(
        Reason.COUNTRY_NOT_ALLOWED,
        ReasonKind.POLICY,
        "The settings do not allow texts to the recipient's country.",
        "Add the country to the allowed ones if you mean to text there and your sender can.",
    ),
    ReasonInfo(
        Reason.QUIET_HOURS,
        ReasonKind.POLICY,
        "It is a time of day at the recipient's place when no texts may be sent.",
        "Send again when the quiet hours are over, or let the message wait for their end.",
    ),
    ReasonInfo(
        Reason.DAILY_CAP,
        ReasonKind.POLICY,
        "As many segments have been sent today as the settings allow, in all or by this caller.",
        "It goes by itself after midnight UTC, unless its latest time is before that; raise the cap if need be.",
    ),
    ReasonInfo(
        Reason.RECIPIENT_LIMIT,
        ReasonKind.POLICY,
        "The recipient has had as many texts within an hour as the settings allow.",
        "Send again an hour later, or raise the limit if that is in the recipient's interest.",
    ),
    ReasonInfo(
        Reason.CANCELED,
        ReasonKind.NONE,
        "The message was canceled before it was sent.",
        "Nothing needs to be done; send a new message if it is wanted after all.",
    ),
    ReasonInfo(
        Reason.EXPIRED,
        ReasonKind.POLICY,
        "The message was not sent in time and its latest time has passed.",
        "Send a new message if it still matters, or allow more time.",
    ),
    ReasonInfo(
        Reason.CARRIER_REFUSED,
        ReasonKind.TECHNICAL,
        "The carrier refused the whole request: the sender, the credentials or the settings are wrong.",
        "Check the connection string or identity, and that this ACS resource owns the sender.",
    ),
    ReasonInfo(
        Reason.CARRIER_THROTTLED,
        ReasonKind.TEMPORARY,
        "The carrier refused the request because the sender is over its rate limit; nothing was sent.",
        "Send again after a minute, and more slowly.",
    ),
    ReasonInfo(
        Reason.CARRIER_UNAVAILABLE,
        ReasonKind.TEMPORARY,
        "The carrier did not take the request; nothing was sent.",
        "Send again later; if it lasts, look at the Azure status page.",
    ),
    ReasonInfo(
        Reason.CARRIER_SILENT,
        ReasonKind.NONE,
        "The connection broke before the carrier answered, so the text may or may not have been sent.",
        "Wait for a delivery report; send again only if a second copy would do no harm.",
    ),
    ReasonInfo(
        Reason.RECIPIENT_REFUSED,
        ReasonKind.PERMANENT,
        "The carrier took the request but refused this recipient.",
        "Check the number with the recipient; the same number will be refused again.",
    ),
    ReasonInfo(
        Reason.RECIPIENT_UNAVAILABLE,
        ReasonKind.TEMPORARY,
        "The carrier took the request but could not handle this recipient; nothing was sent to them.",
        "Send again later to this recipient.",
    ),
    ReasonInfo(
        Reason.INTERRUPTED,
        ReasonKind.NONE,
        "The service stopped while it was sending, too long ago to repeat it: the text may have been sent.",
        "Wait for a delivery report; send again only if a second copy would do no harm.",
    ),
    ReasonInfo(
        Reason.REPORT_MISSING,
        ReasonKind.NONE,
        "The carrier accepted the text but no delivery report came in time.",
        "Check the Event Grid subscription for delivery reports; a late report still settles the message.",
    ),
    ReasonInfo(
        Reason.REPORT_UNCLEAR,
        ReasonKind.NONE,
        "A delivery report came whose status is neither delivered nor failed.",
        "Look at the stored report; if such reports keep coming, update this service.",
    ),
    ReasonInfo(
        Reason.BLOCKED_AS_FRAUD,
        ReasonKind.TECHNICAL,
        "The service's fraud detection rejected the text.",
        "Stop sending this text, keep within the sender's limits and contact Azure support.",
    ),
    ReasonInfo(
        Reason.INVALID_SENDER,
        ReasonKind.TECHNICAL,
        "The sender is not in a form that the service accepts.",
        "Correct the sender in the settings: E.164 for a number, digits alone for a short code.",
    ),
    ReasonInfo(
        Reason.INVALID_RECIPIENT,
        ReasonKind.PERMANENT,
        "The recipient's number is not in a form that the service accepts.",
        "Correct the number; it must be E.164.",
    ),
    ReasonInfo(
        Reason.UNSUPPORTED_DESTINATION,
        ReasonKind.PERMANENT,
        "This sender cannot text the recipient's country.",
        "Use a sender that can reach that country, or another channel.",
    ),
    ReasonInfo(
        Reason.NUMBER_DOES_NOT_EXIST,
        ReasonKind.PERMANENT,
        "The recipient's number does not exist.",
        "Ask the recipient for their number and remove this one.",
    ),
    ReasonInfo(
        Reason.BLOCKED_BY_CARRIER,
        ReasonKind.PERMANENT,
        "The recipient's carrier blocked the text, usually for its content or the sender's reputation.",
        "Take link shorteners and spam words out of the text, and check the sender's registration.",
    ),
    ReasonInfo(
        Reason.UNREACHABLE,
        ReasonKind.TEMPORARY,
        "The recipient's phone could not be reached: it may be switched off, without coverage or a landline.",
        "Send again later, a few times at most.",
    ),
    ReasonInfo(
        Reason.OPTED_OUT_AT_CARRIER,
        ReasonKind.POLICY,
        "The carrier did not deliver the text because the recipient has opted out of this sender.",
        "Do not text this recipient; only they can lift the block, by texting START to the sender.",
    ),
    ReasonInfo(
        Reason.OVER_PROFILE_LIMIT,
        ReasonKind.TEMPORARY,
        "The sender has sent more than its messaging profile allows.",
        "Send again later and more slowly, or ask for a higher limit.",
    ),
    ReasonInfo(
        Reason.ACCOUNT_BLOCKED,
        ReasonKind.TECHNICAL,
        "The service does not let this account send, because it suspects fraud.",
        "Stop sending and contact Azure support.",
    ),
    ReasonInfo(
        Reason.SENDER_NOT_VERIFIED,
        ReasonKind.TECHNICAL,
        "The toll-free sender is not verified, so carriers block its texts.",
        "Submit the toll-free verification in the Azure portal, and use another sender until it is approved.",
    ),
    ReasonInfo(
        Reason.VOLUME_VIOLATION,
        ReasonKind.TEMPORARY,
        "The recipient's carrier rejected the text because the sender sends too much at once.",
        "Send again much later and lower the sender's rate.",
    ),
    ReasonInfo(
        Reason.SERVICE_FAILURE,
        ReasonKind.TECHNICAL,
        "The service failed to deliver the text and gives no cause.",
        "Contact Azure support with the message's id at ACS.",
    ),
    ReasonInfo(
        Reason.SERVICE_UNAVAILABLE,
        ReasonKind.TEMPORARY,
        "The service was unavailable for a time and did not deliver the text.",
        "Send again later.",
    ),
    ReasonInfo(
        Reason.NO_DELIVERY_REPORT,
        ReasonKind.NONE,
        "The recipient's carrier gave no delivery report, so the text may well have arrived.",
        "Do not send again for this alone; the recipient could get it twice.",
    ),
    ReasonInfo(
        Reason.UNKNOWN_FAILURE,
        ReasonKind.TEMPORARY,
        "The text was not delivered, for a cause that the service does not name or that is not known here.",
        "Send again later, a few times at most, and contact Azure support if it keeps failing.",
    ),
)

REASONS: Mapping[Reason, ReasonInfo] = MappingProxyType({info.code: info for info in _TABLE})


def describe(reason: str | None) -> ReasonInfo | None:
    """Return a reason in words; None for no reason and for a code that is not in the table."""
    if reason is None or reason not in REASONS:
        return None
    return REASONS[Reason(reason)]
