"""What pages take from npm is what the lock file names, unchanged."""

from __future__ import annotations

import json

import pytest

from devtools.assets import FILES, SUMS, WEB, sum_of
from devtools.paths import ROOT
from tests.support.pages import DOCS


def test_copies_are_those_that_were_taken_from_the_packages() -> None:
    sums = [tuple(line.split("  ")) for line in SUMS.read_text("utf-8").splitlines()]
    assert sums == [(sum_of(ROOT / target), target) for target in FILES.values()]


def test_lock_pins_each_package_with_its_hash() -> None:
    wanted = json.loads((WEB / "package.json").read_text("utf-8"))["dependencies"]
    locked = json.loads((WEB / "package-lock.json").read_text("utf-8"))["packages"]
    for name, version in wanted.items():
        one = locked[f"node_modules/{name}"]
        assert (one["version"], one["integrity"].partition("-")[0]) == (version, "sha512")


@pytest.mark.parametrize("package", sorted({source.partition("/")[0] for source in FILES}))
def test_docs_name_each_package_with_version_and_license(package: str) -> None:
    locked = json.loads((WEB / "package-lock.json").read_text("utf-8"))["packages"][f"node_modules/{package}"]
    page = "".join((DOCS / name).read_text("utf-8") for name in ("console.md", "api.md"))
    assert f"{package} {locked['version']}" in page.lower()
    assert locked["license"] in page
