"""JSON Schemas of the API's models, with the words of `openapi_words`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from shared.edges.openapi_words import word

Json = dict[str, Any]

# ErrorBody of docs/api.md; written by hand, as `http_errors` writes it without a model.
_ERRORS: Mapping[str, Json] = {
    "ErrorBody": {
        "type": "object",
        "description": "What every error looks like.",
        "properties": {"error": {"$ref": "#/components/schemas/Error"}},
        "required": ["error"],
    },
    "Error": {
        "type": "object",
        "description": "What went wrong, and what to do about it.",
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "target": {"type": "string"},
            "details": {"type": "array", "items": {"$ref": "#/components/schemas/ErrorDetail"}},
        },
        "required": ["code", "message"],
    },
    "ErrorDetail": {
        "type": "object",
        "description": "One of several things that are wrong.",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "target": {"type": "string"}},
        "required": ["code", "message"],
    },
}


class _Generator(GenerateJsonSchema):
    """As Pydantic does it, without titles; a field of an answer that is None is left out, not null."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - the signature is Pydantic's
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", ...) is None:
            del found["default"]
        return found


def schemas_of(requests: Iterable[type[BaseModel]], answers: Iterable[type[BaseModel]]) -> dict[str, Json]:
    """Return the schemas of these models and of all that they hold, and those of errors, by name."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in requests]
    wanted += [(model, "serialization") for model in answers]
    _, found = models_json_schema(wanted, ref_template="#/components/schemas/{model}", schema_generator=_Generator)
    schemas = {**found.get("$defs", {}), **_ERRORS}
    return {name: _explained(name, schemas[name]) for name in sorted(schemas)}


def parameters_of(model: type[BaseModel], *, required: bool = True) -> list[Json]:
    """Return the fields of a model as parameters of the query; none is required, unless `required`."""
    schema = _explained(model.__name__, model.model_json_schema(schema_generator=_Generator))
    schema = _without_references(schema)
    must = schema.get("required", []) if required else []
    return [_parameter(name, dict(one), is_required=name in must) for name, one in schema["properties"].items()]


def _parameter(name: str, schema: Json, *, is_required: bool) -> Json:
    description, example = schema.pop("description", ""), schema.pop("examples", [])
    found: Json = {"name": name, "in": "query", "description": description, "required": is_required}
    if schema.get("type") == "array":
        # One value with commas in it, not the name again for each.
        found |= {"style": "form", "explode": False}
    return {**found, "schema": _never_null(schema), **({"example": example[0]} if example else {})}


def _never_null(schema: Json) -> Json:
    """Return the schema of a parameter: there is no null in a query."""
    options = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(options) != 1:
        return schema
    return {**options[0], **{name: one for name, one in schema.items() if name != "anyOf"}}


def _without_references(schema: Json) -> Json:
    """Return the schema of a query, with what it refers to (enumerations) written where it is used."""
    definitions = schema.pop("$defs", {})
    return {name: _expanded(one, definitions) for name, one in schema.items()}


def _expanded(one: object, definitions: Json) -> object:
    if isinstance(one, list):
        return [_expanded(value, definitions) for value in one]
    if not isinstance(one, dict):
        return one
    if "$ref" in one:
        inner = definitions[one["$ref"].rpartition("/")[2]]
        one = {"type": inner["type"], "enum": inner["enum"], **{name: one[name] for name in one if name != "$ref"}}
    return {name: _expanded(value, definitions) for name, value in one.items()}


def _explained(name: str, schema: Json) -> Json:
    """Return the schema without its title, and with what its properties mean."""
    found = {key: value for key, value in schema.items() if key != "title"}
    if "properties" in found:
        found["properties"] = {field: _described(name, field, one) for field, one in found["properties"].items()}
    return found


def _described(model: str, field: str, schema: Json) -> Json:
    said = word(model, field)
    if said is None:
        return schema
    found: Json = {**schema, "description": said.means}
    if said.values and schema.get("type") == "string":
        found["enum"] = [str(value) for value in said.values]
    if said.example is not None:
        found["examples"] = [said.example]
    return found
