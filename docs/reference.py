"""What of docs/ is made: settings.md, error-codes.md, openapi.json, results in cost.md and schemas in events.md."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from docs import cost
from docs.error_codes import error_codes, reasons_in_use
from shared.edges.settings import Settings
from shared.rules.delivery_codes import DELIVERY_CODES
from shared.rules.reasons import REASONS, ReasonKind
from shared.services.notice_models import NOTICES

DOCS = Path(__file__).resolve().parent
_ROOT = DOCS.parent

_KINDS: Mapping[ReasonKind, str] = {
    ReasonKind.NONE: "no failure, or nobody knows",
    ReasonKind.TEMPORARY: "the same text may get through later",
    ReasonKind.PERMANENT: "this recipient or this text will not work",
    ReasonKind.TECHNICAL: "something to repair on the sending side",
    ReasonKind.POLICY: "a rule forbade it",
}

# The least that the app starts with; a test holds it to that.
LEAST: Mapping[str, str] = {
    "ACS_CONNECTION_STRING": "endpoint=http://127.0.0.1:7072/;accesskey=a2V5",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "SMS_DEFAULT_SENDER": "+18005550100",
    "SMS_SENDERS": '[{"sender": "+18005550100", "type": "tollFree"}]',
}
_INSTEAD: Mapping[str, str] = {
    "ACS_CONNECTION_STRING": "ACS_ENDPOINT",
    "AzureWebJobsStorage": "AzureWebJobsStorage__accountName",
}

_SCHEMA = re.compile(r"(<!-- schema of (Sms\.\w+) -->)\n.*?(<!-- end of schema -->)", re.DOTALL)

# `function_app` reads its settings when it is imported: in an interpreter of its own, with the least of them.
_TELL = """
import sys, function_app
from shared.edges.description import openapi_text
sys.stdout.reconfigure(encoding="utf-8")
print(openapi_text(function_app.http))
"""


_SETTINGS_ABOVE = """
The app reads its settings once, when it starts, from the environment: in Azure, the application settings. On
your machine, `python dev.py run` takes `local.settings.json.example`, over it your own `local.settings.json`
if you have one, over that your environment; where storage and carrier are it sets itself. An empty value
counts as not set.

A missing or wrong setting stops the app at the start. The host's log then has one sentence that names the
setting and says what it takes; it never shows the value. A name that begins with `SMS_` and is not in this
table stops the app as well, so that a typing error does not go unnoticed.
"""
_SETTINGS_BELOW = """
## Which go together

- ACS: `ACS_CONNECTION_STRING`, or `ACS_ENDPOINT` for managed identity. One of them must be set.
- Storage: `AzureWebJobsStorage`, or `AzureWebJobsStorage__accountName` (or `…__tableServiceUri`) for managed
  identity. One of them must be set. The Functions host reads these as well.
- `SMS_DEFAULT_SENDER` must be one of `SMS_SENDERS`.
- `SMS_RELAY_TOPIC_ENDPOINT` alone uses managed identity; with `SMS_RELAY_TOPIC_KEY` it uses the key.
- `SMS_WEBHOOK_URL` needs `SMS_WEBHOOK_SECRETS`.

## SMS_SENDERS

A JSON list. For example:

```json
[
  {"sender": "+18005550100", "type": "tollFree"},
  {"sender": "12345", "type": "shortCode"},
  {"sender": "CONTOSO", "type": "alphanumeric"}
]
```

`optOuts` says who answers STOP and START, `carrier` or `app`. Left out, it is `carrier` for `tollFree` and
`app` for all others. Whoever answers, the app records the opt-out. An alphanumeric sender cannot be answered,
so the app never sends it a keyword reply.

`perMinute` (100 to 1,000,000) is how many texts the sender may send in any minute, if Azure has raised its
limit for you. Left out, it is 200 for `tollFree`, `10dlc` and `mobile`, 6,000 for `shortCode` and 600 for
`alphanumeric`; alphanumeric senders share one limit.

## Quiet hours, countries and prices

Countries are two capital letters (ISO 3166), `*` is every other one. For example:

```ini
SMS_QUIET_HOURS={"*": "09:00-20:00", "FR": "10:00-20:00"}
SMS_COUNTRIES=US,CA,FR
SMS_PRICES={"US": "0.0079", "*": "0.05"}
```

`SMS_QUIET_HOURS` are the hours in which campaigns may be sent, by the clock of the recipient's place. Where a
number may be in several time zones, the hour must be allowed in all of them. Single requests, one-time codes
and answers to keywords are sent at any hour.

`SMS_COUNTRIES` holds for every text but the app's own answers, `SMS_PRICES` is for forecasts and analytics.

## What a day can cost

`SMS_DAILY_SEGMENTS` is the most that all callers together can send in a day (UTC), and
`SMS_DAILY_SEGMENTS_BY_CALLER` the most of each: of each function key, or each person and app that signs in.
Every text counts, by its segments: single texts, campaigns, one-time codes, and (in the first cap
alone) the app's own answers. The caps are exact, over all instances and through crashes: what may have gone is
counted, what did not go is given back.

A cap is also a limit in money: **segments × the price of the dearest segment** that you can send. With 20,000
segments, and texts to the US alone at 0.0079, a day costs 158.00 at most; with a country at 0.05 among those
allowed, 1,000.00. `SMS_COUNTRIES` keeps the dearest price low. What carriers charge on top of a segment, and
what is received, is not in it.

Azure's template (`dailySegments` in `infra/core/main.bicep`) sets 20,000; without it there is no cap.
"""


def settings_page() -> str:
    """Return docs/settings.md: every setting, in the order of the model."""
    rows = [
        (f"`{field.alias}`", field.description or "", _default(str(field.alias), field.default))
        for field in Settings.model_fields.values()
    ]
    return _page(
        "Settings",
        _SETTINGS_ABOVE,
        _table(("Setting", "What it does", "Default"), rows),
        _SETTINGS_BELOW,
    )


def error_codes_page() -> str:
    """Return docs/error-codes.md: HTTP errors, reasons of messages, delivery codes."""
    errors = [one.row for one in error_codes()]
    return _page(
        "Error codes and reasons",
        """
        Three kinds of code, each a contract: a code does not change its meaning.

        - An **error code** says why a request failed. See [the shape of errors](api.md#errors).
        - A **reason** says why a message is in the state that it is in.
        - A **delivery code** is the carrier's own, as it came in a delivery report.

        ## Error codes

        In the body at `error.code` and in the header `x-ms-error-code`; where several things are wrong, also at
        `error.details[].code`. A code without a status occurs in details, or with a row of a campaign. "Repeat"
        tells whether the same request may succeed later.
        """,
        _table(("Code", "Status", "Repeat", "What it says", "What to do"), errors),
        """
        ## Reasons

        `reason.kind` sorts them:
        """,
        "\n".join(f"- `{kind.value}`: {words}" for kind, words in _KINDS.items()),
        _table(("Reason", "Kind", "Meaning", "What to do"), _reason_rows()),
        """
        ## Delivery codes

        What a delivery report's code makes of the message. A code that is not in the table keeps its number and is
        treated as 9999. "Send again" tells whether the same text may get through later without arriving twice; the app
        itself never sends again.
        """,
        _table(("Code", "State", "Reason", "Send again", "Counts as an opt-out"), _delivery_rows()),
    )


@cache
def openapi_page() -> str:
    """Return docs/openapi.json, as the app with function keys gives it."""
    environment = {**os.environ, **LEAST, "SMS_SIGN_IN": "off"}
    command = [sys.executable, "-c", _TELL]
    told = subprocess.check_output(command, cwd=_ROOT, env=environment, encoding="utf-8")  # noqa: S603 - our own code
    return json.dumps(json.loads(told), ensure_ascii=False, indent=2) + "\n"


def cost_page() -> str:
    """Return docs/cost.md with its results worked out anew; its numbers and words are written by hand."""
    return cost.rewritten(cost.PAGE.read_text("utf-8"))


def events_page() -> str:
    """Return docs/events.md with the schema of each notice in its place."""
    page = _read(_ROOT / "docs" / "events.md")
    return _SCHEMA.sub(lambda place: f"{place[1]}\n{_schema_of(place[2])}{place[3]}", page)


def _schema_of(type_of_notice: str) -> str:
    schema = NOTICES[type_of_notice].model_json_schema(mode="serialization")
    return f"The schema of `data`:\n\n```jsonc\n{json.dumps(_plain(schema), ensure_ascii=False, indent=2)}\n```\n\n"


def _plain(schema: object) -> object:
    """Leave out the titles, which only repeat the names, and that there is no more: a later version may have more."""
    if isinstance(schema, dict):
        return {name: _plain(of) for name, of in schema.items() if name not in ("title", "additionalProperties")}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "error-codes.md": error_codes_page,
    "openapi.json": openapi_page,
    "cost.md": cost_page,
    "events.md": events_page,
}


def stale_pages() -> list[str]:
    """Return the names of the pages that are not as the code would have them."""
    return [name for name, page in PAGES.items() if _read(DOCS / name) != page()]


def main(arguments: Sequence[str]) -> int:
    """Write the pages; with `--check`, write nothing and return 1 if one is stale."""
    parser = argparse.ArgumentParser(prog="python docs/generate.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")
    stale = stale_pages()
    if parser.parse_args(arguments).check:
        for name in stale:
            sys.stderr.write(f"docs/{name} is stale: run `python docs/generate.py`.\n")
        return int(bool(stale))
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), "utf-8")
        sys.stdout.write(f"docs/{name} written\n")
    return 0


def _reason_rows() -> Iterable[tuple[str, ...]]:
    used = reasons_in_use()
    for info in REASONS.values():
        mark = "" if info.code in used else " Not used yet."
        yield f"`{info.code.value}`", info.kind.value, info.meaning + mark, info.advice


def _delivery_rows() -> Iterable[tuple[str, ...]]:
    for row in DELIVERY_CODES.values():
        reason = f"`{row.reason.value}`" if row.reason else ""
        yield row.code, row.outcome.value, reason, _yes(row.retryable), _yes(row.suppresses)


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _default(name: str, value: object) -> str:
    if name in LEAST:
        return "**required**" + (f", or `{_INSTEAD[name]}`" if name in _INSTEAD else "")
    return "none" if value == "" else f"`{value}`"


def _page(title: str, *parts: str) -> str:
    made = "<!-- Made by `python docs/generate.py` from the code. Do not edit. -->"
    return "\n\n".join([made, f"# {title}", *(_unindented(part) for part in parts)]) + "\n"


def _unindented(part: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in part.strip("\n").rstrip().splitlines())


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _read(page: Path) -> str:
    return page.read_text("utf-8") if page.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
