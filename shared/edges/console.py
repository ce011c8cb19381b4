"""The console's files: one page, its scripts and its style. They hold no data; what they show comes from the API."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import azure.functions as func

PAGE = "console.html"
_FOLDER = Path(__file__).parent.parent / "console"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    # Of a browser's own kinds of content only what this app serves: no inline script or style, no frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@cache
def files() -> Mapping[str, bytes]:
    """Return what is served, by name; nothing else can be asked for."""
    return {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _TYPES}


def serve(req: func.HttpRequest, name: str) -> func.HttpResponse:
    """Return one file of the console; 304 without it when the caller's ETag still holds, 404 if there is none."""
    content = files().get(name)
    if content is None:
        return func.HttpResponse(status_code=404, headers=_HEADERS)
    headers = {**_HEADERS, "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    if headers["ETag"] in req.headers.get("if-none-match", ""):
        return func.HttpResponse(status_code=304, headers=headers)
    return func.HttpResponse(content, headers=headers, mimetype=_TYPES[Path(name).suffix], charset="utf-8")
