"""The description of the API: valid, complete, in words, and made without slowing the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_spec_validator import validate

from devtools.paths import ROOT
from docs import reference
from shared.edges import openapi_words
from shared.edges.path_ids import IDS, MESSAGE_ID
from shared.rules.ids import MessageKey
from tests.support.contract import Contract
from tests.unit.edges.calling import Caller, read

_TELL = """
import json, sys, function_app
early = [name for name in sys.modules if name.startswith("shared.edges.openapi")]
from shared.edges.description import openapi_text
endpoints = [[one.name, one.method, one.route, one.role.value] for one in function_app.http.endpoints]
print(json.dumps([early, endpoints, json.loads(openapi_text(function_app.http))]))
"""
METHODS = ("get", "post", "put", "patch", "delete")


def _told(**settings: str) -> list[Any]:
    """Return what was loaded early, the endpoints as declared, and the document."""
    environment = {**os.environ, **reference.LEAST, **settings}
    answer = subprocess.check_output([sys.executable, "-c", _TELL], cwd=ROOT, env=environment, text=True)
    told: list[Any] = json.loads(answer)
    return told


@pytest.fixture(scope="module")
def told() -> list[Any]:
    """Give what an app with function keys tells."""
    return _told()


@pytest.fixture(scope="module")
def document(told: list[Any]) -> dict[str, Any]:
    """Give the document of an app with function keys."""
    found: dict[str, Any] = told[2]
    return found


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _properties(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for model, schema in document["components"]["schemas"].items():
        for name, one in schema.get("properties", {}).items():
            yield model, name, one


def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_endpoint_is_in_it_and_nothing_else(told: list[Any]) -> None:
    _, endpoints, document = told
    declared = {(name, method, f"/{route}") for name, method, route, _ in endpoints}
    assert {(one["operationId"], method, path) for method, path, one in _operations(document)} == declared


def test_start_of_the_app_does_not_make_it(told: list[Any]) -> None:
    assert told[0] == []


def test_with_keys_every_endpoint_but_those_for_anyone_asks_for_one(told: list[Any]) -> None:
    _, endpoints, document = told
    asked = {one["operationId"]: one["security"] for _, _, one in _operations(document)}
    assert asked == {name: [{"functionKey": []}] if role else [] for name, _, _, role in endpoints}
    assert list(document["components"]["securitySchemes"]) == ["functionKey"]


def test_with_sign_in_every_endpoint_asks_for_its_role() -> None:
    _, endpoints, document = _told(SMS_SIGN_IN="on", WEBSITE_AUTH_ENABLED="True")
    validate(document)
    asked = {one["operationId"]: one["security"] for _, _, one in _operations(document)}
    assert asked == {name: [{"entra": [role]}] if role else [] for name, _, _, role in endpoints}
    assert list(document["components"]["securitySchemes"]) == ["entra"]


def test_every_field_and_parameter_has_its_words(document: dict[str, Any]) -> None:
    fields = [(model, name) for model, name, one in _properties(document) if not one.get("description")]
    parameters = [(path, one) for _, path, operation in _operations(document) for one in operation["parameters"]]
    silent = [(path, one["name"]) for path, one in parameters if "$ref" not in one and not one["description"]]
    assert fields + silent == [], "give them a line in shared/edges/openapi_words.py"


def test_every_word_is_of_a_field_or_parameter(document: dict[str, Any]) -> None:
    models = {f"{model}.{name}" for model, name, _ in _properties(document)}
    names = {name.partition(".")[2] for name in models}
    words = {name for name in openapi_words.FIELDS if not name.partition(".")[0].endswith("Query")}
    assert words - models - names - {"format", "groupBy", "interval", "maxpagesize", "skipToken"} == set()


def test_every_example_is_what_its_schema_takes(document: dict[str, Any]) -> None:
    contract = Contract(document)
    wrong = [
        (model, name, problem)
        for model, name, one in _properties(document)
        for example in one.get("examples", [])
        if (problem := contract._unlike(dict(one), json.dumps(example).encode()))
    ]
    assert wrong == []


def test_every_tag_and_every_id_in_a_path_is_described(document: dict[str, Any]) -> None:
    assert {tag["name"] for tag in document["tags"]} == set(openapi_words.TAGS)
    for path, item in document["paths"].items():
        for one in item.get("parameters", []):
            assert path.split("/")[1] in IDS, "give the collection's ids a line in shared/edges/path_ids.py"
            assert one["schema"]["pattern"]
    assert set(openapi_words.EXAMPLE_IDS) == set(IDS)


@pytest.mark.parametrize("collection", sorted(IDS))
def test_example_of_an_id_is_one(collection: str) -> None:
    assert IDS[collection].fullmatch(openapi_words.EXAMPLE_IDS[collection])


@pytest.mark.parametrize(
    "written", [openapi_words.EXAMPLE_IDS["messages"], "0" * 32 + ".98204653046263-Outgoing_20", "0.0-a", ""]
)
def test_pattern_of_message_ids_takes_what_the_app_reads(written: str) -> None:
    assert bool(MESSAGE_ID.fullmatch(written)) == (MessageKey.parse(written) is not None)


async def test_app_gives_it_with_an_etag(caller: Caller) -> None:
    first = await caller.get("get_openapi", "openapi.json")
    assert read(first)["openapi"] == "3.1.0"
    etag = first.headers["ETag"]
    again = await caller.get("get_openapi", "openapi.json", headers={"If-None-Match": etag})
    assert (again.status_code, again.get_body()) == (304, b"")
