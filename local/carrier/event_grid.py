"""Event Grid: delivers events at least once, in no promised order, with its handshake and retry ladder."""

from __future__ import annotations

import asyncio

from local.carrier.agenda import Agenda
from local.carrier.changes import Changes
from local.carrier.clock import ScaledClock
from local.carrier.dead_letters import DeadLetters, reason_for
from local.carrier.event_log import Attempt, DeliveryState, EventLog, EventRecord
from local.carrier.events import Event
from local.carrier.subscriptions import Job, Subscription, SubscriptionState
from local.carrier.trouble import Switches
from local.carrier.webhooks import Webhooks

# Azure "Event Grid message delivery and retry": the schedule, the limits and what is never retried.
LADDER_S = (10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600)
LAST_RUNG_S = 43_200
TIME_TO_LIVE_S = 86_400
MAX_TRIES = 30
ACCEPTED = frozenset({200, 201, 202, 203, 204})
NEVER_RETRIED = frozenset({400, 401, 403, 413})

CONCURRENCY = 32
HANDSHAKE_EVERY_S = 0.5
HELD_BACK_S = (0.2, 2.0)
"""How long a disordered event, or the copy of a duplicate one, is held back, in carrier seconds."""


def retry_delay_s(tries: int) -> int:
    """Return how long Event Grid waits after so many failed tries, in carrier seconds."""
    return LADDER_S[tries - 1] if tries <= len(LADDER_S) else LAST_RUNG_S


class EventGrid:
    """Takes events, records them and sees to their delivery by a bounded number of workers."""

    def __init__(
        self,
        subscriptions: tuple[Subscription, ...],
        clock: ScaledClock,
        agenda: Agenda,
        dead_letters: DeadLetters,
        changes: Changes,
        switches: Switches,
    ) -> None:
        self.subscriptions = subscriptions
        self.log = EventLog()
        self._clock = clock
        self._agenda = agenda
        self._dead_letters = dead_letters
        self._changes = changes
        self._switches = switches
        self._webhooks = Webhooks()
        self._jobs: asyncio.Queue[tuple[Job, Subscription]] = asyncio.Queue()
        self._unready = asyncio.Event()
        self._epoch = 0

    def raise_event(self, event: Event) -> None:
        """Record an event and deliver it, late or twice as the switches for trouble say."""
        record, subscription = self._record(event)
        if subscription is None:
            return
        trouble = self._switches.trouble
        self._submit(Job(record, self._epoch), subscription, held=self._chance("disordered", trouble.disordered_events))
        if self._chance("duplicate", trouble.duplicate_events):
            self._submit(Job(record, self._epoch, copy=True), subscription, held=True)

    async def raise_at_once(self, event: Event) -> None:
        """Record an event and return when the first attempt to deliver it is over."""
        record, subscription = self._record(event)
        if subscription is not None:
            await self._work(Job(record, self._epoch), subscription)

    def redeliver(self, event_id: str, times: int) -> bool:
        """Deliver a past event again, so many times; False when it is unknown or nobody subscribes to it."""
        record = self.log.get(event_id)
        subscription = self._subscriber(record.event.type) if record else None
        if record is None or subscription is None:
            return False
        for _ in range(times):
            self._submit(Job(record, self._epoch, copy=True), subscription)
        return True

    def renew(self) -> None:
        """Ask for the handshake again, as a change of schema needs it."""
        for subscription in self.subscriptions:
            subscription.state = SubscriptionState.PENDING
        self._unready.set()

    def clear(self) -> None:
        """Forget all events, also those that wait; the subscriptions stay."""
        self._epoch += 1
        self.log.clear()
        while not self._jobs.empty():
            self._jobs.get_nowait()
        for subscription in self.subscriptions:
            subscription.waiting.clear()

    async def run(self) -> None:
        """Shake hands and deliver until cancelled."""
        self._webhooks.open()
        self._unready.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_ready())
                for _ in range(CONCURRENCY):
                    tasks.create_task(self._work_off())
        finally:
            await self._webhooks.close()

    def _record(self, event: Event) -> tuple[EventRecord, Subscription | None]:
        subscription = self._subscriber(event.type)
        record = EventRecord(event, subscription.name if subscription else None, self._clock.now())
        if subscription is None:
            record.state = DeliveryState.DROPPED
        self.log.add(record)
        self._changes.bump()
        return record, subscription

    def _subscriber(self, event_type: str) -> Subscription | None:
        return next((one for one in self.subscriptions if one.event_type == event_type), None)

    def _chance(self, purpose: str, probability: float) -> bool:
        return self._switches.dice.chance(purpose, probability)

    def _submit(self, job: Job, subscription: Subscription, *, held: bool = False) -> None:
        if held:
            delay = self._switches.dice.between("held back", *HELD_BACK_S)
            self._agenda.after(delay, lambda: self._submit(job, subscription))
        else:
            self._jobs.put_nowait((job, subscription))

    async def _work_off(self) -> None:
        while True:
            job, subscription = await self._jobs.get()
            await self._work(job, subscription)

    async def _work(self, job: Job, subscription: Subscription) -> None:
        if subscription.state is SubscriptionState.PENDING:
            subscription.waiting.append(job)
            return
        record = job.record
        count = record.tries
        record.tries += 0 if job.copy else 1
        attempt = await self._webhooks.deliver(subscription, record.event, count)
        record.attempts.append(attempt)
        self._conclude(job, subscription, attempt)
        self._changes.bump()

    def _conclude(self, job: Job, subscription: Subscription, attempt: Attempt) -> None:
        if attempt.http_status in ACCEPTED:
            job.record.state = DeliveryState.DELIVERED
        # A copy may have been taken meanwhile, or a reset may have ended the epoch: then nothing is left to do.
        elif not job.copy and job.epoch == self._epoch and job.record.state is DeliveryState.PENDING:
            self._retry(job, subscription, attempt)

    def _retry(self, job: Job, subscription: Subscription, attempt: Attempt) -> None:
        record = job.record
        delay = retry_delay_s(record.tries)
        if attempt.http_status in NEVER_RETRIED:
            self._give_up(record, reason_for(attempt.http_status or 0))
        elif record.tries >= MAX_TRIES:
            self._give_up(record, "MaxDeliveryAttemptsExceeded")
        elif self._clock.now() - record.raised_s + delay > TIME_TO_LIVE_S:
            self._give_up(record, "TimeToLiveExceeded")
        else:
            self._agenda.after(delay, lambda: self._submit(job, subscription))

    def _give_up(self, record: EventRecord, reason: str) -> None:
        record.state = DeliveryState.DEAD_LETTERED
        self._dead_letters.add(record, reason)

    async def _keep_ready(self) -> None:
        while True:
            await self._unready.wait()
            self._unready.clear()
            pending = [one for one in self.subscriptions if one.state is SubscriptionState.PENDING]
            shaken = await asyncio.gather(*(self._prepare(subscription) for subscription in pending))
            if not all(shaken):
                self._unready.set()
                await asyncio.sleep(HANDSHAKE_EVERY_S)

    async def _prepare(self, subscription: Subscription) -> bool:
        schema = self._switches.trouble.event_schema
        passed = await self._webhooks.shake_hands(subscription, schema)
        if not passed or schema is not self._switches.trouble.event_schema:
            return False
        subscription.state = SubscriptionState.READY
        for job in subscription.waiting:
            self._jobs.put_nowait((job, subscription))
        subscription.waiting.clear()
        self._changes.bump()
        return True
