"""What schemathesis cannot read from the OpenAPI document, and a record of every answer.

schemathesis loads this module in a process of its own. Environment: `CONTRACT_RECORD` is the file that gets one JSON
line per answer, `CONTRACT_IDS` a JSON object of ids that exist, by collection.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import schemathesis

from shared.rules.phone_numbers import NumberProblem

# Rules that OpenAPI has no words for: two fields together, the clock, the app's settings, the inside of a file.
BEYOND_SCHEMA = frozenset(
    {
        # What is a phone number is up to the numbering plans of all countries.
        *(problem.value for problem in NumberProblem),
        "InvalidPhoneNumber",
        "IdempotencyKeysDiffer",
        "InvalidCsv",
        "InvalidRow",
        "InvalidSkipToken",
        "InvalidTimeRange",
        "NoRecipients",
        "NotAfterTooEarly",
        "TimeOutOfRange",
        "UnknownSender",
        "InvalidChoiceWord",
    }
)
_CAMPAIGN_ROUTES = frozenset({"/campaigns", "/campaigns/forecast"})
_OPTIONS = frozenset(
    {"name", "from", "text", "tag", "sendAt", "notAfter", "quietHours", "deliveryReport", "confirmWords", "cancelWords"}
)
NUMBER = "+14255550123"
_FITTING = {
    "confirmWords": ["C", "YES"],
    "cancelWords": ["X"],
    "from": "+18005550100",
    "notAfter": "2999-12-31T00:00:00Z",
    "recipient": NUMBER,
    "sendAt": "2026-01-01T00:00:00Z",
}
_RECIPIENTS = f"to,name\r\n{NUMBER},Ann\r\n"
_FILES = {
    "/campaigns": _RECIPIENTS,
    "/campaigns/forecast": _RECIPIENTS,
    "/opt-outs/add": f"recipient\r\n{NUMBER}\r\n",
}
_HOURS = {"days": ["monday"], "hours": "09:00-17:00", "timeZone": "America/Los_Angeles"}
_DATE = "Repeatability-First-Sent"
_RECORD = Path(os.environ["CONTRACT_RECORD"])
_IDS: dict[str, list[str]] = json.loads(os.environ.get("CONTRACT_IDS", "{}"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Mend what OpenAPI cannot say of a request that ought to be valid."""
    _keep_the_line_short(case)
    _write_headers_that_can_be_sent(case)
    if _is_positive(case):
        _give_options_to_files_alone(case)
        _write_the_date(case)
        _mend_the_body(case)
        _name_what_there_is(case)
        if zlib.crc32(case.id[::-1].encode()) % 4:
            _keep_rules_beyond_schema(case)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Keep what came back."""
    line = {
        "operation": case.operation.label,
        "method": response.request.method,
        "status": response.status_code,
        "positive": _is_positive(case),
        "phase": case.meta.phase.name.value if case.meta else "",
        "codes": sorted(_codes(response)),
    }
    with _RECORD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


@schemathesis.check
def refuses_valid_requests_for_rules_beyond_the_schema_alone(ctx: Any, response: Any, case: Any) -> None:
    """Fail for a 400 to a request that is valid by the document, unless it names a rule that no schema can say."""
    if _is_positive(case) and response.status_code == 400:
        others = _codes(response) - BEYOND_SCHEMA
        assert not others, f"refused with {sorted(others)}, though the document lets it be"


def _is_positive(case: Any) -> bool:
    return bool(case.meta and case.meta.generation.mode.is_positive)


def _give_options_to_files_alone(case: Any) -> None:
    """The options of a campaign are in the query with a body of CSV, and only with one; then two must be there."""
    if case.operation.path not in _CAMPAIGN_ROUTES or case.method.upper() != "POST":
        return
    query = dict(case.query or {})
    if case.media_type == "text/csv":
        case.query = {"name": "Spring sale", "text": "It begins today.", **query}
    else:
        case.query = {name: value for name, value in query.items() if name not in _OPTIONS}


def _keep_the_line_short(case: Any) -> None:
    """A host refuses a request line over 8 KB by itself: let long values take one byte a character."""
    for name, value in (case.query or {}).items():
        if isinstance(value, str) and len(quote(value, errors="replace")) > 1600:
            case.query[name] = "x" * min(len(value.encode("utf-16-le", "replace")) // 2, 2100)


def _write_headers_that_can_be_sent(case: Any) -> None:
    """A server refuses a request with control characters in a header before it is one of the API (RFC 9110 §5.5)."""
    for name, value in (case.headers or {}).items():
        if isinstance(value, str):
            case.headers[name] = re.sub(r"[\x00-\x1f\x7f]", "x", value)


def _mend_the_body(case: Any) -> None:
    """JSON Schema calls 9.0 an integer, which the API wants written as one; and rules of answers hang together."""
    if not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("maxPageSize"), float):
        case.body["maxPageSize"] = int(case.body["maxPageSize"])
    if case.operation.path == "/auto-replies":
        case.body.update(officeHours=_HOURS)
        case.body["rules"] = [_mended(rule) for rule in case.body.get("rules", [])]


def _mended(rule: Any) -> Any:
    """Return a rule with a keyword that can be one, or with a pattern."""
    kept = {name: value for name, value in rule.items() if name not in ("keyword", "pattern")}
    return {**kept, **({"pattern": rule["pattern"]} if rule.get("pattern") else {"keyword": "HOURS"})}


def _write_the_date(case: Any) -> None:
    """schemathesis 4.32 has "0" for this header, which its pattern does not let be: it makes none with a comma."""
    if (case.headers or {}).get(_DATE) == "0":
        case.headers[_DATE] = "Tue, 26 Mar 2019 16:06:51 GMT"


def _name_what_there_is(case: Any) -> None:
    """Let half of the ids be of something that exists."""
    known = _IDS.get(case.operation.path.split("/")[1], [])
    named = str((case.path_parameters or {}).get("id", ""))
    if named and known:
        choice = zlib.crc32(named.encode()) + len(case.id)
        if choice % 2 == 0:
            case.path_parameters["id"] = known[choice // 2 % len(known)]


def _keep_rules_beyond_schema(case: Any) -> None:
    """Mend what would be refused for such a rule, so that most requests get past it."""
    for header in ("Repeatability-Request-ID", "Idempotency-Key") if zlib.crc32(case.id.encode()) % 8 else ():
        (case.headers or {}).pop(header, None)
    if "skipToken" in (case.query or {}):
        del case.query["skipToken"]
    if isinstance(case.body, str) and case.media_type == "text/csv":
        case.body = _FILES[case.operation.path]
    body = case.body if isinstance(case.body, dict) else {}
    for fields in (case.query, body, body.get("options")):
        if isinstance(fields, dict) and case.operation.path != "/analytics":
            fields.update({name: value for name, value in _FITTING.items() if name in fields})
    if "file" in body:
        body["file"] = _FILES[case.operation.path]
    for list_of in ("recipients", "to"):
        if isinstance(body.get(list_of), list):
            body[list_of] = [_with_number(body[list_of][0]), *body[list_of][1:]]


def _with_number(first: Any) -> Any:
    if isinstance(first, dict):
        return {"to": NUMBER, "vars": {"name": "Ann", **first.get("vars", {})}}
    return NUMBER


def _codes(response: Any) -> set[str]:
    try:
        error = json.loads(response.content)["error"]
        return {detail["code"] for detail in error.get("details", [])} or {error["code"]}
    except (ValueError, TypeError, KeyError):
        return set()
