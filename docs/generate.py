"""Write settings.md, error-codes.md, openapi.json and the results in cost.md anew; `--check` tells if they are stale.

Needs nothing but Python: the work is done by `docs.reference` with the packages of `.venv`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Pass the arguments on to `docs.reference` in the virtual environment; its exit code, 1 without that."""
    folder = "Scripts" if sys.platform == "win32" else "bin"
    python = _ROOT / ".venv" / folder / "python"
    if not python.with_suffix(".exe" if sys.platform == "win32" else "").exists():
        sys.stderr.write("There is no .venv yet: run `python dev.py check` first, which makes it.\n")
        return 1
    return subprocess.run([python, "-m", "docs.reference", *arguments], cwd=_ROOT, check=False).returncode  # noqa: S603 - our own module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
