"""What docs/api.md says of endpoints, requests and answers, held to the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from devtools.paths import ROOT
from docs import reference
from shared.edges import (
    api_analytics,
    api_auto_replies,
    api_campaigns,
    api_conversations,
    api_explanations,
    api_failures,
    api_models,
)
from shared.edges.http_errors import error_body
from shared.rules.errors import ErrorDetail, SmsError
from tests.support.pages import DOCS, json_blocks, sections

API = DOCS / "api.md"
_EXAMPLE = re.compile(r"^(?P<label>[A-Z][\w ]*):\n\n```json\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_ASK = """
import json, function_app
print(json.dumps([
    dict(
        heading=f"{one.method} /api/{one.route}",
        query=[
            field.alias or name
            for model in (one.query, one.options)
            if model
            for name, field in model.model_fields.items()
        ],
        body=one.body and one.body.__name__,
        answers=one.answers and one.answers.__name__,
        role=one.role.value,
    )
    for one in function_app.http.endpoints
]))
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as function_app.py declares it: its heading in the page, the names of its models, its role."""

    heading: str
    query: tuple[str, ...]
    body: str | None
    answers: str | None
    role: str


@dataclass(frozen=True, slots=True)
class Example:
    """A JSON example in a section, and what the line above it calls it."""

    heading: str
    label: str
    body: str


def _examples() -> Iterator[Example]:
    for heading, text in sections(API).items():
        for match in _EXAMPLE.finditer(text):
            yield Example(heading, match["label"], match["body"])


EXAMPLES = [pytest.param(one, id=f"{one.heading}, {one.label}") for one in _examples()]


@cache
def _endpoints() -> Mapping[str, Endpoint]:
    """Ask function_app.py in an interpreter of its own, since it reads the environment when it is imported."""
    environment = {**os.environ, **reference.LEAST}
    answer = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found = (Endpoint(**{**one, "query": tuple(one["query"])}) for one in _list(answer.stdout))
    return {endpoint.heading: endpoint for endpoint in found}


def _list(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)
    return found


def test_every_endpoint_has_its_section_and_every_section_its_endpoint() -> None:
    described = {heading for heading in sections(API) if re.match(r"[A-Z]+ /", heading)}
    listed = re.findall(r"^\| \[`([A-Z]+ /\S+)`\]", API.read_text("utf-8"), re.MULTILINE)
    assert described == set(_endpoints())
    assert sorted(listed) == sorted(_endpoints())


def test_every_endpoint_is_listed_with_its_role() -> None:
    told = dict(re.findall(r"^\| \[`([A-Z]+ /\S+)`\].*\| ([^|]+) \|$", API.read_text("utf-8"), re.MULTILINE))
    roles = {heading: f"`{one.role}`" if one.role else "anyone" for heading, one in _endpoints().items()}
    assert told == roles


def test_every_query_parameter_and_every_field_of_a_request_is_in_its_section() -> None:
    for endpoint in _endpoints().values():
        text = sections(API)[endpoint.heading]
        for name in {*endpoint.query, *(_aliases(_model(endpoint.body)) if endpoint.body else ())}:
            assert f"`{name}`" in text or f'"{name}"' in text, f"{endpoint.heading}: {name}"


def test_every_endpoint_shows_its_request_and_its_answer() -> None:
    shown = {(example.heading, example.label) for example in _examples()}
    for endpoint in _endpoints().values():
        assert endpoint.answers is None or (endpoint.heading, "Answer") in shown
        assert endpoint.body is None or (endpoint.heading, "Request") in shown


def test_every_json_example_has_a_label() -> None:
    assert len(json_blocks(API.read_text("utf-8"))) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_what_the_models_take_and_give(example: Example) -> None:
    body = json.loads(example.body)
    match example.label:
        case "Request":
            _model(_endpoints()[example.heading].body).model_validate_json(example.body)
        case "Answer":
            assert _again(_model(_endpoints()[example.heading].answers), body) == body
        case "Answer to a file":
            assert _again(api_models.ImportAnswer, body) == body
        case "Error":
            assert _error_again(body) == body
        case other:
            raise AssertionError(f"an example that is called {other!r}")


def _model(name: str | None) -> type[BaseModel]:
    modules = (
        api_models,
        api_analytics,
        api_auto_replies,
        api_campaigns,
        api_conversations,
        api_explanations,
        api_failures,
    )
    model: type[BaseModel] = next(getattr(module, str(name)) for module in modules if hasattr(module, str(name)))
    return model


def _aliases(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _again(model: type[BaseModel], body: Mapping[str, Any]) -> Any:
    """Read an answer as its model and write it again: with anything unknown or wrong it is not the same."""
    return json.loads(model.model_validate(_by_name(model, body)).model_dump_json(by_alias=True, exclude_none=True))


def _by_name(model: type[BaseModel], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer by the names of the model's fields: an answer's `from` and `to` are not read, only written."""
    names = {field.serialization_alias or name: name for name, field in model.model_fields.items()}
    return {names.get(key, key): _inner(model, names.get(key, key), value) for key, value in body.items()}


def _inner(model: type[BaseModel], name: str, value: Any) -> Any:
    inner = _model_in(model.model_fields[name].annotation) if name in model.model_fields else None
    if inner is None:
        return value
    return [_by_name(inner, one) for one in value] if isinstance(value, list) else _by_name(inner, value)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model that a field holds: alone, as an option or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := _model_in(one))), None)


def _error_again(body: Mapping[str, Any]) -> dict[str, object]:
    error = body["error"]
    details = [ErrorDetail(**detail) for detail in error.get("details", [])]
    return error_body(SmsError(error["message"], code=error["code"], target=error.get("target"), details=details))
