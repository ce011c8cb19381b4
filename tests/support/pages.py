"""The pages of the documentation, as tests read them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import ROOT

DOCS = ROOT / "docs"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^ *```(?P<language>\S*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NOT_OURS = frozenset({".venv", "node_modules", ".git", ".local", ".pytest_cache", ".hypothesis"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page: what is written behind its fence, and what is in it, without its indent."""

    page: str
    language: str
    text: str

    @property
    def name(self) -> str:
        """The page and the first line: how lists of exceptions name a block."""
        return f"{self.page}: {self.text.partition(chr(10))[0].strip()}"


def pages() -> list[Path]:
    """Return every page of the project."""
    return sorted(page for page in ROOT.rglob("*.md") if not _NOT_OURS & set(page.relative_to(ROOT).parts))


def sections(page: Path) -> dict[str, str]:
    """Return the text below each heading of the second and third level, up to the next."""
    parts = re.split(r"^#{2,3} (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def json_blocks(text: str) -> list[str]:
    """Return what the JSON examples in a text hold."""
    return re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in its order."""
    found = _BLOCK.finditer(page.read_text("utf-8"))
    name = page.relative_to(ROOT).as_posix()
    return [Block(name, one["language"], textwrap.dedent(one["text"])) for one in found]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
