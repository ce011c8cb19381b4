"""How the topic's client is opened."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from shared.edges.relay_topic import open_relay
from shared.ports.relay import Notice
from shared.rules.errors import RelayUnavailable
from tests.integration.contracts.acs_server import NOW


class _Identity:
    """An identity that gives no token."""

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        raise ClientAuthenticationError("secret")

    async def close(self) -> None: ...

    async def __aenter__(self) -> _Identity:
        return self

    async def __aexit__(self, *error: object) -> None: ...


TOPIC = "https://topic.invalid/api/events"


@pytest.mark.parametrize(
    ("endpoint", "given", "why"),
    [
        (TOPIC, {}, "credential"),
        (TOPIC, {"key": "a2V5", "credential": _Identity()}, "credential"),
        ("http://topic.invalid/api/events", {"credential": _Identity()}, "https"),
    ],
    ids=["nothing", "both", "http with an identity"],
)
def test_a_topic_needs_one_way_to_sign_in(endpoint: str, given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        open_relay(endpoint, source="/sms", **given)


async def test_a_failed_sign_in_is_unavailable_and_shows_nothing() -> None:
    relay = open_relay(TOPIC, source="/sms", credential=_Identity())

    with pytest.raises(RelayUnavailable) as caught:
        await relay.publish([Notice("id", "type", "subject", NOW, {"n": 1})])
    await relay.close()

    assert "secret" not in caught.value.message
