"""What is said where no endpoint answers: 404 or 405, with the methods that there are."""

from __future__ import annotations

import pytest

from shared.edges.http_errors import error_response
from shared.edges.wrong_addresses import refusal

ADDRESSES = [
    ("GET", "messages/{id}"),
    ("DELETE", "messages/{id}"),
    ("POST", "messages"),
    ("POST", "campaigns/forecast"),
    ("GET", "campaigns/{id}"),
]


@pytest.mark.parametrize("path", ["", "message", "messages/1/2", "messages//explain", "campaigns//x", "%2e%2e"])
def test_an_address_that_there_is_none_of_is_404(path: str) -> None:
    answer = error_response(refusal(ADDRESSES, "GET", path))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (404, "AddressNotFound")
    assert "Allow" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "messages", "POST"),
        ("GET", "/Messages/", "POST"),
        ("PUT", "messages/a.b", "DELETE, GET"),
        ("DELETE", "campaigns/forecast", "POST"),
        ("PATCH", "campaigns/a%2Fb", "GET"),
    ],
)
def test_a_method_that_an_address_does_not_take_is_405_and_told_which_it_takes(
    method: str, path: str, allow: str
) -> None:
    answer = error_response(refusal(ADDRESSES, method, path))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"] == allow
    assert f"{method} is not for this address" in answer.get_body().decode()


def test_a_method_of_strange_characters_is_not_repeated() -> None:
    assert refusal(ADDRESSES, "<b>", "messages").message == "This method is not for this address. It takes POST."
