"""The pages that the app serves to browsers: the files of a folder. They hold no data; that comes from the API."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import azure.functions as func

_SHARED = Path(__file__).parent.parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Site:
    """The files of one folder of `shared`, under a policy that lets nothing in but what this app serves.

    Args:
        folder: its name.
        page: the file that is served at the site's own address.
        images: where the policy lets images come from.
    """

    def __init__(self, folder: str, page: str, *, images: str = "'self'") -> None:
        self._folder = _SHARED / folder
        self.page = page
        self._headers = {
            # Of a browser's own kinds of content only what this app serves: no inline script or style, no frame.
            "Content-Security-Policy": (
                f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """Return what is served, by name; nothing else can be asked for."""
        return {path.name: path.read_bytes() for path in self._folder.iterdir() if path.suffix in _TYPES}

    @cached_property
    def _tags(self) -> Mapping[str, str]:
        return {name: f'"{hashlib.sha256(content).hexdigest()[:32]}"' for name, content in self.files.items()}

    def serve(self, req: func.HttpRequest, name: str) -> func.HttpResponse:
        """Return one file; 304 without it when the caller's ETag still holds, 404 if there is none."""
        content = self.files.get(name)
        if content is None:
            return func.HttpResponse(status_code=404, headers=self._headers)
        headers = {**self._headers, "ETag": self._tags[name]}
        if headers["ETag"] in req.headers.get("if-none-match", ""):
            return func.HttpResponse(status_code=304, headers=headers)
        return func.HttpResponse(content, headers=headers, mimetype=_TYPES[Path(name).suffix], charset="utf-8")


CONSOLE = Site("console", "console.html")
# Swagger UI's style sheet draws its arrows as data URLs.
API_DOCS = Site("api_docs", "docs.html", images="'self' data:")
