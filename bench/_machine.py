"""What a measurement ran on, in one line."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime


def describe_machine() -> str:
    """Return the date, the Python version, the system and the number of cores."""
    today = datetime.now(UTC).date().isoformat()
    cores = f"{os.cpu_count()} cores"
    return f"{today}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores}"
