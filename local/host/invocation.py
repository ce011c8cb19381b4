"""Call a function: decode what the trigger gives, run it, encode what it returns.

Decoding and encoding are done by the converters of `azure.functions`, which are what Microsoft's worker calls too.
Async functions share the one event loop; the others run in a thread pool of the size that the worker gives it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

from local.host.context import InvocationContext, RetryContext, TraceContext
from local.host.converters import converter
from local.host.errors import InvocationError, StartError
from local.host.indexing import Binding, Function
from local.host.logs import current_invocation

SendOutput = Callable[[Binding, Datum], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TriggerData:
    """What a trigger hands over: the value, its metadata, and where the call comes from."""

    value: Datum
    reason: str
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    trace: TraceContext = field(default_factory=TraceContext.continuing)
    retry: RetryContext = field(default_factory=RetryContext)


class OutputParameter(func.Out[object]):
    """What a function gets for a parameter of type `func.Out`."""

    def __init__(self) -> None:
        self._value: object = None

    def set(self, val: object) -> None:
        """Keep the value to send."""
        self._value = val

    def get(self) -> object:
        """Return the value set last, or None."""
        return self._value


def thread_pool() -> ThreadPoolExecutor:
    """Make the pool for functions that are not async; `PYTHON_THREADPOOL_THREAD_COUNT` sets its size."""
    count = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
    if count is None:
        return ThreadPoolExecutor()
    if not count.isdigit() or not 1 <= int(count) <= 256:
        raise StartError("PYTHON_THREADPOOL_THREAD_COUNT must be a number from 1 to 256.")
    return ThreadPoolExecutor(int(count))


class Invoker:
    """Runs functions, and knows which calls are under way."""

    def __init__(self, pool: ThreadPoolExecutor, timeout: timedelta | None, send_output: SendOutput) -> None:
        self._pool = pool
        self._timeout = timeout.total_seconds() if timeout else None
        self._send_output = send_output
        self._running: set[asyncio.Task[Datum | None]] = set()

    async def invoke(self, function: Function, data: TriggerData) -> Datum | None:
        """Run a function once and return what it gives back, encoded. A failure is logged and an `InvocationError`."""
        # A task of its own: context variables that the function sets must not leak into the next call.
        task = asyncio.create_task(self._logged(function, data))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Datum | None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # it is in the log already; a caller that was canceled will not fetch it

    async def finish(self, within: float) -> None:
        """Wait up to so many seconds for the calls under way, then cancel the rest."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=within)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)

    async def _logged(self, function: Function, data: TriggerData) -> Datum | None:
        context = InvocationContext(function.name, str(Path.cwd()), trace_context=data.trace, retry_context=data.retry)
        current_invocation.set(context.invocation_id)
        name, invocation_id = function.name, context.invocation_id
        log = logging.getLogger(f"Function.{name}")
        log.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", name, data.reason, invocation_id)
        start = time.perf_counter()
        try:
            result = await self._limited(function, data, context)
        except Exception as error:
            log.exception("Executed 'Functions.%s' (Failed, Id=%s, Duration=%s)", name, invocation_id, _since(start))
            raise InvocationError(f"Exception while executing function: Functions.{name}") from error
        log.info("Executed 'Functions.%s' (Succeeded, Id=%s, Duration=%s)", name, invocation_id, _since(start))
        return result

    async def _limited(self, function: Function, data: TriggerData, context: InvocationContext) -> Datum | None:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await self._run(function, data, context)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise InvocationError(f"The function exceeded the functionTimeout of {self._timeout:g} s.") from error

    async def _run(self, function: Function, data: TriggerData, context: InvocationContext) -> Datum | None:
        outputs = {binding.name: OutputParameter() for binding in function.outputs}
        arguments = {function.trigger.name: _decode(function, data), **outputs}
        if function.takes_context:
            arguments["context"] = context
        context.thread_local_storage.invocation_id = context.invocation_id
        if function.is_async:
            returned = await function.call(**arguments)
        else:
            loop = asyncio.get_running_loop()
            returned = await loop.run_in_executor(self._pool, _call_in_thread, function.call, arguments, context)
        return await self._finish_outputs(function, returned, outputs)

    async def _finish_outputs(
        self, function: Function, returned: object, outputs: Mapping[str, OutputParameter]
    ) -> Datum | None:
        if returned is not None and function.returns is None:
            raise InvocationError(f"Function {function.name} returned a value and has no $return binding.")
        for binding in function.outputs:
            value = outputs[binding.name].get()
            if value is not None:
                await self._send_output(binding, _encode(binding, value))
        if function.returns is None:
            return None
        result = _encode(function.returns, returned)
        if function.returns.type != "http":
            await self._send_output(function.returns, result)
        return result


def _since(start: float) -> str:
    return f"{round((time.perf_counter() - start) * 1000)}ms"


def _call_in_thread(call: Callable[..., Any], arguments: Mapping[str, Any], context: InvocationContext) -> object:
    token = current_invocation.set(context.invocation_id)
    context.thread_local_storage.invocation_id = context.invocation_id
    try:
        return call(**arguments)
    finally:
        current_invocation.reset(token)


def _decode(function: Function, data: TriggerData) -> object:
    trigger = function.trigger
    if function.annotations.get(trigger.name) in {str, bytes}:
        return data.value.value
    return converter(trigger.type).decode(data.value, trigger_metadata=data.metadata)


def _encode(binding: Binding, value: object) -> Datum:
    try:
        datum = converter(binding.type).encode(value, expected_type=None)
    except NotImplementedError as error:
        kind = type(value).__name__
        raise InvocationError(f"The {binding.type} binding '{binding.name}' cannot take a {kind}.") from error
    return datum or Datum(None, None)
