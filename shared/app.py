"""The app of this worker: its settings, read and checked when the worker starts, and its services."""

from __future__ import annotations

import logging
import os
from functools import cache

from shared.composition import build
from shared.connections import connect
from shared.edges.settings import Settings
from shared.services.bundle import Services

# As host.json has it; but what the worker exports, it does not take from there.
logging.getLogger("azure").setLevel(logging.WARNING)

SETTINGS = Settings.from_environment(os.environ)


@cache
def services() -> Services:
    """Return the services of this worker, made at the first call."""
    return build(SETTINGS, connect(SETTINGS))
