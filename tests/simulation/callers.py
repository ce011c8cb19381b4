"""The callers of a world: they send texts and campaigns, repeat what was not answered, and change their minds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.rules.choices import NO_WORDS
from shared.rules.errors import Conflict, InvalidRequest, SmsError
from shared.rules.ids import MessageKey
from shared.services.bundle import Services
from shared.services.campaign_plans import CampaignRequest
from shared.services.campaign_rows import number_rows
from shared.services.campaigns import Status
from shared.services.messages import Message
from shared.services.recipients import recipients_of
from shared.services.sending import RecipientAnswer, Text
from tests.simulation import people
from tests.simulation.judge import Broken, Plan
from tests.simulation.world import ALPHANUMERIC, SHORT_CODE, TOLL_FREE, Died, World

_MINUTE_MS = 60_000
_TRIES = 12
_MOST_PEOPLE = 400_000


@dataclass(slots=True)
class Promises:
    """What callers were told: ids of accepted and of canceled messages, and campaigns with their recipients."""

    messages: set[str] = field(default_factory=set)
    campaigns: dict[str, int] = field(default_factory=dict)
    canceled: set[str] = field(default_factory=set)


class Callers:
    """The callers. They ask for about `messages` messages in all, most of them in campaigns."""

    def __init__(self, world: World, messages: int) -> None:
        self.promises = Promises()
        self._world = world
        self._random = world.random
        self._singles = max(1, messages * 6 // 100)
        self._last_s = max(300.0, messages / 8)
        self._last_s = min(self._last_s, 2_400.0)
        self.asked = 0
        world.go(self._send_singles())
        left = messages - self._singles
        number = 0
        while left > 0:
            size = min(left, self._size())
            world.go(self._run_campaign(number, size))
            left, number = left - size, number + 1

    def _size(self) -> int:
        return int(10 ** self._random.uniform(1, 3.5))

    # Single texts.

    async def _send_singles(self) -> None:
        number = 0
        while self.asked < self._singles and number < self._singles:
            await asyncio.sleep(self._random.expovariate(self._singles / 2 / self._last_s))
            self._world.go(self._send_single(number))
            number += 1

    async def _send_single(self, number: int) -> None:
        text, plan = self._text(number)
        key = f"{number}-{self._random.random()}"
        self._world.plan(f"s{number}", plan)
        if self._random.random() < 0.05:
            self._world.go(self._send_until_answered(text, key))
        answers = await self._send_until_answered(text, key)
        if self._random.random() < 0.15:
            await asyncio.sleep(self._random.expovariate(1 / 120))
            again = await self._send_until_answered(text, key)
            if answers and again and [one.id for one in again] != [one.id for one in answers]:
                raise Broken("I2: a repeat with the same key was answered with other messages")
        for answer in answers:
            if answer.id and answer.state in ("queued", "scheduled") and self._random.random() < 0.1:
                self._world.go(self._cancel(answer.id))

    def _text(self, number: int) -> tuple[Text, Plan]:
        random, now_ms = self._random, self._world.time.now_ms()
        count = random.choice((1, 1, 1, 1, 2, 3, 8, 40))
        self.asked += count
        numbers = people.numbers(random, count, _MOST_PEOPLE)
        written = [*numbers, "555"] if random.random() < 0.05 else numbers
        send_at_ms = now_ms + random.randrange(60 * _MINUTE_MS) if random.random() < 0.15 else 0
        not_after_ms = 0
        if random.random() < 0.15:
            not_after_ms = max(now_ms, send_at_ms) + random.randrange(10_000, 20 * _MINUTE_MS)
        sender = self._world.sender(random.choice((TOLL_FREE, SHORT_CODE, SHORT_CODE, ALPHANUMERIC)))
        body = f"Your parcel is here. #s{number}"
        reports = random.random() < 0.9
        text = Text(
            sender,
            recipients_of(written, None),
            body,
            tag="single",
            delivery_report=reports,
            send_at_ms=send_at_ms,
            not_after_ms=not_after_ms,
            words=people.WORDS if number % 2 else NO_WORDS,
        )
        return text, Plan(not_after_ms=not_after_ms)

    async def _send_until_answered(self, text: Text, key: str) -> Sequence[RecipientAnswer]:
        for _ in range(_TRIES):
            try:
                answers = await self._world.ask(lambda services: services.sending.send(text, key))
            except (SmsError, Died):
                await asyncio.sleep(self._random.expovariate(1 / 15))
                continue
            self.promises.messages |= {answer.id for answer in answers if answer.id}
            return answers
        self._world.sky.counts["callers who gave up"] += 1
        return ()

    async def _cancel(self, message_id: str) -> None:
        key = MessageKey.parse(message_id)
        await asyncio.sleep(self._random.expovariate(1 / 30))
        if key is None:
            raise Broken("I2: the id of a message is none")
        try:
            canceled = await self._world.ask(lambda services: _cancel(services, key))
        except (SmsError, Died):
            return
        if canceled.id != message_id:
            raise Broken("I2: a canceled message has another id")
        self.promises.canceled.add(message_id)

    # Campaigns.

    async def _run_campaign(self, number: int, size: int) -> None:
        await asyncio.sleep(self._random.random() * self._last_s / 2)
        numbers = people.numbers(self._random, size, _MOST_PEOPLE)
        campaign_id = await self._start(number, numbers)
        if campaign_id is None:
            return
        self.promises.campaigns[campaign_id] = len(numbers)
        for _ in range(max(1, size // 200)):
            self._world.go(self._leave(self._random.choice(numbers)))
        if self._random.random() < 0.3:
            self._world.go(self._change_mind(campaign_id))
        if self._random.random() < 0.5:
            self._world.go(self._cancel_recipients(campaign_id))

    async def _start(self, number: int, numbers: Sequence[str]) -> str | None:
        random, now_ms = self._random, self._world.time.now_ms()
        fast = (SHORT_CODE, SHORT_CODE, ALPHANUMERIC)
        sender = self._world.sender(random.choice(fast if len(numbers) > 600 else (*fast, TOLL_FREE, TOLL_FREE)))
        send_at_ms = now_ms + random.randrange(20 * _MINUTE_MS) if random.random() < 0.3 else 0
        not_after_ms = 0
        if random.random() < 0.12:
            not_after_ms = max(now_ms, send_at_ms) + random.randrange(1, 40) * _MINUTE_MS
        quiet, reports, vars_ = random.random() < 0.4, random.random() < 0.9, random.choice((1, 1, 3, 50))
        self._world.plan(f"c{number}", Plan(quiet, not_after_ms))
        key = f"campaign {number} {random.random()}"
        rows = [(to, {"name": f"n{place * vars_ // len(numbers)}"}) for place, to in enumerate(numbers)]
        for _ in range(_TRIES):
            request = CampaignRequest(
                f"Campaign {number}",
                sender,
                "Hello {{name}}, news. #c" + str(number),
                number_rows(rows),
                tag="campaign",
                send_at_ms=send_at_ms,
                not_after_ms=not_after_ms,
                quiet=quiet,
                delivery_report=reports,
                fingerprint=key,
                words=people.WORDS if number % 2 else NO_WORDS,
            )
            try:
                campaign = await self._world.ask(lambda services: services.campaign_plans.start(request, key))  # noqa: B023
            except InvalidRequest as error:
                raise Broken("A campaign of this world is invalid") from error
            except (SmsError, Died):
                await asyncio.sleep(random.expovariate(1 / 20))
                continue
            return campaign.id
        self._world.sky.counts["callers who gave up"] += 1
        return None

    async def _leave(self, number: str) -> None:
        await asyncio.sleep(self._random.random() * self._last_s / 2)
        sender = self._random.choice((TOLL_FREE, SHORT_CODE))
        self._world.say(number, sender, people.answer(self._random))

    async def _change_mind(self, campaign_id: str) -> None:
        await asyncio.sleep(self._random.expovariate(1 / 120))
        if self._random.random() < 0.3:
            await self._set(campaign_id, Status.CANCELED)
            return
        await self._set(campaign_id, Status.PAUSED)
        await asyncio.sleep(self._random.expovariate(1 / self._random.choice((60, 600, 3600))))
        await self._set(campaign_id, Status.RUNNING)

    async def _cancel_recipients(self, campaign_id: str) -> None:
        """Cancel a few recipients one by one, while their campaign runs."""
        await asyncio.sleep(self._random.expovariate(1 / 30))
        try:
            found, _ = await self._world.ask(
                lambda services: services.campaign_progress.recipients(campaign_id, None, 1_000, None)
            )
        except (SmsError, Died):
            return
        for one in self._random.sample(found, min(len(found), 5)):
            await self._cancel(one.id)

    async def _set(self, campaign_id: str, status: Status) -> None:
        while True:
            try:
                await self._world.ask(lambda services: _set_status(services, campaign_id, status))
            except Conflict:
                return
            except (SmsError, Died):
                await asyncio.sleep(self._random.expovariate(1 / 20))
                continue
            return


async def _cancel(services: Services, key: MessageKey) -> Message:
    return await services.campaign_recipients.cancel(key) or await services.sending.cancel(key)


async def _set_status(services: Services, campaign_id: str, status: Status) -> None:
    await services.releases.feed(await services.campaigns.set_status(campaign_id, status))
