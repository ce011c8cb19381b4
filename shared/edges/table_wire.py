"""Entities and ranges as the Azure Tables SDK takes and gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.data.tables import EdmType, EntityProperty, TableEntity

from shared.edges.table_limits import is_int32
from shared.ports.tables import Entity, Range, Value

_KEYS = ("PartitionKey", "RowKey")


def to_wire(entity: Entity) -> dict[str, Any]:
    """Return the entity as the SDK takes it: an integer beyond 32 bits needs its type beside it."""
    typed = {name: _typed(value) for name, value in entity.values.items()}
    return {"PartitionKey": entity.partition, "RowKey": entity.row, **typed}


def from_wire(found: TableEntity) -> Entity:
    """Return the SDK's entity as ours, ETag included."""
    values = {name: _plain(value) for name, value in found.items() if name not in _KEYS}
    return Entity(found["PartitionKey"], found["RowKey"], values, found.metadata["etag"] or "")


def etag_of(answer: Mapping[str, Any]) -> str:
    """Return the ETag that the store gave to a write."""
    return str(answer["etag"])


def odata_filter(within: Range) -> str:
    """Return the range as an OData filter, empty when it has no bound."""
    bounds = (
        ("PartitionKey eq", within.partition),
        ("PartitionKey ge", within.partition_from),
        ("PartitionKey lt", within.partition_to),
        ("RowKey ge", within.row_from),
        ("RowKey lt", within.row_to),
    )
    return " and ".join(f"{comparison} {_literal(key)}" for comparison, key in bounds if key is not None)


def _literal(key: str) -> str:
    return "'" + key.replace("'", "''") + "'"


def _typed(value: Value) -> Value | EntityProperty:
    if isinstance(value, int) and not isinstance(value, bool) and not is_int32(value):
        return EntityProperty(value, EdmType.INT64)
    return value


def _plain(value: Any) -> Value:  # noqa: ANN401 - the SDK's entities are dicts of anything
    plain: Value = value.value if isinstance(value, EntityProperty) else value
    return plain
