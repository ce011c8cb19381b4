"""What `bench campaign` counts a request as."""

from __future__ import annotations

import pytest

from bench._usage import Usage, kind_of

_TABLES = "http://127.0.0.1:10002/devstoreaccount1"


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("POST", "http://127.0.0.1:7072/sms?api-version=2021-03-07", "carrier"),
        ("GET", "http://127.0.0.1:10001/devstoreaccount1/sms-campaigns/messages?numofmessages=16", "queue"),
        ("POST", f"{_TABLES}/$batch", "table transactions"),
        ("GET", f"{_TABLES}/SmsPaces(PartitionKey='p',RowKey='pace')", "table reads"),
        ("PUT", f"{_TABLES}/SmsPaces(PartitionKey='p',RowKey='pace')", "table writes"),
        ("POST", f"{_TABLES}/SmsMessages", "table writes"),
    ],
)
def test_a_request_is_counted_by_where_it_goes_and_what_it_does(method: str, url: str, kind: str) -> None:
    assert kind_of(method, url, "10001") == kind


def test_usage_since_a_moment_leaves_out_what_was_before_and_keeps_the_peak() -> None:
    before = Usage(1.0, 50, {"queue": 3, "carrier": 1})
    later = Usage(3.5, 80, {"queue": 10, "carrier": 2, "table reads": 4})

    used = later.since(before)

    assert used == Usage(2.5, 80, {"carrier": 1, "queue": 7, "table reads": 4})
    assert used.storage_requests == 11
