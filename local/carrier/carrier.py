"""The carrier whole: its parts, put together."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.carrier.acceptance import Acceptance
from local.carrier.agenda import Agenda
from local.carrier.app_webhook import AppWebhook
from local.carrier.changes import Changes
from local.carrier.clock import ScaledClock, utc_now
from local.carrier.dead_letters import DeadLetters
from local.carrier.delivery import Deliveries
from local.carrier.event_grid import EventGrid
from local.carrier.handsets import Handsets
from local.carrier.inbound import InboundTexts
from local.carrier.messages import Messages
from local.carrier.opt_outs import OptOuts
from local.carrier.rate_limits import RateLimits
from local.carrier.request_log import RequestLog
from local.carrier.senders import DEFAULT_SENDERS, Sender, Senders
from local.carrier.subscriptions import subscriptions_to
from local.carrier.topic import Topic
from local.carrier.trouble import Switches, Trouble

# Fixed and public on purpose: they open nothing but this local stand-in.
ACCESS_KEY = base64.b64encode(b"local carrier: for development only").decode()
TOPIC_KEY = base64.b64encode(b"local relay topic: for development only").decode()


@dataclass(frozen=True, slots=True)
class Config:
    """How a carrier is set up. Without `functions_url` events are recorded and go nowhere."""

    functions_url: str | None = None
    functions_key: str | None = None
    state_folder: Path | None = None
    senders: tuple[Sender, ...] = DEFAULT_SENDERS


class Carrier:
    """All parts and what concerns all of them: start, stop, trouble and reset."""

    def __init__(self, config: Config) -> None:
        self.started_at: datetime = datetime.now(UTC)
        self.key = base64.b64decode(ACCESS_KEY)
        self.senders = Senders(config.senders)
        self.switches = Switches()
        self.changes = Changes()
        self.clock = ScaledClock()
        self.agenda = Agenda(self.clock)
        self.messages = Messages()
        self.handsets = Handsets(self.changes.bump)
        self.opt_outs = OptOuts()
        self.requests = RequestLog()
        self.rate_limits = RateLimits(self.clock)
        self.dead_letters = DeadLetters(config.state_folder)
        self.topic = Topic(TOPIC_KEY, self.changes)
        self.app_webhook = AppWebhook(self.changes)
        functions = config.functions_url
        subscriptions = subscriptions_to(functions, config.functions_key) if functions else ()
        self.grid = EventGrid(subscriptions, self.clock, self.agenda, self.dead_letters, self.changes, self.switches)
        self.deliveries = Deliveries(self.switches, self.agenda, self.messages, self.handsets, self.opt_outs, self.grid)
        self.acceptance = Acceptance(self.switches, self.messages, self.handsets, self.deliveries)
        self.inbound = InboundTexts(self.switches, self.handsets, self.opt_outs, self.grid)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to deliver."""
        self.started_at = utc_now()
        self._tasks = [asyncio.create_task(self.agenda.run()), asyncio.create_task(self.grid.run())]

    async def stop(self) -> None:
        """Stop at once; what is on its way is lost."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def set_trouble(self, trouble: Trouble, *, reseed: bool) -> None:
        """Put switches in force; a new schema asks for new handshakes, a new scale moves what is due."""
        before = self.switches.trouble
        self.switches.set(trouble, reseed=reseed)
        if trouble.time_scale != before.time_scale:
            self.clock.rescale(trouble.time_scale)
            self.agenda.wake()
        if trouble.event_schema is not before.event_schema:
            self.grid.renew()
        self.changes.bump()

    def reset(self) -> None:
        """Forget everything but the subscriptions, and end all trouble."""
        self.agenda.clear()
        for part in (
            self.messages,
            self.handsets,
            self.opt_outs,
            self.requests,
            self.rate_limits,
            self.dead_letters,
            self.topic,
            self.app_webhook,
            self.grid,
            self.acceptance,
        ):
            part.clear()
        self.set_trouble(Trouble(), reseed=True)
