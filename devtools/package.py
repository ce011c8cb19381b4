"""The package: what is deployed, in one zip file. The same files give the same bytes."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from devtools.paths import LOCAL, ROOT
from devtools.terminal import Problem, say

PACKAGE = LOCAL / "package.zip"

# All that the app is. `.funcignore` leaves the same, for the tools that read it; a test holds the two together.
_CONTENTS = ("function_app.py", "host.json", "requirements.txt", "shared")
# The first moment that a zip file can name, and permissions that do not depend on this machine's.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNIX = 3


def package(target: Path = PACKAGE) -> int:
    """Write the package to `target`, say what is in it, and give the exit code; Problem when it cannot be written."""
    names = sorted(files(ROOT))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(ROOT, names, target)
    except OSError as error:
        raise Problem(f"{target} cannot be written: {error.strerror}.") from error
    unpacked = sum((ROOT / name).stat().st_size for name in names)
    say(f"  {target}")
    say(f"  {len(names)} files, {_kib(unpacked)} unpacked, {_kib(target.stat().st_size)} packed")
    say(f"  SHA-256 {hashlib.sha256(target.read_bytes()).hexdigest()}")
    return 0


def files(root: Path) -> Iterator[str]:
    """Give the names of the files that are deployed from a clone, with `/` on every system."""
    for content in _CONTENTS:
        place = root / content
        for file in place.rglob("*") if place.is_dir() else [place]:
            name = file.relative_to(root)
            if not file.is_dir() and not _is_left_by_a_program(name):
                yield name.as_posix()


def write(root: Path, names: list[str], target: Path) -> None:
    """Write files of a clone into a zip file, without a trace of when and where that was."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (root / name).read_bytes())


def _is_left_by_a_program(name: Path) -> bool:
    return name.suffix == ".pyc" or any(part == "__pycache__" or part.startswith(".") for part in name.parts)


def _kib(size: int) -> str:
    return f"{size / 1024:.0f} KiB"
