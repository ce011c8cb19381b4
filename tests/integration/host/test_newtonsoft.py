"""What Azure's host does to dates inside an event before the function sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.newtonsoft import event_text, reparse


@pytest.fixture
def in_nepal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-22T10:00:00.1230000+00:00", "2026-11-22T10:00:00.123+00:00"),
        ("2026-11-22T10:00:00.1230000Z", "2026-11-22T10:00:00.123Z"),
        ("2026-11-22T10:00:00.0000000Z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00.2855749Z", "2026-11-22T10:00:00.2855749Z"),
        ("2026-11-22T10:00:00z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00.10", "2026-11-22T10:00:00.1"),
        ("2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00+00:00"),
        ("2026-11-22T10:00:00-0530", "2026-11-22T15:30:00+00:00"),
    ],
)
def test_an_iso_date_is_rewritten(given: str, expected: str) -> None:
    assert reparse(given) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22",
        "2026-11-22T10:00",
        "2026-13-01T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-11-22T10:00:00.12345678Z",
        "2026-11-22 10:00:00Z",
        "at 2026-11-22T10:00:00.100Z",
        "0001-01-01T00:00:00+14:00",
        "",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert reparse(text) == text


@pytest.mark.usefixtures("in_nepal")
def test_an_offset_is_moved_to_the_zone_of_the_host() -> None:
    assert reparse("2026-11-22T10:00:00.500+00:00") == "2026-11-22T15:45:00.5+05:45"


def test_dates_are_rewritten_at_any_depth_and_names_are_not() -> None:
    event = {"2026-11-22T10:00:00.100Z": [{"at": "2026-11-22T10:00:00.100Z"}, 1, None, True]}
    assert json.loads(event_text(event)) == {
        "2026-11-22T10:00:00.100Z": [{"at": "2026-11-22T10:00:00.1Z"}, 1, None, True]
    }


@given(st.datetimes(), st.sampled_from(["", "Z"]))
def test_rewriting_twice_is_rewriting_once(moment: object, zone: str) -> None:
    once = reparse(f"{moment:%Y-%m-%dT%H:%M:%S.%f}{zone}")
    assert reparse(once) == once
