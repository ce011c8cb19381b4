"""What docs/events.md says of notices and of the webhook, held to what is really told and signed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest

from shared.edges.relay_memory import MemoryRelay
from shared.rules.signatures import parse_secrets, signature_headers
from shared.services.notice_models import NOTICES
from shared.services.outbox import body_of
from tests.support.pages import DOCS, json_blocks, sections
from tests.unit.services.world import ANN, BOB, World
from tests.unit.test_docs_of_the_inside import NotedTables, _a_little_of_everything

PAGE = DOCS / "events.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "b3Ro" * 10
BODY = '{"type":"Sms.TextReceived","data":{"text":"Grüße"}}'.encode()

Verify = Callable[[list[str], Mapping[str, str], bytes], None]


def schema(kind: str) -> dict[str, Any]:
    """Return the schema of the data of a notice, as the page has it."""
    [block] = re.findall(r"^```jsonc\n(.*?)^```$", sections(PAGE)[kind], re.MULTILINE | re.DOTALL)
    read: dict[str, Any] = json.loads(block)
    return read


def check(kind: str, data: object) -> None:
    """Raise if the data of a notice is not as the page says."""
    jsonschema.validate(data, schema(kind), format_checker=jsonschema.FormatChecker())
    assert isinstance(data, Mapping)
    assert data.keys() == schema(kind)["properties"].keys()


async def test_every_notice_that_is_really_told_is_as_its_schema_says() -> None:
    relay = MemoryRelay()
    await _a_little_of_everything(NotedTables(), relay)
    world = World(relay=relay)
    await world.receive("Hello")
    await world.receive("STOP")
    await world.send(ANN, BOB, tag="orders")
    await world.services.delivery_reports.receive(world.report(BOB, "Failed", "4004: no such number"))
    await world.services.opt_out_lists.remove(None, [ANN])

    for notice in relay.notices:
        check(notice.type, notice.data)
        told = json.loads(body_of(notice))
        assert told.keys() == {"type", "timestamp", "data"}
        check(told["type"], told["data"])
    assert {notice.type for notice in relay.notices} == set(NOTICES)


@pytest.mark.parametrize("kind", NOTICES)
def test_the_examples_are_as_their_schema_says(kind: str) -> None:
    examples = json_blocks(sections(PAGE)[kind])
    assert len(examples) == 2
    for example in examples:
        check(kind, json.loads(example)["data"])


@pytest.mark.parametrize("kind", NOTICES)
def test_a_schema_misses_every_field_that_is_not_there(kind: str) -> None:
    [example, _] = json_blocks(sections(PAGE)[kind])
    data = json.loads(example)["data"]
    for name in data:
        with pytest.raises(jsonschema.ValidationError):
            check(kind, {field: value for field, value in data.items() if field != name})


@pytest.fixture(scope="module")
def verify() -> Verify:
    """Give the verifier of the page."""
    [code] = re.findall(r"^```python\n(.*?)^```$", sections(PAGE)["Verify it"], re.MULTILINE | re.DOTALL)
    assert len(code.strip().splitlines()) <= 25
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - what the page says
    found: Verify = names["verify"]
    return found


def headers(secrets: str = SECRET, ago_s: int = 0, body: bytes = BODY) -> dict[str, str]:
    """Return the headers that the app would send."""
    return signature_headers(parse_secrets(secrets), "notice-1", int(time.time()) - ago_s, body)


def test_the_verifier_lets_a_good_signature_pass(verify: Verify) -> None:
    verify([SECRET], headers(), BODY)


@pytest.mark.parametrize(
    ("signs", "knows"), [(f"{SECRET} {OTHER}", [SECRET]), (f"{OTHER} {SECRET}", [SECRET]), (SECRET, [OTHER, SECRET])]
)
def test_the_verifier_lets_pass_what_one_of_several_secrets_signed(
    verify: Verify, signs: str, knows: list[str]
) -> None:
    verify(knows, headers(signs), BODY)


WRONG: dict[str, Callable[[], dict[str, str]]] = {
    "another secret": lambda: headers(OTHER),
    "a wrong signature": lambda: headers() | {"webhook-signature": "v1,AAAA"},
    "another version": lambda: headers() | {"webhook-signature": headers()["webhook-signature"].replace("v1", "v2")},
    "letters": lambda: headers() | {"webhook-signature": "v1,é"},
    "no signature": lambda: headers() | {"webhook-signature": ""},
    "another id": lambda: headers() | {"webhook-id": "notice-2"},
    "another body": lambda: headers(body=BODY + b" "),
    "an old time": lambda: headers(ago_s=301),
    "a time to come": lambda: headers(ago_s=-310),
    "a renewed time": lambda: headers(ago_s=400) | {"webhook-timestamp": str(int(time.time()))},
    "no time": lambda: headers() | {"webhook-timestamp": "now"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_verifier_refuses_everything_else(verify: Verify, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"it is|invalid literal"):
        verify([SECRET], WRONG[wrong](), BODY)
