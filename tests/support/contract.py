"""What docs/openapi.json says that the app answers, held against what it does answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from devtools.paths import ROOT

Json = dict[str, Any]


class Contract:
    """The answers that the document promises, by operation and status."""

    def __init__(self, document: Json) -> None:
        self._operations: Mapping[str, Json] = {
            one["operationId"]: one
            for path in document["paths"].values()
            for method, one in path.items()
            if method != "parameters"
        }
        self._headers: Json = document["components"]["headers"]
        self._components = {"schemas": {name: _closed(one) for name, one in document["components"]["schemas"].items()}}

    def problem(self, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> str:
        """Return what of an answer is not as promised, empty if all is; headers are looked up in lower case."""
        promised = self._operations[operation]["responses"].get(str(status))
        if promised is None:
            return f"{operation}: the status {status} is not in the document"
        missing = {name.lower() for name in promised.get("headers", {}) if name != "Retry-After"} - set(headers)
        if missing:
            return f"{operation} {status}: without {missing}"
        content = promised.get("content", {})
        media_type = headers.get("content-type", "").partition(";")[0]
        if not body:
            return f"{operation} {status}: without a body" if content and status != 401 else ""
        if media_type not in content:
            return f"{operation} {status}: {media_type!r} is not in the document"
        return self._unlike(content[media_type]["schema"], body) if media_type == "application/json" else ""

    def _unlike(self, schema: Json, body: bytes) -> str:
        whole = {**schema, "components": self._components}
        validator = Draft202012Validator(whole, format_checker=FormatChecker())
        return "; ".join(f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body)))


def _closed(schema: Json) -> Json:
    """Return the schema of an object that has no fields but those that are named."""
    return {"additionalProperties": False, **schema} if "properties" in schema else schema


@cache
def contract() -> Contract:
    """Return what the checked-in document promises."""
    return Contract(json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8")))
