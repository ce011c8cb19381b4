"""Every error code that a caller may meet: found in the code, so that none is missing, and explained here."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.edges import http_errors
from shared.rules import errors, phone_numbers
from shared.rules.errors import SmsError
from shared.rules.phone_numbers import NumberProblem
from shared.rules.reasons import Reason

_SHARED = Path(__file__).resolve().parent.parent / "shared"

# A trigger raises these, or they are dealt with inside: no HTTP endpoint answers with them.
NOT_OVER_HTTP = frozenset({"RelayUnavailable", "CarrierSilent", "InvalidQueueMessage", "Overtaken"})

_IN_WORDS: Mapping[str, str] = {
    "RecipientOptedOut": "The person has opted out of this sender; nothing was sent. They can text START to come back.",
    "TooManyQuickReplies": "The quick replies are over 30,000 characters in all: write fewer or shorter ones.",
    "AddressNotFound": "There is nothing at this address.",
    "CampaignNotFound": "There is no campaign with this id.",
    "ConversationNotFound": "There is no conversation with this id.",
    "CountryNotAllowed": "The row's country is not in `SMS_COUNTRIES`.",
    "EmptyBody": "The body is empty, or was sent in chunks: send it with a Content-Length.",
    "EmptyText": "The row's text is empty once its placeholders are filled.",
    "FailureNotFound": "There is no failure with this id.",
    "IdempotencyKeysDiffer": "`Idempotency-Key` and `Repeatability-Request-ID` are not the same: send one of them.",
    "IdempotencyKeyReused": "This idempotency key was used for another request: use a new key for each request.",
    "InvalidChoiceWord": "A word of `confirmWords` or `cancelWords` has no letter or digit, is a keyword of opt-outs, "
    "opt-ins or help, or stands for both: choose another one.",
    "InvalidCsv": "The file is not CSV, its first line is wrong, or rows are wrong. The details name the lines. "
    "Nothing of the file was taken.",
    "InvalidEncoding": "The body is not UTF-8.",
    "InvalidForm": "The body is not a form of two parts, the options as application/json and the file as text/csv.",
    "InvalidJson": "The body is not valid JSON.",
    "InvalidRow": "In a row of a file, `since` is not a time with a zone or is to come, `source` is none of the known, "
    "or there are more cells than the first line names.",
    "InvalidSkipToken": "`skipToken` is not from a `nextLink` of this list: begin again without it.",
    "InvalidTimeRange": "`to` is not after `from`, or the range is too long for the interval.",
    "InvalidValue": "A field or a query parameter has a value that it cannot have; the message says which it can.",
    "MessageHasGone": "The message has gone, or has ended otherwise: it cannot be canceled.",
    "MessageNotFound": "There is no message with this id.",
    "MissingField": "A field or a query parameter is missing; `target` names it.",
    "NoRecipients": "No row of the campaign can be texted: `POST /api/campaigns/forecast` says why.",
    "NotAfterTooEarly": "`notAfter` is not later than `sendAt`, or not later than now.",
    "RequestInProgress": "The first request with this idempotency key is still running: repeat it a little later.",
    "TextTooLong": "The row's text is too long once its placeholders are filled. Counted are UTF-16 units.",
    "TimeOutOfRange": "A time is before the year 2000 or after the year 3000.",
    "TooFew": "A list is empty.",
    "TooLong": "A text is too long. Counted are UTF-16 units: an emoji counts as two.",
    "TooMany": "A list has too many entries.",
    "TooManyCells": "The row of a file has a cell without a column: put a cell that has the delimiter in it in quotes.",
    "TooShort": "A text is empty.",
    "UnknownField": "The request has a field or a query parameter that this endpoint does not know.",
    "UnknownSender": "`from` is not one of this app's senders.",
    "UnsupportedApiVersionValue": "The `api-version` is not known.",
}

# What a caller does about it, where the words above do not say so after a colon, and the status does not say enough.
_TO_DO: Mapping[str, str] = {
    "AddressNotFound": "Take an address of docs/api.md.",
    "CarrierRefused": "Mend what the message names: the sender, the credentials or the endpoint. Then send again.",
    "CarrierThrottled": "Wait for `Retry-After`, then repeat with the same idempotency key.",
    "CountryNotAllowed": "Leave the row out, or have the country added to the setting.",
    "DailyCapReached": "Wait until midnight UTC, or have `SMS_DAILY_SEGMENTS` (or the cap by caller) raised.",
    "Forbidden": "Have the role assigned that the message names.",
    "InternalError": "Report it with the request id. A repeat with the same idempotency key does no harm.",
    "InvalidCsv": "Mend the lines and load the whole file again.",
    "InvalidRow": "Mend the row and load the whole file again.",
    "InvalidTimeRange": "Ask for a shorter range, or with `interval=day`.",
    "MessageHasGone": "Nothing: read the message to see what became of it.",
    "MethodNotAllowed": "Take a method of the header `Allow`.",
    "MissingPlaceholder": "Give every recipient a value for it.",
    "NotReady": "See the details, which name it; ask again later.",
    "TimeOutOfRange": "Correct the year.",
    "PreconditionFailed": "Read it again, make your change there, and send it with the new ETag.",
    "TextTooLong": "Shorten the text, or the values that fill it.",
    "TooLong": "Shorten it.",
    "TooMany": "Split the request.",
    "TooManyRequests": "Wait for `Retry-After`, then repeat; or have `SMS_REQUESTS_PER_MINUTE` raised.",
    "Unauthorized": "Sign in, or bring a key: whichever `SMS_SIGN_IN` asks for.",
    "UnknownField": "Leave it out, or correct its spelling.",
    "UnknownSender": "Take one of `SMS_SENDERS`, or leave `from` out.",
    "UnsupportedApiVersionValue": "Leave it out, or take one that the message names.",
}
_TO_DO_BY_STATUS: Mapping[str, str] = {
    "": "Correct the row.",
    "400": "Correct the request; the same one is refused again.",
    "404": "Check the id; take it from an answer or a list.",
    "409": "Read what is there before you try again.",
    "412": "Get it again, and decide by what it is now.",
    "413": "Send less: split the request.",
    "415": "Set `Content-Type` to what the message names.",
    "429": "Wait for `Retry-After`, or a minute, then repeat with the same idempotency key.",
    "503": "Repeat later, with the same idempotency key.",
}


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One code: its HTTP status (empty: only in details or of rows), whether a repeat may help, and what it says."""

    code: str
    status: str
    repeat: str
    meaning: str

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """Return the code's row in the table: code, status, repeat, meaning, what to do. KeyError without advice."""
        meaning, colon, advice = self.meaning.partition(": ")
        if self.code in _TO_DO or not colon:
            meaning, advice = self.meaning, _TO_DO.get(self.code) or _TO_DO_BY_STATUS[self.status]
        return f"`{self.code}`", self.status, self.repeat, meaning.rstrip(".") + ".", advice[0].upper() + advice[1:]


@dataclass(frozen=True, slots=True)
class _Raised:
    """One place that makes an error: of which class, with which code of its own, and whether it says when to repeat."""

    kind: type[SmsError]
    code: str | None
    says_when: bool


def error_codes() -> list[ErrorCode]:
    """Return all codes, by name; KeyError for a code in the code that is not explained here."""
    found = {one.code: one for one in (*_of_classes(), *_of_places(), *_of_fields(), *_of_numbers(), *_of_rows())}
    return [found[code] for code in sorted(found)]


def reasons_in_use() -> frozenset[Reason]:
    """Return the reasons that the app gives today; the table has some for what is to come."""
    users = [tree for name, tree in _modules() if name != "reasons.py"]
    names = {name for tree in users for node in ast.walk(tree) if (name := _reason_in(node))}
    return frozenset(reason for reason in Reason if reason.name in names)


def _of_classes() -> Iterator[ErrorCode]:
    for kind in {one.kind for one in _raised() if one.code is None}:
        if kind.code not in NOT_OVER_HTTP:
            yield ErrorCode(kind.code, str(kind.http_status), _yes(not kind.permanent), _first_line(kind))


def _of_places() -> Iterator[ErrorCode]:
    for one in _raised():
        if one.code and one.code not in NOT_OVER_HTTP:
            repeat = _yes(one.says_when or not one.kind.permanent)
            yield ErrorCode(one.code, str(one.kind.http_status), repeat, _IN_WORDS[one.code])


def _of_fields() -> Iterator[ErrorCode]:
    codes = {code for code, _ in http_errors._CODES.values()} | {"InvalidValue"}  # noqa: SLF001 - documents them
    for code in codes:
        yield ErrorCode(code, "400", "", _IN_WORDS[code])
    yield ErrorCode("InvalidRow", "", "", _IN_WORDS["InvalidRow"])


def _of_rows() -> Iterator[ErrorCode]:
    """Yield what may be wrong with a row of a campaign, where the row itself says it."""
    for call in _calls():
        if isinstance(call.func, ast.Name) and call.func.id == "RowError" and len(call.args) > 1:
            code = call.args[1]
            if isinstance(code, ast.Constant):
                yield ErrorCode(str(code.value), "", "", _IN_WORDS[str(code.value)])


def _of_numbers() -> Iterator[ErrorCode]:
    for problem, message in phone_numbers._MESSAGES.items():  # noqa: SLF001 - documents them
        if problem is not NumberProblem.INVALID_SENDER:
            yield ErrorCode(problem.value, "400", "", message)


@cache
def _raised() -> tuple[_Raised, ...]:
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, SmsError)}
    return tuple(
        _Raised(kinds[call.func.id], code, "retry_after_s" in {word.arg for word in call.keywords})
        for call in _calls()
        if isinstance(call.func, ast.Name) and call.func.id in kinds
        for code in _codes_of(call)
    )


def _calls() -> list[ast.Call]:
    return [node for _, tree in _modules() for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _codes_of(call: ast.Call) -> list[str | None]:
    """Return the code that a call gives, [None] for its class's own, nothing for one that is computed."""
    given = next((word.value for word in call.keywords if word.arg == "code"), None)
    if given is None:
        return [None]
    return [given.value] if isinstance(given, ast.Constant) and isinstance(given.value, str) else []


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple((file.name, ast.parse(file.read_text("utf-8"))) for file in sorted(_SHARED.rglob("*.py")))


def _reason_in(node: ast.AST) -> str | None:
    """Return the member's name if the node is `Reason.MEMBER`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason":
        return node.attr
    return None


def _first_line(kind: type[SmsError]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _yes(value: bool) -> str:
    return "yes" if value else ""
