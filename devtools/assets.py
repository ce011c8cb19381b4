"""Assets: files of npm packages that pages of the app use, copied in at their locked versions.

The copies are part of the source, so that the app is whole without Node.js. `SHA256SUMS` says what they must be.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devtools.node import find_node, node_environment
from devtools.paths import ROOT
from devtools.terminal import Problem, say

WEB = ROOT / "devtools" / "web"
SUMS = WEB / "SHA256SUMS"
# From a file of a package to the place at which the app serves it.
FILES: Mapping[str, str] = {
    "swagger-ui-dist/swagger-ui-bundle.js": "shared/api_docs/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "shared/api_docs/swagger-ui-bundle.js.LICENSE",
    "swagger-ui-dist/swagger-ui.css": "shared/api_docs/swagger-ui.css",
    "swagger-ui-dist/LICENSE": "shared/api_docs/swagger-ui.LICENSE",
    "swagger-ui-dist/NOTICE": "shared/api_docs/swagger-ui.NOTICE",
    "uplot/dist/uPlot.esm.js": "shared/console/uplot.js",
    "uplot/dist/uPlot.min.css": "shared/console/uplot.css",
    "uplot/LICENSE": "shared/console/uplot.LICENSE",
}


def copy_assets() -> int:
    """Install the locked packages, copy their files in, and write down their sums; Problem without Node.js."""
    node = find_node()
    if node is None:
        raise Problem("Node.js 20 or newer with npm is not on PATH.")
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=WEB, env=node_environment(), check=True)
    for source, target in FILES.items():
        shutil.copyfile(WEB / "node_modules" / source, ROOT / target)
    SUMS.write_text("".join(f"{sum_of(ROOT / target)}  {target}\n" for target in FILES.values()), "utf-8")
    say(f"Copied {len(FILES)} files.")
    return 0


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
