"""The files of the pages: what is served, how it is guarded, and that nothing else is."""

from __future__ import annotations

import re

import azure.functions as func
import pytest

from shared.edges.sites import API_DOCS, CONSOLE, Site


def get(name: str, etag: str = "", site: Site = CONSOLE) -> func.HttpResponse:
    """Ask for one file."""
    return site.serve(func.HttpRequest("GET", "/", headers={"if-none-match": etag}, body=b""), name)


@pytest.mark.parametrize("site", [CONSOLE, API_DOCS])
def test_the_page_runs_nothing_inline_and_is_in_no_frame(site: Site) -> None:
    answer = get(site.page, site=site)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    etag = get("console.js").headers["ETag"]
    again = get("console.js", etag)
    assert (again.status_code, again.get_body()) == (304, b"")
    assert get("console.css", etag).status_code == 200


@pytest.mark.parametrize("name", ["", "other.js", "../app.py", "..%2fapp.py", "/etc/passwd", "__init__.py"])
@pytest.mark.parametrize("site", [CONSOLE, API_DOCS])
def test_nothing_but_the_pages_files_is_served(site: Site, name: str) -> None:
    assert get(name, site=site).status_code == 404


def test_no_script_makes_markup_of_text_or_keeps_the_key_beyond_the_tab() -> None:
    scripts = b"".join(content for name, content in CONSOLE.files.items() if name.endswith(".js"))
    for forbidden in (b"innerHTML", b"outerHTML", b"insertAdjacentHTML", b"document.write", b"eval(", b"localStorage"):
        assert forbidden not in scripts


def test_the_page_of_the_api_names_files_that_are_served() -> None:
    page = API_DOCS.files[API_DOCS.page].decode()
    named = re.findall(r'(?:src|href)="docs/([^"]+)"', page)
    assert set(named) == set(API_DOCS.files) - {API_DOCS.page}
