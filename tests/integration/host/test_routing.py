"""Which function answers which path and method."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.errors import FunctionError
from local.host.indexing import index
from local.host.router import Router, make_route
from local.host.routes import parse_template, split_path


def _router(*declared: tuple[str, str | None, list[str] | None], prefix: str = "api") -> Router:
    app = func.FunctionApp()
    for name, route, methods in declared:

        @app.function_name(name)
        @app.route(route, methods=methods)
        async def answer(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse()

    return Router([make_route(function, prefix) for function in index(app)])


def _name(router: Router, method: str, path: str) -> str | None:
    match = router.match(method, path)
    return match.function.name if match else None


def _values(route: str, path: str) -> Mapping[str, str] | None:
    return parse_template(route).match(split_path(path))


def test_routes_are_tried_in_order_of_function_name_ignoring_case() -> None:
    router = _router(("Zeta", "x/{id}", None), ("beta", "{kind}/1", None), ("Alpha", "y/{id}", None))
    assert [route.function.name for route in router.routes] == ["Alpha", "beta", "Zeta"]
    assert _name(router, "GET", "/api/x/1") == "beta"


def test_a_literal_does_not_beat_a_parameter_of_an_earlier_function() -> None:
    router = _router(("aItems", "items/{id}", ["GET"]), ("bStats", "items/stats", ["GET"]))
    assert _name(router, "GET", "/api/items/stats") == "aItems"


def test_a_constraint_lets_the_literal_through() -> None:
    router = _router(("aItems", "items/{id:guid}", ["GET"]), ("bStats", "items/stats", ["GET"]))
    assert _name(router, "GET", "/api/items/stats") == "bStats"


def test_a_wrong_method_is_no_match_so_that_another_function_may_take_it() -> None:
    router = _router(("a", "items", ["GET"]), ("b", "items", ["POST"]))
    assert _name(router, "POST", "/api/items") == "b"
    assert _name(router, "DELETE", "/api/items") is None


def test_a_function_without_methods_takes_every_method() -> None:
    assert _name(_router(("a", "items", None)), "PATCH", "/api/items") == "a"


@pytest.mark.parametrize("path", ["/API/Items", "/api/items/", "/api/ITEMS"])
def test_literals_match_in_any_case_and_with_a_slash_at_the_end(path: str) -> None:
    assert _name(_router(("a", "items", None)), "GET", path) == "a"


@pytest.mark.parametrize("path", ["/items", "/api", "/api/items/1", "/api/items//", "//api/items", "/"])
def test_other_paths_do_not_match(path: str) -> None:
    assert _name(_router(("a", "items", None)), "GET", path) is None


def test_a_function_without_a_route_answers_under_its_name() -> None:
    assert _name(_router(("my_function", None, None)), "GET", "/api/my_function") == "my_function"


def test_the_prefix_may_be_empty_or_have_several_parts() -> None:
    assert _name(_router(("a", "items", None), prefix=""), "GET", "/items") == "a"
    assert _name(_router(("a", "items", None), prefix="v1/api"), "GET", "/v1/api/items") == "a"


def test_an_encoded_slash_stays_encoded_and_everything_else_is_decoded() -> None:
    assert _values("{id}", "/a%2Fb%20c%2fd%C3%A9+") == {"id": "a%2Fb c%2fdé+"}


@given(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1))
def test_a_parameter_takes_any_text_without_a_slash_whole(text: str) -> None:
    assert _values("{id}", "/" + quote(text, safe="")) == {"id": text}


ACCEPTED = [
    ("int", "-12"),
    ("int", "2147483647"),
    ("long", "2147483648"),
    ("bool", "TRUE"),
    ("datetime", "2026-11-22T10:00:00"),
    ("datetime", "12-31-2026"),
    ("datetime", "2026-12-31 7:32pm"),
    ("decimal", "1,234.5"),
    ("double", "1e-3"),
    ("float", "-.5"),
    ("guid", "CD2C1638-1638-72D5-1638-DEADBEEF1638"),
    ("guid", "{cd2c1638-1638-72d5-1638-deadbeef1638}"),
    ("guid", "cd2c1638163872d51638deadbeef1638"),
    ("alpha", "abC"),
    ("minlength(3)", "abc"),
    ("maxlength(3)", "abc"),
    ("length(3)", "abc"),
    ("length(2,4)", "abc"),
    ("min(18)", "18"),
    ("max(18)", "18"),
    ("range(1,5)", "5"),
    ("regex(^\\d{{3}}-\\d{{2}}$)", "123-45"),
    ("regex(b)", "aBc"),
    ("required", "x"),
    ("int:min(1)", "7"),
]
REFUSED = [
    ("int", "2147483648"),
    ("int", "1.0"),
    ("long", "9223372036854775808"),
    ("bool", "yes"),
    ("datetime", "tomorrow"),
    ("decimal", "1e3"),
    ("double", "one"),
    ("float", "1.2.3"),
    ("guid", "cd2c1638-1638-72d5-1638-deadbeef163"),
    ("alpha", "ab1"),
    ("alpha", "é"),
    ("minlength(3)", "ab"),
    ("maxlength(3)", "abcd"),
    ("length(3)", "abcd"),
    ("length(2,4)", "a"),
    ("min(18)", "17"),
    ("min(18)", "x"),
    ("max(18)", "19"),
    ("range(1,5)", "6"),
    ("regex(^\\d{{3}}$)", "1234"),
    ("int:min(1)", "0"),
]


@pytest.mark.parametrize(("constraint", "value"), ACCEPTED)
def test_a_constraint_accepts(constraint: str, value: str) -> None:
    assert _values(f"{{x:{constraint}}}", "/" + quote(value, safe="")) == {"x": value}


@pytest.mark.parametrize(("constraint", "value"), REFUSED)
def test_a_constraint_that_fails_is_a_404(constraint: str, value: str) -> None:
    assert _values(f"{{x:{constraint}}}", "/" + quote(value, safe="")) is None


def test_an_optional_parameter_may_be_left_out() -> None:
    assert _values("items/{id?}", "/items") == {}
    assert _values("items/{id?}", "/items/7") == {"id": "7"}


def test_the_constraint_of_an_optional_parameter_counts_only_if_it_is_there() -> None:
    assert _values("items/{id:int?}", "/items") == {}
    assert _values("items/{id:int?}", "/items/7") == {"id": "7"}
    assert _values("items/{id:int?}", "/items/x") is None


def test_a_default_stands_in_for_a_missing_parameter() -> None:
    assert _values("items/{page=1}", "/items") == {"page": "1"}
    assert _values("items/{page:int=1}", "/items/2") == {"page": "2"}


def test_a_catch_all_takes_the_rest_slashes_included() -> None:
    assert _values("files/{*path}", "/files/a/b.txt") == {"path": "a/b.txt"}
    assert _values("files/{**path}", "/files/a%2Fb/c") == {"path": "a%2Fb/c"}
    assert _values("files/{*path}", "/files") == {}
    assert _values("files/{*path=index}", "/files") == {"path": "index"}
    assert _values("files/{*n:int}", "/files/a") is None


def test_a_segment_may_mix_literals_and_parameters() -> None:
    assert _values("{name}.{ext}", "/a.b.txt") == {"name": "a.b", "ext": "txt"}
    assert _values("v{major}", "/V2") == {"major": "2"}
    assert _values("v{major}", "/v") is None


@pytest.mark.parametrize(
    "route",
    [
        "{id:phone}",
        "{id:min(x)}",
        "{id:length(1,2,3)}",
        "{id:regex([)}",
        "items/{id",
        "items/id}",
        "{}",
        "{a b}",
        "{***rest}",
        "{id}/{ID}",
        "{*rest}/more",
        "{name}.{ext?}",
    ],
)
def test_a_route_that_cannot_be_parsed_is_an_error_of_that_function(route: str) -> None:
    with pytest.raises(FunctionError):
        parse_template(route)
