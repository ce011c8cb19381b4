"""The stack as a test drives it: callers of the API, and people with handsets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.support.stack import RunningStack
from tests.support.waiting import eventually

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class People:
    """One HTTP session towards a stack."""

    stack: RunningStack
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, json: object = None, **options: Any) -> Answer:
        """Call the API; `path` is below `/api`."""
        return await self._call(method, f"{self.stack.api}/{path}", json, **options)

    async def carrier(self, method: str, path: str = "", json: object = None, **options: Any) -> Json:
        """Call the carrier's control API and give its answer."""
        answer = await self._call(method, f"{self.stack.carrier}/_carrier{path}", json, **options)
        assert answer.status < 300, answer
        return dict(answer.body)

    async def send(self, to: str | list[str], text: str = "Hello", **fields: Any) -> list[Json]:
        """Send a text and give the results, one per recipient."""
        answer = await self.ask("POST", "messages", {"to": to, "text": text, **fields})
        assert answer.status == 202, answer
        return list(answer.body["value"])

    async def text(self, number: str, text: str, to: str = "+18005550100") -> None:
        """Let a person send a text to one of our senders."""
        await self.carrier("POST", "/inbound", {"from": number, "to": to, "text": text})

    async def opted_out(self, number: str) -> bool:
        """Tell whether the number is opted out of any sender."""
        answer = await self.ask("POST", "opt-outs/check", {"recipients": [number]})
        return bool(answer.body["value"][0]["isOptedOut"])

    async def message(self, message_id: str) -> Json:
        """Give a message as the API shows it."""
        answer = await self.ask("GET", f"messages/{message_id}")
        assert answer.status == 200, answer
        return dict(answer.body)

    async def settled(self, message_id: str, state: str) -> Json:
        """Wait until a message is in a state, and give it."""

        async def probe() -> Json | None:
            message = await self.message(message_id)
            return message if message["state"] == state else None

        return await eventually(probe)

    async def at_carrier(self, number: str) -> list[Json]:
        """Give all texts that the carrier took for a number."""
        return list((await self.carrier("GET", "/messages", params={"to": number}))["value"])

    async def on_handset(self, number: str) -> list[Json]:
        """Give the thread of a handset, the oldest first."""
        handsets = (await self.carrier("GET", "/handsets"))["handsets"]
        return next((list(one["messages"]) for one in handsets if one["number"] == number), [])

    async def requests(self) -> list[Json]:
        """Give every `/sms` call that the carrier saw."""
        return list((await self.carrier("GET", "/requests"))["value"])

    async def posted(self) -> list[Json]:
        """Give every notice that was posted to the application's webhook, in order."""
        return [one["notice"] for one in (await self.carrier("GET", "/posted"))["value"]]

    async def relayed(self) -> list[Json]:
        """Give every event that was relayed to the application."""
        return list((await self.carrier("GET", "/relayed"))["value"])

    async def post_event(self, function: str, event: Json) -> int:
        """Deliver one event as Event Grid does, and give the status."""
        url = f"{self.stack.host}/runtime/webhooks/EventGrid?functionName={function}"
        headers = {"aeg-event-type": "Notification"}
        async with self.http.post(url, json=[event], headers=headers) as response:
            await response.read()
            return response.status

    async def _call(self, method: str, url: str, json: object, **options: Any) -> Answer:
        async with self.http.request(method, url, json=json, **options) as response:
            is_json = response.content_type == "application/json"
            body = await response.json() if is_json else await response.text()
            return Answer(response.status, body, {name.lower(): value for name, value in response.headers.items()})


@asynccontextmanager
async def people_of(stack: RunningStack) -> AsyncIterator[People]:
    """Give a session towards the stack, and close it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield People(stack, http)
