"""Where things lie in a clone of the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCAL = ROOT / ".local"
LOGS = LOCAL / "logs"
AZURITE = ROOT / "local" / "azurite"

WINDOWS = os.name == "nt"


def venv_program(name: str) -> Path:
    """Give the path of a program in `.venv`, such as `python` or `ruff`, whether or not it is there."""
    return VENV / ("Scripts" if WINDOWS else "bin") / (f"{name}.exe" if WINDOWS else name)
