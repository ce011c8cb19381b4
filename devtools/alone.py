"""The package alone: unpacked beside nothing else, with what its requirements.txt names and nothing more."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import LOCAL, WINDOWS, venv_program

_ENVIRONMENTS = LOCAL / "package-environments"
_IMPORT = "import time; begun = time.perf_counter(); import function_app; print(time.perf_counter() - begun)"


@dataclass(frozen=True, slots=True)
class Alone:
    """An unpacked package in `app`, and the virtual environment made for it."""

    app: Path
    environment: Path

    @property
    def python(self) -> Path:
        """The Python of the virtual environment."""
        return self.environment / ("Scripts/python.exe" if WINDOWS else "bin/python")

    def import_seconds(self, settings: Mapping[str, str]) -> float:
        """Import the app in a fresh interpreter and give the seconds; CalledProcessError when that fails."""
        command = [str(self.python), "-c", _IMPORT]
        answer = subprocess.run(command, cwd=self.app, env=dict(settings), stdout=subprocess.PIPE, check=True)
        return float(answer.stdout)

    def installed_bytes(self) -> int:
        """Give the size of the packages, without what Python has compiled of them."""
        found = (file for file in self.environment.rglob("*") if file.is_file() and not file.is_symlink())
        return sum(file.stat().st_size for file in found if file.suffix != ".pyc")


def unpack_and_install(package: Path, python: Path, folder: Path) -> Alone:
    """Unpack a package into a folder, and give it an environment with the packages of its requirements.txt alone.

    An environment is made once for each Python and lock file. CalledProcessError when a package cannot be had, or has
    another hash.
    """
    app = folder / "app"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(app)
    lock = app / "requirements.txt"
    fingerprint = hashlib.sha256(lock.read_bytes() + str(python).encode()).hexdigest()
    alone = Alone(app, _ENVIRONMENTS / fingerprint[:16])
    if not alone.environment.exists():
        _install(lock, python, alone.environment)
    return alone


def _install(lock: Path, python: Path, environment: Path) -> None:
    partial = environment.with_name(f"{environment.name}.{os.getpid()}")
    try:
        _uv("venv", "--python", str(python), str(partial))
        options = ["--python", str(partial), "--require-hashes", "--compile-bytecode"]
        _uv("pip", "install", *options, "--requirement", str(lock))
        with suppress(OSError):  # another process was quicker
            partial.rename(environment)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _uv(*arguments: str) -> None:
    """Call uv, whose cache makes a second installation a matter of seconds."""
    subprocess.run([venv_program("uv"), "--quiet", *arguments], check=True)
