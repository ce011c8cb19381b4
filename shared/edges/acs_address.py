"""Where ACS is and how to sign in: the connection string and the endpoint, read strictly."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class AcsAddress:
    """An endpoint without a trailing slash, and the access key; the key is in no repr."""

    endpoint: str
    access_key: str = field(repr=False)


def parse_connection_string(connection_string: str) -> AcsAddress:
    """Return the parts of `endpoint=https://<host>/;accesskey=<base64>`; the names are in any case.

    The SDK's own parser forces https, which the local carrier does not speak.

    Raises:
        ValueError: a part is missing or malformed. The message never holds the key.
    """
    pairs = (part.partition("=") for part in connection_string.strip().split(";"))
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    for name in ("endpoint", "accesskey"):
        if not parts.get(name):
            raise ValueError(f"the ACS connection string has no {name}; it is endpoint=…;accesskey=…")
    return AcsAddress(clean_endpoint(parts["endpoint"]), _checked_key(parts["accesskey"]))


def clean_endpoint(endpoint: str) -> str:
    """Return the endpoint as ACS signs it: scheme and host, in lower case, no slash, no default port.

    A host without a scheme is https.

    Raises:
        ValueError: it is not the URL of a host.
    """
    parts = _split(endpoint if "://" in endpoint else f"https://{endpoint}")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("the ACS endpoint is not an http or https URL of a host")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("the ACS endpoint has a path; it ends with the host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_default = parts.port in {None, _DEFAULT_PORTS[parts.scheme]}
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{parts.port}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("the ACS endpoint is not a URL") from None
    return parts


def _checked_key(key: str) -> str:
    try:
        b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the access key in the ACS connection string is not base64") from None
    return key
