"""A Functions host that counts what it uses: `python -m bench._worker FILE ARGUMENT-OF-THE-HOST …`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench import _usage
from local.host.__main__ import main

if __name__ == "__main__":
    _usage.begin(Path(sys.argv[1]))
    code = main(sys.argv[2:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
