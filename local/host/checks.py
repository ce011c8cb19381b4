"""What the host refuses when it loads functions. A refused function is left out; the others are served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from local.host.converters import converter
from local.host.errors import FunctionError
from local.host.host_json import HostJson
from local.host.indexing import RETURN, Binding, Function
from local.host.router import make_route, methods_of, route_text
from local.host.schedules import parse_schedule
from local.host.settings import Settings

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}")
_QUEUE_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])+")
_TRIGGERS = frozenset({"httpTrigger", "eventGridTrigger", "queueTrigger", "timerTrigger"})
_OUTPUTS = frozenset({"http", "queue"})
_RESERVED = ("admin", "runtime")


@dataclass(slots=True)
class Loaded:
    """The functions that can be served, and what is wrong with the others, by name."""

    functions: list[Function] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


def load_functions(functions: Sequence[Function], host_json: HostJson, settings: Settings) -> Loaded:
    """Resolve the settings that bindings name, and sort out the functions that the host would refuse."""
    loaded = Loaded()
    for function in functions:
        try:
            resolved = _resolve(function, settings)
            _check(resolved, host_json, settings)
            _check_no_conflict(resolved, loaded.functions)
        except FunctionError as error:
            loaded.errors[function.name] = str(error)
        else:
            loaded.functions.append(resolved)
    return loaded


def _resolve(function: Function, settings: Settings) -> Function:
    def resolved(binding: Binding) -> Binding:
        properties = {
            name: settings.resolve(value) if isinstance(value, str) else value
            for name, value in binding.properties.items()
        }
        return replace(binding, properties=properties)

    return replace(
        function,
        trigger=resolved(function.trigger),
        outputs=tuple(resolved(binding) for binding in function.outputs),
        returns=resolved(function.returns) if function.returns else None,
    )


def _check(function: Function, host_json: HostJson, settings: Settings) -> None:
    if not _FUNCTION_NAME.fullmatch(function.name) or function.name.lower() == "host":
        raise FunctionError(f"'{function.name}' is not a valid function name.")
    for binding in function.bindings:
        _check_binding(binding, settings)
    _check_annotation(function)
    if function.trigger.type == "httpTrigger":
        _check_route(function, host_json.http.route_prefix)
    elif function.trigger.type == "timerTrigger":
        parse_schedule(function.trigger.text("schedule"), settings.get("TZ") or settings.get("WEBSITE_TIME_ZONE"))


def _check_binding(binding: Binding, settings: Settings) -> None:
    known = _OUTPUTS if binding.is_output else _TRIGGERS
    if binding.type not in known:
        raise FunctionError(f"This host does not run bindings of type '{binding.type}'.")
    if not _BINDING_NAME.fullmatch(binding.name) and not (binding.is_output and binding.name == RETURN):
        raise FunctionError(f"The binding name '{binding.name}' is invalid: only letters and digits are allowed.")
    if binding.type in {"queue", "queueTrigger"}:
        _check_queue(binding, settings)


def _check_queue(binding: Binding, settings: Settings) -> None:
    queue = binding.text("queueName").lower()
    if not 3 <= len(queue) <= 63 or not _QUEUE_NAME.fullmatch(queue):
        raise FunctionError(f"'{queue}' is not a valid queue name.")
    settings.connection_string(binding.text("connection") or "AzureWebJobsStorage")


def _check_annotation(function: Function) -> None:
    trigger, annotation = function.trigger, function.annotations.get(function.trigger.name)
    if annotation is None or annotation in {str, bytes}:
        return
    if not isinstance(annotation, type) or not converter(trigger.type).check_input_type_annotation(annotation):
        raise FunctionError(f"The parameter '{trigger.name}' has a type that a {trigger.type} cannot give.")


def _check_route(function: Function, prefix: str) -> None:
    if route_text(function).lower().startswith(_RESERVED):
        raise FunctionError("The specified route conflicts with one or more built in routes: admin and runtime.")
    make_route(function, prefix)


def _check_no_conflict(function: Function, others: Iterable[Function]) -> None:
    if function.trigger.type != "httpTrigger":
        return
    for other in others:
        if other.trigger.type == "httpTrigger" and _conflict(function, other):
            raise FunctionError(f"The route conflicts with the route of the function '{other.name}'.")


def _conflict(one: Function, other: Function) -> bool:
    if route_text(one).lower() != route_text(other).lower():
        return False
    methods, others = methods_of(one), methods_of(other)
    return not methods or not others or bool(methods & others)
