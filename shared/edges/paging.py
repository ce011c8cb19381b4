"""Links to other resources: absolute, and without the caller's key."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_DROPPED = frozenset({"code", "clientid", "skiptoken"})


def next_link(url: str, cursor: str | None) -> str | None:
    """Return the URL of the page that the cursor points at, None when there is none."""
    if cursor is None:
        return None
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in _DROPPED]
    return urlunsplit(parts._replace(query=urlencode([*kept, ("skipToken", cursor)])))


def link_below(url: str, name: str) -> str:
    """Return the URL of what has this name below a collection's URL."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}", query=""))
