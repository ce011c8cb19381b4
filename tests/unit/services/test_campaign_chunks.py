"""How a campaign is cut into chunks."""

from __future__ import annotations

import pytest

from shared.rules.pacing import Rate, group_size
from shared.services.campaign_rows import PreparedRecipient
from shared.services.campaigns import chunked


def _people(count: int, text: str = "Hello") -> list[PreparedRecipient]:
    return [PreparedRecipient(number, f"+1425{2_000_000 + number}", text) for number in range(count)]


def _nowhere(_: PreparedRecipient) -> str:
    return ""


@pytest.mark.parametrize("per_minute", [100, 200, 600, 6_000, 1_000_000])
def test_a_full_chunk_is_whole_requests_of_the_size_that_the_rate_asks_for(per_minute: int) -> None:
    rate = Rate(per_minute)
    *full, last = chunked(_people(1_000), _nowhere, rate)

    assert {len(chunk) % group_size(rate) for chunk in full} == {0}
    assert {len(chunk) for chunk in full} <= set(range(51, 101))
    assert sum(map(len, full)) + len(last) == 1_000


def test_recipients_of_other_places_are_in_another_chunk() -> None:
    chunks = chunked(_people(10), lambda one: "east" if one.row < 4 else "west", Rate(6_000))

    assert [len(chunk) for chunk in chunks] == [4, 6]


def test_long_texts_make_smaller_chunks() -> None:
    people = [PreparedRecipient(number, "+14252000001", f"{number:02d}" + "x" * 2_000) for number in range(30)]

    assert max(len(chunk) for chunk in chunked(people, _nowhere, Rate(6_000))) < 15
