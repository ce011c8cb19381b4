"""On the local host, the log leads from a request over the queue to the delivery report by one trace id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from devtools.paths import LOGS
from tests.support.people import people_of
from tests.support.stack import RunningStack, running_stack
from tests.support.waiting import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
LINE = re.compile(rf"An invocation ended: function=(\w+) trigger=(\w+) outcome=(\w+) .*trace={TRACE}$", re.MULTILINE)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Give a stack of its own, with a log of its own."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


async def test_the_log_leads_from_the_request_to_the_report_by_one_trace_id(stack: RunningStack) -> None:
    async with people_of(stack) as people:
        later = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        body = {"to": "+14255550177", "text": "Hello", "sendAt": later}
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        answer = await people.ask("POST", "messages", body, headers=headers)
        assert answer.status == 202

        await eventually(lambda: len(_lines(stack)) == 3)
    assert _lines(stack) == [
        ("send_message", "http", "202"),
        ("send_batch", "queue", "ok"),
        ("sms_delivery_report", "eventGrid", "ok"),
    ]


def _lines(stack: RunningStack) -> list[tuple[str, str, str]]:
    logs = sorted((LOGS / str(stack.api_port)).glob("*.log"))
    return [found for log in logs for found in LINE.findall(log.read_text("utf-8", errors="replace"))]
