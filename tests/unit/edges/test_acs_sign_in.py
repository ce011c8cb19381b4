"""How the ACS client is opened and signs in."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.edges.acs import open_carrier
from shared.ports.carrier import Addressee, SendRequest
from shared.rules.errors import CarrierUnavailable
from tests.integration.contracts.acs_server import ACCESS_KEY, StoppedClock

REQUEST = SendRequest("12345", "Hi", (Addressee("+14255550101", "id-1"),), datetime(2026, 3, 14, tzinfo=UTC), "tag")


@pytest.fixture
def clock() -> StoppedClock:
    """Give a clock that stands still."""
    return StoppedClock()


class _BrokenIdentity:
    """An identity that gives no token."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        raise self.error

    async def close(self) -> None: ...

    async def __aenter__(self) -> _BrokenIdentity:
        return self

    async def __aexit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(
    "cause", [ClientAuthenticationError("secret"), ServiceRequestError("secret")], ids=["refused", "unreachable"]
)
async def test_a_failed_sign_in_is_unavailable_because_nothing_left(cause: Exception, clock: StoppedClock) -> None:
    carrier = open_carrier(endpoint="https://nowhere.invalid", credential=_BrokenIdentity(cause), clock=clock)

    with pytest.raises(CarrierUnavailable) as caught:
        await carrier.send(REQUEST)
    await carrier.close()

    assert "secret" not in caught.value.message


async def test_a_defect_in_an_identity_is_not_taken_for_an_outage(clock: StoppedClock) -> None:
    carrier = open_carrier(
        endpoint="https://nowhere.invalid", credential=_BrokenIdentity(RuntimeError("defect")), clock=clock
    )

    with pytest.raises(RuntimeError, match="defect"):
        await carrier.send(REQUEST)
    await carrier.close()


def test_importing_the_module_does_not_load_the_sdk() -> None:
    code = "import sys, shared.edges.acs; assert 'azure.communication' not in sys.modules"

    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "connection string"),
        ({"endpoint": "https://a.example"}, "credential"),
        (
            {"connection_string": f"endpoint=https://a.example;accesskey={ACCESS_KEY}", "endpoint": "https://b"},
            "or else",
        ),
        ({"endpoint": "http://a.example", "credential": _BrokenIdentity(ValueError())}, "https"),
    ],
    ids=["nothing", "no credential", "both", "http with an identity"],
)
def test_a_carrier_needs_one_way_to_sign_in(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        open_carrier(**given)
