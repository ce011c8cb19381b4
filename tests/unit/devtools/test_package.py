"""What goes into the package, and that it is the same for everyone."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from devtools.package import files, package, write
from devtools.paths import ROOT
from devtools.terminal import Problem

_GIT = shutil.which("git")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a small clone, with what programs and people leave in one."""
    root = tmp_path / "clone"
    for name in (
        *("function_app.py", "host.json", "requirements.txt", "shared/app.py", "shared/edges/page.html"),
        *("dev.py", "notes.txt", "local.settings.json", "tests/test_app.py", "local/host/__init__.py"),
        *("shared/__pycache__/app.cpython-311.pyc", "shared/.mypy_cache/app.json", "shared/old.pyc"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, "utf-8")
    return root


def test_package_is_the_app_without_what_lies_beside_it(clone: Path) -> None:
    assert sorted(files(clone)) == [
        "function_app.py",
        "host.json",
        "requirements.txt",
        "shared/app.py",
        "shared/edges/page.html",
    ]


@pytest.mark.skipif(_GIT is None, reason="git reads .funcignore here, as the deploying tools do")
def test_funcignore_leaves_what_the_package_holds(tmp_path: Path) -> None:
    empty = str(tmp_path / "git")
    subprocess.run([str(_GIT), "init", "--quiet", "--bare", empty], check=True)
    command = [str(_GIT), f"--git-dir={empty}", f"--work-tree={ROOT}", "ls-files", "--others", "-z"]
    answer = subprocess.run([*command, "--exclude-from=.funcignore"], cwd=ROOT, capture_output=True, check=True)
    left = {name for name in answer.stdout.decode().split("\0") if name}
    assert left == set(files(ROOT))


def test_same_files_make_the_same_package_anywhere_and_at_any_time(clone: Path, tmp_path: Path) -> None:
    names = sorted(files(clone))
    write(clone, names, tmp_path / "first.zip")
    moved = shutil.copytree(clone, tmp_path / "moved")
    for name in names:
        os.utime(moved / name, (1_000_000_000, 1_000_000_000))
        (moved / name).chmod(0o700)
    write(moved, names, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_package_unpacks_to_the_files_as_they_are(clone: Path, tmp_path: Path) -> None:
    names = sorted(files(clone))
    write(clone, names, tmp_path / "package.zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.namelist() == names
        assert all(archive.read(name).decode() == name for name in names)


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    with pytest.raises(Problem, match=r"package\.zip cannot be written"):
        package(tmp_path / "file" / "package.zip")
