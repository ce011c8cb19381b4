"""Addresses that a webhook must not be at: what is not on the public internet is not for strangers to reach by us.

By the registries of https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as
Python's `ipaddress` has them.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

# An address of these is another one in disguise: translated (RFC 6052, RFC 8215), by way of 6to4 or Teredo, or mapped.
_DISGUISES = tuple(
    IPv6Network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0/96", "::/96")
)


# Azure's platform answers every virtual machine here, and only there:
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16.
_PLATFORM = ip_address("168.63.129.16")


def is_public(address: str) -> bool:
    """Tell whether an IP address, with or without a zone, is one of the public internet and of one host."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    is_odd = read.is_multicast or read.is_reserved or read == _PLATFORM or _is_disguised(read)
    return read.is_global and not is_odd


def is_loopback(address: str) -> bool:
    """Tell whether an IP address is this machine's own, and written plainly."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def check_webhook_url(url: str, *, loopback: bool) -> None:
    """Raise ValueError if a webhook cannot be at this URL; a name is looked at again once it is resolved.

    With `loopback`, this machine's own addresses and plain http to them are allowed, and nothing else is more allowed.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.scheme not in ("http", "https") or _port_of(url) == 0:
        raise ValueError("it is not an https URL with a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("it must have neither a user name nor a fragment")
    is_own = host == "localhost" or is_loopback(host)
    if loopback and is_own:
        return
    if parts.scheme != "https":
        raise ValueError("it must be an https URL")
    if is_own or (_is_literal(host) and not is_public(host)):
        raise ValueError("its host must be on the public internet")


def _is_disguised(read: IPv4Address | IPv6Address) -> bool:
    return isinstance(read, IPv6Address) and any(read in network for network in _DISGUISES)


def _is_literal(host: str) -> bool:
    # A name ends in letters (RFC 1123); whatever ends in a number, resolvers take for an address: 127.1, 0x7f000001.
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdecimal() or last.lower().startswith("0x")


def _port_of(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return 0
