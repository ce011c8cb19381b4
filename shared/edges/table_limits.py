"""The limits of Azure Table storage, checked before a write leaves.

The fake and the real store share these checks, because the local emulator does not enforce all of them.
Source: Azure Storage REST reference, "Understanding the Table service data model" and "Performing entity
group transactions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from shared.ports.tables import Entity, Range, Value, Write

MAX_PAGE = 1000
MAX_WRITES = 100
MAX_STRING_UNITS = 32 * 1024
MAX_KEY_UNITS = 512
MAX_PROPERTIES = 252
MAX_ENTITY_BYTES = 1024 * 1024
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024

_BAD_IN_KEY = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_RESERVED = frozenset({"PartitionKey", "RowKey", "Timestamp"})


def check_table_name(name: str) -> None:
    """Raise ValueError unless `name` is 3 to 63 ASCII letters and digits that begin with a letter."""
    if not _TABLE.fullmatch(name):
        raise ValueError("a table name is 3 to 63 letters and digits and begins with a letter")


def check_query(within: Range, limit: int) -> None:
    """Raise ValueError unless a page of `limit` entities of the range can be asked for."""
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"limit is 1 to {MAX_PAGE}")
    if within.partition is not None and (within.partition_from, within.partition_to) != (None, None):
        raise ValueError("a range is of one partition or of a range of them, not both")


def check_entity(entity: Entity) -> int:
    """Return the entity's size in bytes; raise ValueError if the store would refuse its keys, values or size."""
    for key in (entity.partition, entity.row):
        check_key(key)
    if len(entity.values) > MAX_PROPERTIES:
        raise ValueError(f"an entity has at most {MAX_PROPERTIES} values")
    size = _entity_bytes(entity)
    if size > MAX_ENTITY_BYTES:
        raise ValueError("an entity is at most 1 MiB")
    return size


def check_key(key: str) -> None:
    r"""Raise ValueError if a key has one of / \ # ? or a control character, or more than 512 UTF-16 units."""
    if _BAD_IN_KEY.search(key) or utf16_units(key) > MAX_KEY_UNITS:
        raise ValueError("a table key has a character that keys may not have, or is longer than 512 units")


def check_replace(entity: Entity) -> int:
    """Return the entity's size; raise ValueError if it cannot be replaced: as `check_entity`, and it needs its ETag."""
    size = check_entity(entity)
    if not entity.etag:
        raise ValueError("a replace needs the entity's ETag")
    return size


def check_writes(writes: Sequence[Write]) -> None:
    """Raise ValueError if the store would refuse the transaction as a whole."""
    if len(writes) > MAX_WRITES:
        raise ValueError(f"a transaction has at most {MAX_WRITES} writes")
    if len({write.entity.partition for write in writes}) > 1:
        raise ValueError("a transaction stays in one partition")
    if len({write.entity.row for write in writes}) < len(writes):
        raise ValueError("a transaction writes each row once")
    sizes = ((check_replace if write.kind == "replace" else check_entity)(write.entity) for write in writes)
    if sum(sizes) > MAX_TRANSACTION_BYTES:
        raise ValueError("a transaction is at most 4 MiB")


def utf16_units(text: str) -> int:
    """Return the length of the text as the store counts it, in UTF-16 units."""
    if text.isascii():
        return len(text)
    return len(text) if text.isascii() else len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def is_int32(value: int) -> bool:
    """Tell whether the store's 32-bit integer holds the value."""
    return -(2**31) <= value < 2**31


def _entity_bytes(entity: Entity) -> int:
    keys = 2 * (utf16_units(entity.partition) + utf16_units(entity.row))
    return 4 + keys + sum(_name_bytes(name) + _value_bytes(name, value) for name, value in entity.values.items())


@lru_cache(maxsize=1024)
def _name_bytes(name: str) -> int:
    if not _PROPERTY.fullmatch(name) or name in _RESERVED:
        raise ValueError(f"{name!r} cannot name a value")
    return 8 + 2 * len(name)


def _value_bytes(name: str, value: Value) -> int:
    if isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return _int_bytes(name, value)
    if isinstance(value, float):
        return 8
    return _string_bytes(name, value)


def _int_bytes(name: str, value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"the value {name} does not fit in 64 bits")
    return 4 if is_int32(value) else 8


def _string_bytes(name: str, value: str) -> int:
    if not isinstance(value, str):
        raise TypeError(f"the value {name} is not a string, a number or a boolean")
    units = utf16_units(value)
    if units > MAX_STRING_UNITS:
        raise ValueError(f"the value {name} is longer than {MAX_STRING_UNITS} units")
    return 4 + 2 * units
