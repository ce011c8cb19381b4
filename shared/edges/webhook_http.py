"""The webhook over HTTP: one signed POST, only to addresses that a webhook may be at."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aiohttp

from shared.edges.acs_answers import retry_after
from shared.ports.clock import Clock
from shared.ports.webhook import TRY_WITHIN_S, Delivery, Receipt
from shared.rules.addresses import check_webhook_url, is_loopback, is_public
from shared.rules.ids import to_ms
from shared.rules.signatures import signature_headers

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

_CONNECT_WITHIN_S = 10.0


class AddressRefused(OSError):
    """The webhook's name led to an address that it must not be at."""


class HttpWebhook:
    """The webhook at a URL. Redirects are not followed, and no proxy is used."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[bytes],
        *,
        clock: Clock,
        loopback: bool = False,
        resolver: AbstractResolver | None = None,
        within_s: float = TRY_WITHIN_S,
        remembers_names_s: int = 10,
    ) -> None:
        """Set up; nothing is called yet.

        Args:
            url: where to post.
            secrets: each signs.
            clock: what the signature's time is taken from.
            loopback: allows this machine's own addresses, and http to them.
            resolver: how the name is resolved, by default as the machine does.
            within_s: how long one try may take in all.
            remembers_names_s: for how long a name is not resolved again.

        Raises:
            ValueError: a webhook cannot be at this URL.
        """
        check_webhook_url(url, loopback=loopback)
        self._url = url
        self._secrets = tuple(secrets)
        self._clock = clock
        self._loopback = loopback
        self._resolver = resolver
        self._timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=min(within_s, _CONNECT_WITHIN_S))
        self._remembers_names_s = remembers_names_s
        self._session: aiohttp.ClientSession | None = None

    @property
    def target(self) -> str:
        """Return what stands for the URL, and hides it."""
        return hashlib.sha256(self._url.encode()).hexdigest()[:32]

    async def post(self, delivery: Delivery) -> Receipt:
        """Try once to hand over a notice."""
        body, now = delivery.body.encode(), self._clock.now()
        headers = signature_headers(self._secrets, delivery.id, to_ms(now) // 1000, body)
        headers |= {"content-type": "application/json", "user-agent": "sms-webhook/1"}
        try:
            async with self._open().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                return Receipt(answer.status, retry_after(answer.headers, now) or 0)
        except TimeoutError:
            return Receipt(0, problem="no answer in time")
        except aiohttp.ClientConnectorError as error:
            return Receipt(0, problem=_why(error.os_error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Receipt(0, problem=type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        # Made where the event loop runs.
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                socket_factory=self._socket,
                use_dns_cache=self._remembers_names_s > 0,
                ttl_dns_cache=self._remembers_names_s,
            )
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, cookie_jar=jar)
        return self._session

    def _socket(self, where: tuple[Any, ...]) -> socket.socket:
        """Make the socket for an address that the name led to: the last moment at which it can be refused."""
        family, kind, protocol, _, address = where
        host = str(address[0])
        if not (is_public(host) or (self._loopback and is_loopback(host))):
            raise AddressRefused
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _why(error: BaseException) -> str:
    if isinstance(error, AddressRefused):
        return "its name leads to an address that is not on the public internet"
    return type(error).__name__
