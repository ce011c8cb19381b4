"""The carrier over Azure Communication Services, through its SDK."""

from __future__ import annotations

from typing import Any

from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.edges.acs_address import clean_endpoint, parse_connection_string
from shared.edges.acs_answers import meaning, results, silent, unavailable
from shared.edges.acs_ids import Attempt, DeparturePolicy, OurIdsPolicy, attempt
from shared.ports.carrier import SendRequest, SendResult
from shared.ports.clock import Clock, SystemClock
from shared.rules.errors import CarrierUnavailable, SmsError

PROBE_TIMEOUT_S = 3


class AcsCarrier:
    """ACS. A request is tried once: who repeats it must look at opt-outs and at the pace again first."""

    def __init__(
        self,
        endpoint: str,
        credential: AzureKeyCredential | AsyncTokenCredential,
        *,
        clock: Clock | None = None,
        connection_timeout_s: float = 5,
        read_timeout_s: float = 20,
    ) -> None:
        """Set up the SDK's client; nothing is called yet.

        Args:
            endpoint: `https://<resource>.communication.azure.com`; plain http only with a key.
            credential: the access key, or an identity. The caller closes an identity.
            clock: what a time named by ACS is held against.
            connection_timeout_s: how long a connection may take.
            read_timeout_s: how long ACS may be silent after the request was sent.

        Raises:
            ValueError: the endpoint is not one, or is http with an identity.
        """
        from azure.communication.sms.aio import SmsClient  # noqa: PLC0415 - slow: load it only where texts are sent

        self._endpoint = clean_endpoint(endpoint)
        if self._endpoint.startswith("http:") and not isinstance(credential, AzureKeyCredential):
            raise ValueError("an identity signs in over https only: the ACS endpoint is http")
        self._clock = clock or SystemClock()
        self._client = SmsClient(
            self._endpoint,
            credential,
            per_call_policies=[OurIdsPolicy()],
            per_retry_policies=[DeparturePolicy()],
            retry_total=0,
            permit_redirects=False,
            logging_enable=False,
            connection_timeout=connection_timeout_s,
            read_timeout=read_timeout_s,
        )

    async def send(self, request: SendRequest) -> tuple[SendResult, ...]:
        """Hand over a request, once, and return one result per addressee, in order.

        Raises:
            CarrierRefused: `target` is credentials, sender, recipients, text, request or endpoint.
            CarrierThrottled: `retry_after_s` when ACS named a time.
            CarrierUnavailable: it was refused with 503, did not connect, or the sign-in failed.
            CarrierSilent: it may have been taken, and there is no whole answer.
        """
        outcome = await self._try(request)
        # Raised here, outside the SDK's own error, whose text may quote what was sent.
        if isinstance(outcome, SmsError):
            raise outcome
        return outcome

    async def probe(self) -> None:
        """Return if ACS answers at all, be it with a refusal; CarrierUnavailable if not."""
        import aiohttp  # noqa: PLC0415 - loads with the first request, not before

        try:
            timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._endpoint, allow_redirects=False) as response,
            ):
                answers = response.status < 500
        except (aiohttp.ClientError, TimeoutError):
            answers = False
        if not answers:
            raise CarrierUnavailable("ACS does not answer. Check the ACS endpoint.")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _try(self, request: SendRequest) -> tuple[SendResult, ...] | SmsError:
        with attempt(request) as current:
            try:
                items = await self._call(request)
            except Exception as error:  # noqa: BLE001 - once it has left, whatever the SDK raises means "may be sent"
                return self._outcome(current, error)
        return results(request, items) or silent()

    async def _call(self, request: SendRequest) -> list[Any]:
        answer: list[Any] = await self._client.send(
            request.sender,
            [addressee.to for addressee in request.addressees],
            request.text,
            enable_delivery_report=request.delivery_report,
            tag=request.tag,
        )
        return answer

    def _outcome(self, current: Attempt, error: Exception) -> SmsError:
        if current.departed:
            return meaning(error, self._clock.now())
        if isinstance(error, AzureError):
            return unavailable()
        raise error


def open_carrier(
    connection_string: str | None = None,
    *,
    endpoint: str | None = None,
    credential: AsyncTokenCredential | None = None,
    clock: Clock | None = None,
    connection_timeout_s: float = 5,
    read_timeout_s: float = 20,
) -> AcsCarrier:
    """Return the carrier of a connection string, or of an endpoint and an identity; see `AcsCarrier`.

    Raises:
        ValueError: neither or both were given, or one is malformed. The message never holds the key.
    """
    sign_in: AzureKeyCredential | AsyncTokenCredential
    if connection_string and not endpoint:
        address = parse_connection_string(connection_string)
        where, sign_in = address.endpoint, AzureKeyCredential(address.access_key)
    elif endpoint and credential and not connection_string:
        where, sign_in = endpoint, credential
    else:
        raise ValueError("ACS needs a connection string, or else an endpoint and a credential")
    return AcsCarrier(
        where,
        sign_in,
        clock=clock,
        connection_timeout_s=connection_timeout_s,
        read_timeout_s=read_timeout_s,
    )
