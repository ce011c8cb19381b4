"""The converters of `azure.functions`: the very code that Microsoft's worker calls for each binding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import azure.functions as func
from azure.functions.meta import Datum


class Converter(Protocol):
    """What a binding type's converter does; inputs decode, outputs encode."""

    def check_input_type_annotation(self, pytype: type) -> bool:
        """Say whether a parameter may have this type."""
        ...

    def decode(self, data: Datum, *, trigger_metadata: Mapping[str, Datum]) -> object:
        """Make the argument of a function."""
        ...

    def encode(self, obj: object, *, expected_type: type | None) -> Datum | None:
        """Make what the host gets from a returned value; a type that it does not take is a NotImplementedError."""
        ...


def converter(binding_type: str) -> Converter:
    """Return the converter of a binding type that the host runs."""
    registry = func.get_binding_registry()  # type: ignore[no-untyped-call]  # azure-functions does not type it
    return cast("Converter", registry.get(binding_type))
