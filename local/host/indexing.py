"""Find the functions of an app, as Microsoft's worker does."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func

from local.host.errors import StartError

RETURN = "$return"


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of a function: its parameter's name, its type, and the rest as in function.json."""

    name: str
    type: str
    is_output: bool
    properties: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a property that is text; a missing one is empty."""
        return str(self.properties.get(name) or "")


@dataclass(frozen=True, slots=True)
class Function:
    """One function, with what is needed to call it."""

    name: str
    call: Callable[..., Any]
    trigger: Binding
    outputs: tuple[Binding, ...]
    returns: Binding | None
    takes_context: bool
    annotations: Mapping[str, Any]
    retry: Mapping[str, str]

    @property
    def is_async(self) -> bool:
        """Say whether it runs on the event loop rather than in the thread pool."""
        return inspect.iscoroutinefunction(self.call)

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Return the trigger and every output."""
        returned = (self.returns,) if self.returns else ()
        return (self.trigger, *self.outputs, *returned)


def import_app(app_dir: Path) -> list[Function]:
    """Import the `function_app.py` of an app and return its functions, sorted by name as the host sorts them.

    Whatever the import raises is left to the caller; an app that cannot be indexed is a `StartError`.
    """
    os.chdir(app_dir)
    sys.path.insert(0, str(app_dir))
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    if not (app_dir / script).exists():
        raise StartError(f"There is no {script} in {app_dir}.")
    module = importlib.import_module(Path(script).stem)
    return index(_the_app(vars(module).values(), script))


def _the_app(values: Iterable[Any], script: str) -> func.FunctionRegister:
    apps = [value for value in values if isinstance(value, func.FunctionRegister)]
    if not apps:
        raise StartError(f"There is no FunctionApp at the top level of {script}.")
    if any(app is not apps[0] for app in apps):
        raise StartError(f"There is more than one FunctionApp at the top level of {script}.")
    return apps[0]


def index(app: func.FunctionRegister) -> list[Function]:
    """Return the functions of an app sorted by name, ignoring case; that is the order in which routes are tried."""
    try:
        built = app.get_functions()
    except ValueError as error:
        raise StartError(f"The functions cannot be indexed: {error}") from error
    return sorted((_function(one) for one in built), key=lambda function: function.name.upper())


def _function(built: func.decorators.function_app.Function) -> Function:
    name = str(built.get_function_name())
    bindings = [_binding(json.loads(raw)) for raw in built.get_raw_bindings()]
    triggers = [binding for binding in bindings if binding.type.lower().endswith("trigger")]
    outputs = [binding for binding in bindings if binding.is_output]
    inputs = [binding for binding in bindings if not binding.is_output and binding not in triggers]
    if inputs:
        raise StartError(f"Function {name}: this host has no input binding of type {inputs[0].type}.")
    call = built.get_user_function()
    annotations = typing.get_type_hints(call)
    bound = {binding.name for binding in bindings if binding.name != RETURN}
    return Function(
        name=name,
        call=call,
        trigger=triggers[0],
        outputs=tuple(binding for binding in outputs if binding.name != RETURN),
        returns=next((binding for binding in outputs if binding.name == RETURN), None),
        takes_context=_check_parameters(name, set(inspect.signature(call).parameters), bound),
        annotations=annotations,
        retry=built.get_settings_dict("retry_policy") or {},
    )


def _binding(raw: dict[str, Any]) -> Binding:
    known = ("name", "type", "direction")
    properties = {name: value for name, value in raw.items() if name not in known}
    return Binding(raw["name"], raw["type"], raw["direction"].upper() == "OUT", properties)


def _check_parameters(name: str, parameters: set[str], bound: set[str]) -> bool:
    takes_context = "context" in parameters and "context" not in bound
    unbound = parameters - bound - ({"context"} if takes_context else set())
    if unbound:
        raise StartError(f"Function {name}: there is no binding for the parameter {min(unbound)}.")
    if bound - parameters:
        raise StartError(f"Function {name}: there is no parameter for the binding {min(bound - parameters)}.")
    return takes_context
