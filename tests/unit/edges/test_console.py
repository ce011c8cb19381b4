"""The files of the console: what is served, how it is guarded, and that nothing else is."""

from __future__ import annotations

import azure.functions as func
import pytest

from shared.edges import console


def get(name: str, etag: str = "") -> func.HttpResponse:
    """Ask for one file."""
    return console.serve(func.HttpRequest("GET", "/", headers={"if-none-match": etag}, body=b""), name)


def test_the_page_runs_nothing_inline_and_is_in_no_frame() -> None:
    answer = get(console.PAGE)
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
def test_nothing_but_the_consoles_files_is_served(name: str) -> None:
    assert get(name).status_code == 404


def test_no_script_makes_markup_of_text_or_keeps_the_key_beyond_the_tab() -> None:
    scripts = b"".join(content for name, content in console.files().items() if name.endswith(".js"))
    for forbidden in (b"innerHTML", b"outerHTML", b"insertAdjacentHTML", b"document.write", b"eval(", b"localStorage"):
        assert forbidden not in scripts
