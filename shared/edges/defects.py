"""Defects of ours, as far as a log may name them."""

from __future__ import annotations

import traceback


def place_of(error: Exception) -> str:
    """Return where in the code an exception was raised, and no more: its own text may quote what it was given."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "an unknown place"
