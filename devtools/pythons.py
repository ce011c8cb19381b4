"""Finds the Pythons of this machine by their version."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def find_python(version: str) -> Path | None:
    """Give a Python of a version such as `3.13`: this one, or one from PATH or pyenv; None where there is none."""
    from_pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"), reverse=True)
    candidates = [sys.executable, shutil.which(f"python{version}"), *from_pyenv]
    return next((Path(one) for one in candidates if one and _is(version, one)), None)


def _is(version: str, program: str | Path) -> bool:
    """Ask a program for its version; what pyenv puts on PATH may be a name without a Python behind it."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([program, "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.stdout.strip() == version
