"""Queue, timer and event functions: one declaration each, from which the invocation's line and trace follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import azure.functions as func

from shared.edges.invocations import Invocation, Trigger, invoked

Message = Callable[[func.QueueMessage], Awaitable[None]]
Event = Callable[[func.EventGridEvent], Awaitable[None]]
Work = Callable[[], Awaitable[None]]
F = TypeVar("F", bound=Callable[..., Awaitable[None]])

_STORAGE = "AzureWebJobsStorage"


class Triggers:
    """The functions of a FunctionApp that are not HTTP endpoints; its queues have this prefix."""

    def __init__(self, app: func.FunctionApp, queue_prefix: str) -> None:
        self._app = app
        self._queue_prefix = queue_prefix

    def queue(self, name: str) -> Callable[[Message], Message]:
        """Declare what takes messages out of a queue, given by its name without the prefix."""
        trigger = self._app.queue_trigger(
            arg_name="message", queue_name=f"{self._queue_prefix}-{name}", connection=_STORAGE
        )

        def declare(take: Message) -> Message:
            async def function(message: func.QueueMessage, context: func.Context = None) -> None:  # type: ignore[assignment]  # the host gives it
                tries = message.dequeue_count or 1
                with invoked(Invocation(take.__name__, Trigger.QUEUE, tries), context):
                    await take(message)

            return self._put(trigger, take, function)

        return declare

    def event(self, take: Event) -> Event:
        """Declare what takes events of Event Grid."""

        async def function(event: func.EventGridEvent, context: func.Context = None) -> None:  # type: ignore[assignment]  # the host gives it
            with invoked(Invocation(take.__name__, Trigger.EVENT), context):
                await take(event)

        return self._put(self._app.event_grid_trigger(arg_name="event"), take, function)

    def timer(self, schedule: str) -> Callable[[Work], Work]:
        """Declare what is done at the times of a schedule."""

        def declare(do: Work) -> Work:
            async def function(timer: func.TimerRequest, context: func.Context = None) -> None:  # type: ignore[assignment]  # noqa: ARG001 - the host gives both by name
                with invoked(Invocation(do.__name__, Trigger.TIMER), context):
                    await do()

            self._put(self._app.timer_trigger(arg_name="timer", schedule=schedule), do, function)
            return do

        return declare

    def _put(self, trigger: Callable[..., object], declared: F, function: F) -> F:
        function.__doc__ = declared.__doc__
        return cast("F", self._app.function_name(declared.__name__)(trigger(function)))
