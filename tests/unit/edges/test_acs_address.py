"""Connection strings and endpoints of ACS."""

from __future__ import annotations

import pytest

from shared.edges.acs_address import clean_endpoint, parse_connection_string

KEY = "c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    ("connection_string", "endpoint"),
    [
        (f"endpoint=https://a.communication.azure.com/;accesskey={KEY}", "https://a.communication.azure.com"),
        (f"Endpoint=http://127.0.0.1:7072/;AccessKey={KEY};", "http://127.0.0.1:7072"),
        (f" ACCESSKEY={KEY} ; ENDPOINT=https://A.Example:443 ", "https://a.example"),
        (f"endpoint=a.example;accesskey={KEY}", "https://a.example"),
    ],
)
def test_a_connection_string_keeps_its_scheme(connection_string: str, endpoint: str) -> None:
    address = parse_connection_string(connection_string)

    assert (address.endpoint, address.access_key) == (endpoint, KEY)


def test_a_key_ends_with_its_equals_signs() -> None:
    assert parse_connection_string("endpoint=https://a;accesskey=YWJjZA==").access_key == "YWJjZA=="


@pytest.mark.parametrize(
    ("connection_string", "why"),
    [
        ("", "no endpoint"),
        (f"accesskey={KEY}", "no endpoint"),
        (f"endpoint=;accesskey={KEY}", "no endpoint"),
        ("endpoint=https://a.example/", "no accesskey"),
        (f"endpoint=https://a.example/;accesskey={KEY}!", "not base64"),
        (f"endpoint=https://a.example/;accesskey={KEY}é", "not base64"),
        (f"endpoint=https://a.example:x/;accesskey={KEY}", "not a URL"),
        (KEY, "no endpoint"),
    ],
)
def test_a_malformed_connection_string_is_named_without_the_key(connection_string: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_connection_string(connection_string)

    assert KEY not in str(caught.value)


def test_no_repr_shows_the_key() -> None:
    assert KEY not in repr(parse_connection_string(f"endpoint=https://a.example;accesskey={KEY}"))


@pytest.mark.parametrize(
    ("endpoint", "clean"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example//", "https://a.example"),
        ("HTTP://A.example:80/", "http://a.example"),
        ("https://a.example:80", "https://a.example:80"),
        ("http://[::1]:7072/", "http://[::1]:7072"),
    ],
)
def test_an_endpoint_is_written_as_acs_signs_it(endpoint: str, clean: str) -> None:
    assert clean_endpoint(endpoint) == clean


@pytest.mark.parametrize(
    "endpoint", ["", "https://", "ftp://a.example", "https://user@a.example", "https://a.example/sms", "https://a?b=c"]
)
def test_what_is_not_the_url_of_a_host_is_no_endpoint(endpoint: str) -> None:
    with pytest.raises(ValueError, match="ACS endpoint"):
        clean_endpoint(endpoint)
