"""docs/differences.md tells of the magic recipients and of the switches what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from local.carrier.codes import MAGIC
from local.carrier.control import ROUTES
from local.carrier.trouble import Trouble

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "differences.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its header."""
    section = PAGE.split(f"\n{heading}\n", 1)[1]
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_magic_table_is_that_of_the_code() -> None:
    written = [row for row in rows("### Magic recipients") if re.fullmatch(r"\d{4}", row[0])]
    assert written == [[magic.suffix, magic.meaning] for magic in MAGIC.values()]


def test_every_switch_is_told_with_its_default() -> None:
    written: dict[str, str] = {}
    for names, defaults, _ in rows("### Trouble"):
        values = defaults.split(", ")
        written |= dict(zip(re.findall(r"`(\w+)`", names), values, strict=True))
    assert written == {name: _as_written(value) for name, value in Trouble().as_json().items()}


def _as_written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"`{value}`"
    return json.dumps(int(value) if isinstance(value, float) else value)


def test_every_address_that_is_told_exists() -> None:
    told = set(re.findall(r"\$C(/_carrier[a-z/]*)", PAGE))
    offered = {route.path for route in ROUTES}
    assert {"/_carrier", "/_carrier/messages"} <= told <= offered
