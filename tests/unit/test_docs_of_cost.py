"""The arithmetic of docs/cost.md and docs/limits.md, worked out again; their figures, held to where they are from."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.paths import ROOT
from docs import cost
from shared.edges import api_base, http_requests, table_limits
from shared.edges.campaign_endpoints import BODY_LIMIT
from shared.rules.pacing import CAMPAIGN_SHARE, MOST_PER_REQUEST, Rate
from shared.rules.phone_numbers import SenderType
from shared.services.campaign_rows import MAX_ROWS
from shared.services.senders import PER_MINUTE
from tests.support.pages import DOCS, sections

PAGE = cost.PAGE.read_text("utf-8")
LINES = [pytest.param(line, id=line.name) for line in cost.lines(PAGE)]
_SECONDS_OF = {"s": 1, "min": 60, "h": 3600}


@pytest.mark.parametrize("line", LINES)
def test_result_is_what_the_formula_gives(line: cost.Line) -> None:
    worked = cost.results(PAGE, {})
    assert line.result == cost.written(worked[line.name]), "run `python docs/generate.py`"


def test_every_number_is_used_in_a_formula_and_every_line_with_a_formula_is_read() -> None:
    used = {name for line in cost.lines(PAGE) for name in re.findall(r"[a-z_]+", line.formula)}
    assert set(cost.numbers(PAGE)) - used == set()
    assert len(cost.lines(PAGE)) == len(re.findall(r"`\w+ = ", PAGE))


def test_sums_hold_each_line_of_their_table_once() -> None:
    for heading in ("The texts", "What Azure adds to them", "Idle"):
        *lines, total = cost.lines(sections(DOCS / "cost.md")[heading])
        assert [line.name for line in lines] == total.formula.split(" + ")
        assert total.words.startswith("**")


@pytest.mark.parametrize(
    ("name", "section", "row", "column"),
    [
        ("used", "Pace", "6,000", 2),
        ("texts_per_s", "Campaigns", "a campaign | 100,000", 3),
        ("text_requests", "Campaigns", "a campaign | 100,000", 5),
        ("reports_per_s", "Events", "the app: delivery reports", 2),
        ("report_requests", "Events", "the app: delivery reports", 6),
        ("inbound_per_s", "Events", "the app: inbound texts", 2),
        ("inbound_requests", "Events", "the app: inbound texts", 6),
    ],
)
def test_measured_numbers_are_those_of_the_benchmarks(name: str, section: str, row: str, column: int) -> None:
    [line] = re.findall(rf"^\| {re.escape(row)} \|.*$", sections(DOCS / "benchmarks.md")[section], re.MULTILINE)
    measured = line.strip("| ").split(" | ")[column]
    value = float(measured.rstrip("%")) / (100 if measured.endswith("%") else 1)
    assert cost.numbers(PAGE)[name] == pytest.approx(value, abs=1e-9)


def test_measured_numbers_of_why_are_those_of_the_benchmarks() -> None:
    words, pace, sending = (
        (DOCS / "why.md").read_text("utf-8"),
        *(sections(DOCS / "benchmarks.md")[one] for one in ("Pace", "Campaigns")),
    )
    taken = re.findall(r"^\| [\d,]+ \| ([\d,]+) in \d+ s \| ([\d.]+)% \|.*\| (\d+) \| [\d, ]+ \|$", pace, re.MULTILINE)
    assert {refused for _, _, refused in taken} == {"0"}
    assert f"no 429 in {sum(int(count.replace(',', '')) for count, _, _ in taken):,} texts" in words
    assert all(97 <= float(used) < 98 for _, used, _ in taken)
    speeds = dict(re.findall(r"^\| ([^|]+ \| [\d,]+) \| [\d.]+ \| (\d+) \|", sending, re.MULTILINE))
    campaigns = sorted(int(speed) for way, speed in speeds.items() if way.startswith("a campaign |"))
    assert f"{campaigns[0]} to {campaigns[-1]} a second" in words
    assert f"requests of 100 does {speeds['a loop of requests of 100 | 10,000']}," in words
    assert f"is {speeds['one `SmsClient.send` per recipient | 300']} texts a second" in words


def test_runs_of_timers_are_those_of_the_function_app() -> None:
    schedules = re.findall(r'on\.timer\("([^"]+)"\)', (ROOT / "function_app.py").read_text("utf-8"))
    assert sum(_runs_a_day(one) for one in schedules) == cost.numbers(PAGE)["timer_runs"]


def test_alerts_and_memory_are_those_of_the_template() -> None:
    alerts = (ROOT / "infra" / "core" / "alerts.bicep").read_text("utf-8")
    assert len(re.findall(r"^    name: '[a-z-]+'$", alerts.partition("resource ")[0], re.MULTILINE)) == 10
    assert cost.numbers(PAGE)["alerts"] == 10
    assert "evaluationFrequency: 'PT15M'" in alerts
    main = (ROOT / "infra" / "core" / "main.bicep").read_text("utf-8")
    assert re.findall(r"param instanceMemoryMB int = (\d+)", main) == ["2048"]
    assert cost.numbers(PAGE)["memory_gb"] == 2


def test_other_numbers_give_other_results() -> None:
    page = cost.results(PAGE, {})
    twice = cost.results(PAGE, {"texts": 200_000, "price": 0.05})
    assert twice["sent_cost"] == pytest.approx(page["sent_cost"] * 2 / 0.0075 * 0.05)
    assert twice["idle_cost"] == page["idle_cost"]


def test_words_on_the_cost_of_idling_are_right() -> None:
    small = cost.results(PAGE, {"memory_gb": 0.5})
    assert (round(cost.results(PAGE, {})["idle_cost"]), round(small["idle_cost"])) == (21, 7)
    assert round(small["timer_time_cost"]) == 2
    words = " ".join((DOCS / "deploying.md").read_text("utf-8").split())
    assert "about twenty dollars a month" in words
    assert "With instances of 512 MB it is about seven." in words


def test_stale_results_are_written_anew() -> None:
    stale = PAGE.replace("| 750.00 |", "| 0.01 |")
    assert stale != PAGE
    assert cost.rewritten(stale) == PAGE


def test_a_formula_is_arithmetic_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="not arithmetic"):
        cost.results("| x | `a = open(1)` | 1.00 |", {})


def test_the_command_takes_numbers_of_ones_own_and_refuses_what_the_page_has_not() -> None:
    done = _run("texts=1000000", "price=0.05", "surcharge=0")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^ +50,000  Segments sent, to ACS$", done.stdout, re.MULTILINE)
    assert _run("txts=5").returncode == 1
    assert "txts" in _run("txts=5").stderr


def test_durations_of_campaigns_are_what_the_rates_give() -> None:
    rows = re.findall(r"^\| ([\d,]+) \| (.+) \| (.+) \| (.+) \|$", _limits("ACS"), re.MULTILINE)
    assert len(rows) == 3
    for recipients, *told in rows:
        for kind, words in zip(
            (SenderType.TOLL_FREE, SenderType.ALPHANUMERIC, SenderType.SHORT_CODE), told, strict=True
        ):
            value, unit = words.split()
            seconds = float(recipients.replace(",", "")) / (PER_MINUTE[kind] * 0.97) * 60
            assert f"{seconds / _SECONDS_OF[unit]:.{len(value.partition('.')[2])}f}" == value, (recipients, kind)


def test_the_share_of_a_rate_is_that_of_the_code() -> None:
    assert round(CAMPAIGN_SHARE * 60_000 / Rate(200).span_ms, 2) == 0.97


def test_arithmetic_in_the_words_of_limits_is_right() -> None:
    text = (DOCS / "limits.md").read_text("utf-8")
    for figure, value in {
        "128,040": 200 * 0.97 * 60 * 11,
        "279,360": 200 * 0.97 * 60 * 24,
        "582": 3 * 200 * 0.97,
        "524": 100 * (0.187 + 5.05),
    }.items():
        assert figure in text
        assert round(value) == int(figure.replace(",", ""))
    numbers = cost.numbers(PAGE)
    for figure, name in (("404", "texts_per_s"), ("68", "reports_per_s"), ("59", "inbound_per_s")):
        assert numbers[name] == float(figure)
        assert f"| {figure} |" in text


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("Recipients of `POST /api/messages`", f"{MOST_PER_REQUEST}"),
        ("Recipients of a campaign", f"{MAX_ROWS:,}"),
        ("Body", f"{http_requests.BODY_LIMIT // 2**20} MiB; campaigns {BODY_LIMIT // 2**20} MiB"),
        ("Page", f"{table_limits.MAX_PAGE:,} entries"),
    ],
)
def test_limits_of_the_app_are_those_of_the_code(row: str, value: str) -> None:
    assert f"| {row} | {value} | ours |" in _limits("The app")


def test_limits_of_texts_and_storage_are_those_of_the_code() -> None:
    assert f"| Text | {api_base.TEXT_LIMIT:,} characters |" in _limits("ACS")
    assert f"| Rows of a transaction | {table_limits.MAX_WRITES} |" in _limits("Storage")
    for kind, words in ((SenderType.TOLL_FREE, "Toll-free number"), (SenderType.SHORT_CODE, "Short code")):
        assert f"| {words} | {PER_MINUTE[kind]:,} texts in 60 s, each |" in _limits("ACS")


def _limits(section: str) -> str:
    return sections(DOCS / "limits.md")[section]


def _runs_a_day(schedule: str) -> int:
    """Return how often a day a timer runs; its fields are second, minute, hour, day, month, day of the week."""
    second, minute, hour, *days = schedule.split()
    assert days == ["*", "*", "*"]
    return _times(second, 60) * _times(minute, 60) * _times(hour, 24)


def _times(field: str, of: int) -> int:
    if field.startswith("*/"):
        return of // int(field[2:])
    return of if field == "*" else len(field.split(","))


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path("docs") / "cost.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
