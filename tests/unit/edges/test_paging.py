"""Links to the next page."""

from __future__ import annotations

import pytest

from shared.edges.paging import next_link


def test_there_is_no_link_without_a_next_page() -> None:
    assert next_link("https://app.example/api/opt-outs", None) is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "skipToken=abc"),
        ("?maxpagesize=5", "maxpagesize=5&skipToken=abc"),
        ("?code=secret", "skipToken=abc"),
        ("?CODE=secret&ClientId=me&maxpagesize=5", "maxpagesize=5&skipToken=abc"),
        ("?skipToken=old&skiptoken=older", "skipToken=abc"),
        ("?from=2026-01-01T00%3A00%3A00%2B02%3A00", "from=2026-01-01T00%3A00%3A00%2B02%3A00&skipToken=abc"),
    ],
)
def test_a_link_keeps_the_query_but_no_key_and_no_old_token(query: str, expected: str) -> None:
    assert next_link(f"https://app.example/api/x{query}", "abc") == f"https://app.example/api/x?{expected}"
